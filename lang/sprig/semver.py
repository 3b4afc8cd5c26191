"""Semantic versions and constraints. Source: Masterminds/semver v3."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

from lang.sprig.registry import Table, fail, takes

_PART = r"(0|[1-9]\d*|\d+)"
_SUFFIX = r"(?:-([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(?:\+([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?"
_VERSION = re.compile(rf"v?{_PART}(?:\.{_PART})?(?:\.{_PART})?{_SUFFIX}")
_CONSTRAINT = re.compile(
    r"\s*(=|==|!=|>=|=>|<=|=<|>|<|~>|~|\^|)\s*v?([0-9xX*]+)(?:\.([0-9xX*]+))?(?:\.([0-9xX*]+))?"
    + _SUFFIX
    + r"\s*"
)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")


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
        if not self.prerelease:
            return (*numbers, 1)
        parts = [
            (0, int(part), "") if part.isdigit() else (1, 0, part)
            for part in self.prerelease.split(".")
        ]
        return (*numbers, 0, parts)

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def same(self, other: Version) -> bool:
        """Equal but for metadata."""
        return self._key() == other._key()


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
    "GreaterThan": lambda a, b: a > b and not a.same(b),
    "IncMajor": lambda v: Version(v.major + 1, 0, 0),
    "IncMinor": lambda v: Version(v.major, v.minor + 1, 0),
    "IncPatch": lambda v: Version(v.major, v.minor, v.patch + (not v.prerelease)),
}


def parse(text: str) -> Version:
    """The version of a text; missing parts are 0. Raises LangError(VALUE)."""
    match = _VERSION.fullmatch(text) if len(text) <= 256 else None
    if match is None:
        raise fail("invalid semantic version")
    major, minor, patch, pre, meta = match.groups()
    return Version(int(major), int(minor or 0), int(patch or 0), pre or "", meta or "", text)


def matches(constraint: str, text: str) -> bool:
    """Whether a version fits `>=1.2, <2 || ~3.1`. Raises LangError(VALUE)."""
    version = parse(text)
    groups = [_group(part) for part in constraint.split("||")]
    return any(all(test(version) for test in group) for group in groups)


Test = Callable[[Version], bool]


def _group(text: str) -> list[Test]:
    text = _HYPHEN.sub(r">=\1 <=\2", text)
    tests: list[Test] = []
    at = 0
    text = text.strip()
    while at < len(text):
        if text[at] == "," or text[at].isspace():
            at += 1
            continue
        match = _CONSTRAINT.match(text, at)
        if match is None:
            raise fail(f"improper constraint: {text}")
        tests.append(_test(match))
        at = match.end()
    if not tests:
        raise fail(f"improper constraint: {text}")
    return tests


def _wild(part: str | None) -> bool:
    return part is None or part in {"x", "X", "*"}


def _test(match: re.Match[str]) -> Test:
    operator, *numbers, pre, _meta = match.groups()
    given = 0
    for part in numbers:
        if _wild(part):
            break
        given += 1
    major, minor, patch = (int(p or 0) if i < given else 0 for i, p in enumerate(numbers))
    low = Version(major, minor, patch, pre or "")
    span = _RANGES.get(operator, _RANGES[""])
    compare = span(low, given)

    def test(version: Version) -> bool:
        # A pre-release only fits a constraint that names one.
        return (not version.prerelease or bool(pre)) and compare(version)

    return test


def _next(low: Version, place: int) -> Version:
    if place <= 0:
        return Version(1 << 62, 0, 0)
    if place == 1:
        return Version(low.major + 1, 0, 0, "0")
    if place == 2:
        return Version(low.major, low.minor + 1, 0, "0")
    return Version(low.major, low.minor, low.patch + 1, "0")


def _within(low: Version, high: Version) -> Test:
    return lambda version: not version < low and version < high


def _equal(low: Version, given: int) -> Test:
    return (lambda version: version.same(low)) if given == 3 else _within(low, _next(low, given))


def _tilde(low: Version, given: int) -> Test:
    return _within(low, _next(low, min(given, 2)))


def _caret(low: Version, given: int) -> Test:
    if given == 0:
        return lambda _version: True
    if low.major or given == 1:
        return _within(low, _next(low, 1))
    if low.minor or given == 2:
        return _within(low, _next(low, 2))
    return _within(low, _next(low, 3))


def _above(low: Version, given: int) -> Test:
    if given == 3:
        return lambda version: low < version and not version.same(low)
    high = _next(low, given)
    return lambda version: not version < high


def _at_most(low: Version, given: int) -> Test:
    if given == 3:
        return lambda version: version < low or version.same(low)
    high = _next(low, given)
    return lambda version: version < high


_RANGES: dict[str, Callable[[Version, int], Test]] = {
    "": _equal,
    "=": _equal,
    "==": _equal,
    "!=": lambda low, given: lambda version: not _equal(low, given)(version),
    ">": _above,
    "<": lambda low, _given: lambda version: version < low,
    **dict.fromkeys((">=", "=>"), lambda low, _given: lambda version: not version < low),
    **dict.fromkeys(("<=", "=<"), _at_most),
    **dict.fromkeys(("~", "~>"), _tilde),
    "^": _caret,
}

TABLE: Table = {
    "semver": takes("s", parse),
    "semverCompare": takes("ss", matches),
}
