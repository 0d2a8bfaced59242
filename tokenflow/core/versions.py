"""Versions of specs, and ranges of them: `<2.0.0`, `>=1.1 <2`, `1.2.3` (semver.org 2.0.0, §11)."""

import re
from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt
from typing import Any, Final, TypeAlias

import attrs

_VERSION: Final = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]+))?", re.ASCII)
_COMPARATOR: Final = re.compile(r"(<=|>=|<|>)(\d{1,9}(?:\.\d{1,9}){0,2})(-[0-9A-Za-z.-]+)?", re.ASCII)
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "": eq}

_Identifier: TypeAlias = tuple[int, int, str]


@attrs.frozen(order=True)
class Version:
    """One version; versions are ordered by precedence, a pre-release before its release."""

    major: int
    minor: int
    patch: int
    released: bool = True
    """False for a pre-release such as 2.0.0-rc.1."""
    pre: tuple[_Identifier, ...] = ()
    """Its identifiers as they compare: numbers as numbers, and before words."""

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read a version; raises ValueError when it is not one."""
        found = _VERSION.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a version; versions have three parts, such as 1.0.0")
        major, minor, patch, pre = found.groups()
        return cls(int(major), int(minor), int(patch), pre is None, _identifiers(pre))


def _identifiers(pre: str | None) -> tuple[_Identifier, ...]:
    if pre is None:
        return ()
    return tuple((0, int(one), "") if one.isdecimal() else (1, 0, one) for one in pre.split("."))


@attrs.frozen
class Range:
    """Versions that meet every comparator."""

    text: str
    comparators: tuple[tuple[str, Version], ...]

    @classmethod
    def parse(cls, text: str) -> "Range":
        """Read comparators with spaces between them; raises ValueError when they are none.

        A comparator may leave parts out (`<2` is `<2.0.0`); a version by itself is that one version.
        """
        parts = text.split()
        if not parts:
            raise ValueError("no versions are named; write them like <2.0.0, or >=1.1 <2")
        return cls(text, tuple(_comparator(one) for one in parts))

    def __contains__(self, version: Version) -> bool:
        return all(_COMPARE[sign](version, bound) for sign, bound in self.comparators)


def _comparator(text: str) -> tuple[str, Version]:
    found = _COMPARATOR.fullmatch(text)
    if found is None:
        try:
            return "", Version.parse(text)
        except ValueError:
            raise ValueError(f"{text!r} names no versions; write them like <2.0.0, or >=1.1 <2") from None
    sign, number, pre = found.groups()
    whole = number + ".0" * (2 - number.count("."))
    return sign, Version.parse(whole + (pre or ""))
