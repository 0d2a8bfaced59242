"""What is written: YAML documents in, checked values out. Nothing here knows a plugin or makes a token."""

from tokenflow.spec.diagnostics import Diagnostic, Related, Span, render
from tokenflow.spec.documents import Document, check, check_all, digest_of, examine, load
from tokenflow.spec.errors import SpecError
from tokenflow.spec.names import Names
from tokenflow.spec.published import published
from tokenflow.spec.schema import schema
from tokenflow.spec.shipped import shipped
from tokenflow.spec.units import duration

__all__ = [
    "Diagnostic",
    "Document",
    "Names",
    "Related",
    "Span",
    "SpecError",
    "check",
    "check_all",
    "digest_of",
    "duration",
    "examine",
    "load",
    "published",
    "render",
    "schema",
    "shipped",
]
