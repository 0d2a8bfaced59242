"""`python -m tokenflow` is the `tokenflow` command."""

from tokenflow.cli import main

if __name__ == "__main__":
    main()
