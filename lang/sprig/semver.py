"""Semantic versions. Source: Masterminds/semver v3. Constraints are `constraints`'."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

from lang.sprig.registry import fail

PRE_AND_META = (
    r"(?:-([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(?:\+([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?"
)
_VERSION = re.compile(r"v?(\d{1,19})(?:\.(\d{1,19}))?(?:\.(\d{1,19}))?" + PRE_AND_META, re.ASCII)
_LONGEST = 256


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """One version. Its capital names are what templates and expressions call."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    metadata: str = ""
    original: str = ""
    go_type = "*semver.Version"

    def __str__(self) -> str:
        pre = f"-{self.prerelease}" if self.prerelease else ""
        meta = f"+{self.metadata}" if self.metadata else ""
        return f"{self.major}.{self.minor}.{self.patch}{pre}{meta}"

    def method(self, name: str) -> Callable[..., Any] | None:
        """The method of this name."""
        return METHODS.get(name)

    def _key(self) -> tuple[Any, ...]:
        numbers = (self.major, self.minor, self.patch)
        return (*numbers, 1) if not self.prerelease else (*numbers, 0, pre_key(self.prerelease))

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def same(self, other: Version) -> bool:
        """Equal but for metadata."""
        return self._key() == other._key()


def pre_key(prerelease: str) -> list[tuple[int, int, str]]:
    """What pre-releases are ordered by: numbers before names, part by part."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in prerelease.split(".")
    ]


def _raised(major: int, minor: int, patch: int, version: Version) -> Version:
    """The next version; it keeps a `v` in front of how it is written."""
    mark = "v" if version.original.startswith("v") else ""
    return Version(major, minor, patch, original=f"{mark}{major}.{minor}.{patch}")


METHODS: dict[str, Callable[..., Any]] = {
    "Major": lambda version: version.major,
    "Minor": lambda version: version.minor,
    "Patch": lambda version: version.patch,
    "Prerelease": lambda version: version.prerelease,
    "Metadata": lambda version: version.metadata,
    "Original": lambda version: version.original,
    "String": str,
    "Compare": lambda a, b: 0 if a.same(b) else -1 if a < b else 1,
    "Equal": lambda a, b: a.same(b),
    "LessThan": lambda a, b: a < b,
    "LessThanEqual": lambda a, b: a < b or a.same(b),
    "GreaterThan": lambda a, b: b < a,
    "GreaterThanEqual": lambda a, b: b < a or a.same(b),
    "IncMajor": lambda v: _raised(v.major + 1, 0, 0, v),
    "IncMinor": lambda v: _raised(v.major, v.minor + 1, 0, v),
    "IncPatch": lambda v: _raised(v.major, v.minor, v.patch + (not v.prerelease), v),
}


def parse(text: str) -> Version:
    """The version of a text; missing parts are 0. Raises LangError(VALUE)."""
    match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise fail("invalid semantic version")
    major, minor, patch, pre, meta = match.groups()
    if any(part.isdigit() and len(part) > 1 and part[0] == "0" for part in (pre or "").split(".")):
        raise fail("version segment starts with 0")
    return Version(int(major), int(minor or 0), int(patch or 0), pre or "", meta or "", text)
