"""The `tokenflow` command: one file a command, imported only when it is called."""

import sys


def main() -> None:
    """Run the command line and leave with its exit code (docs/reference/exit-codes.md)."""
    from tokenflow.cli.app import run

    sys.exit(run(sys.argv[1:]))
