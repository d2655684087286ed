"""`python -m branchenv`, and the installed command."""

from branchenv.cli.main import main

if __name__ == "__main__":
    main()
