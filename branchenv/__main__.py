"""`python -m branchenv`."""

import sys

from branchenv.cli import run

sys.exit(run())
