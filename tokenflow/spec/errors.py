"""A spec file cannot be used: every problem of the file at once."""

from collections.abc import Iterable

from tokenflow.core import errors
from tokenflow.spec.diagnostics import Diagnostic, render


class SpecError(errors.SpecError):
    """A spec file cannot be used as it stands; `diagnostics` holds every problem found in it."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(render(one) for one in self.diagnostics))
