"""A ticket is printed where nothing keeps it."""

import os
import stat
import sys
from io import UnsupportedOperation

import click


def demand_nothing_kept() -> None:
    """Raise a usage error when stdout is a file: a secret would stay in it, in the clear."""
    try:
        kept = stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError, UnsupportedOperation):  # no file at all
        return
    if kept:
        raise click.UsageError("a ticket is not written to a file: pipe it to whoever sends it on")
