"""Writing a keyed archive, in Apple's layout."""

import plistlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from tokenflow import SECOND, Instant
from tokenflow_ios.archive import REFERENCE

Reference: TypeAlias = plistlib.UID
Form: TypeAlias = plistlib.PlistFormat

BINARY: Final = plistlib.FMT_BINARY
XML: Final = plistlib.FMT_XML


class Objects:
    """The objects of an archive that is being written; each is put in once and known by its number."""

    def __init__(self) -> None:
        self._all: list[Any] = ["$null"]
        self._classes: dict[str, Reference] = {}

    def put(self, value: Any) -> Reference:
        """Put in *value* and return its reference; None is the archive's nil."""
        if value is None:
            return plistlib.UID(0)
        self._all.append(value)
        return plistlib.UID(len(self._all) - 1)

    def reserve(self) -> Reference:
        """Return a place that `fill` puts an object in: the root's, which stands before what it holds."""
        return self.put({})

    def fill(self, place: Reference, name: str, fields: Mapping[str, Any]) -> Reference:
        """Put an object of class *name* in its reserved *place*."""
        self._all[place.data] = {**fields, "$class": self._class(name)}
        return place

    def put_object(self, name: str, fields: Mapping[str, Any]) -> Reference:
        """Put in an object of class *name*."""
        return self.put({**fields, "$class": self._class(name)})

    def _class(self, name: str) -> Reference:
        if name not in self._classes:
            self._classes[name] = self.put({"$classname": name, "$classes": [name, "NSObject"]})
        return self._classes[name]

    def put_set(self, values: Iterable[str]) -> Reference:
        """Put in an NSSet of texts."""
        return self.put_object("NSSet", {"NS.objects": [self.put(value) for value in sorted(values)]})

    def put_date(self, instant: Instant | None) -> Reference:
        """Put in an NSDate, nil for None."""
        if instant is None:
            return self.put(None)
        return self.put_object("NSDate", {"NS.time": (instant - REFERENCE) / SECOND})

    def written(self, root: Reference, form: Form = BINARY) -> bytes:
        """Return the archive as a property list."""
        plist = {
            "$archiver": "NSKeyedArchiver",
            "$objects": self._all,
            "$top": {"root": root},
            "$version": 100_000,
        }
        return plistlib.dumps(plist if form is BINARY else _spelt_out(plist), fmt=form)


def _spelt_out(value: Any) -> Any:
    """Return *value* with its references as XML has them, which knows no UID."""
    again: Callable[[Any], Any] = _spelt_out
    if isinstance(value, plistlib.UID):
        return {"CF$UID": value.data}
    if isinstance(value, dict):
        return {name: again(entry) for name, entry in value.items()}
    return [again(entry) for entry in value] if isinstance(value, list) else value
