"""Documents that name each other by where they stand: a path is looked up beside the file it stands in.

An issuer goes by name. A file of that name beside the lifecycle, or in the folder `issuers` next to the
lifecycle's folder, comes before a shipped one; `tokenflow init` lays folders out so.
"""

from pathlib import Path

from tokenflow.spec.shipped import FOLDERS


def beside(ref: str, document: str) -> str:
    """Return what *ref*, written in the file *document*, leads to; a shipped spec's name stays as it is."""
    return str(Path(document).parent / ref) if ref.endswith((".yaml", ".yml")) else ref


def issuer_of(name: str, lifecycle: str) -> str:
    """Return what to load as the issuer *name* of the lifecycle in the file *lifecycle*."""
    found = (path for path in around("Issuer", name, Path(lifecycle).parent) if path.is_file())
    return str(next(found, name))


def around(kind: str, name: str, folder: Path) -> tuple[Path, ...]:
    """Return where a document *name* of *kind* would be as seen from *folder*, the nearest first."""
    return folder / f"{name}.yaml", folder.parent / FOLDERS[kind] / f"{name}.yaml"
