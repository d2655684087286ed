"""The commands behind `make check` and `make sbom`: `python -m ci.supply_chain --help`."""

import argparse
import sys
from pathlib import Path

from local.errors import LocalError


def main() -> int:
    """Run one command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ci.supply_chain", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("advisories", help="known vulnerabilities of every pinned requirement, asked of OSV")
    commands.add_parser("secrets", help="secrets in the files and in git's history, looked for by gitleaks")
    sbom = commands.add_parser("sbom", help="what the jobs' image contains, as CycloneDX JSON")
    sbom.add_argument("file", type=Path, help="where to write it")
    arguments = parser.parse_args()
    # Each is needed alone, and has imports of its own.
    try:
        if arguments.command == "advisories":
            from ci.supply_chain import advisories

            return advisories.check()
        if arguments.command == "secrets":
            from ci.supply_chain import leaks

            return leaks.check()
        from ci.supply_chain import bill

        return bill.write(arguments.file)
    except LocalError as e:
        print(f"error: {e}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
