"""`python -m branchenv`."""

import sys

from branchenv.cli.main import run

sys.exit(run())
