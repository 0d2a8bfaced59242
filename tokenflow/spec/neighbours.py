"""Documents that name each other by where they stand: a path is looked up beside the file it stands in.

An issuer goes by name. A file of that name beside the lifecycle, or in the folder `issuers` next to the
lifecycle's folder, comes before a shipped one; `tokenflow init` lays folders out so.
"""

from pathlib import Path


def beside(ref: str, document: str) -> str:
    """Return what *ref*, written in the file *document*, leads to; a shipped spec's name stays as it is."""
    return str(Path(document).parent / ref) if ref.endswith((".yaml", ".yml")) else ref


def issuer_of(name: str, lifecycle: str) -> str:
    """Return what to load as the issuer *name* of the lifecycle in the file *lifecycle*."""
    folder = Path(lifecycle).parent
    for path in (folder / f"{name}.yaml", folder.parent / "issuers" / f"{name}.yaml"):
        if path.is_file():
            return str(path)
    return name
