"""Whether a version fits `>=1.2, <2 || ~3.1`. Source: Masterminds/semver v3.

A part that is left out or `x` stands for any; each operator has its own idea of what follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lang.errors import LangError
from lang.sprig import semver
from lang.sprig.registry import Table, fail, takes
from lang.sprig.semver import Version

_OPERATORS = r"(?:=>|=<|!=|>=|<=|~>|=|>|<|~|\^|)"
_PART = r"[0-9|xX*]+"
_WRITTEN = rf"v?{_PART}(?:\.{_PART})?(?:\.{_PART})?" + re.sub(
    r"\((?!\?)", "(?:", semver.PRE_AND_META
)
_ONE = re.compile(
    rf"({_OPERATORS})\s*(v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?{semver.PRE_AND_META})"
)
_GROUP = re.compile(
    rf"\s*{_OPERATORS}\s*{_WRITTEN}\s*(?:(?:\s+|,\s*){_OPERATORS}\s*{_WRITTEN}\s*)*"
)
_HYPHEN = re.compile(rf"\s*({_WRITTEN})\s+-\s+({_WRITTEN})\s*")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class _Bound:
    """A version with how many of its parts were given."""

    version: Version
    given: int

    @property
    def open(self) -> bool:
        return self.given < 3


def matches(constraint: str, text: str) -> bool:
    """Whether a version fits a constraint. Raises LangError(VALUE)."""
    if len(constraint) > _LONGEST:
        raise fail("improper constraint: too long")
    groups = [_group(part) for part in _HYPHEN.sub(r">= \1, <= \2 ", constraint).split("||")]
    version = semver.parse(text)
    return any(_fits(group, version) for group in groups)


_Test = Callable[[Version, _Bound], bool]
_Group = list[tuple[_Test, _Bound]]


def _fits(group: _Group, version: Version) -> bool:
    # A pre-release fits only where some bound of the group names one.
    if version.prerelease and not any(bound.version.prerelease for _, bound in group):
        return False
    return all(test(version, bound) for test, bound in group)


def _group(text: str) -> _Group:
    if not _GROUP.fullmatch(text):
        raise fail(f"improper constraint: {text}")
    return [(_TESTS[match.group(1)], _bound(match)) for match in _ONE.finditer(text)]


def _bound(match: re.Match[str]) -> _Bound:
    parts: list[str] = []
    for part in match.group(3, 4, 5):
        if part is None or part in {"x", "X", "*"}:
            break
        parts.append(part)
    pre = f"-{match.group(6)}" if match.group(6) else ""
    try:
        low = semver.parse(".".join([*parts, "0", "0", "0"][:3]) + pre)
    except LangError:
        raise fail("constraint parser error") from None
    return _Bound(low, len(parts))


def _equal(version: Version, bound: _Bound) -> bool:
    return _tilde(version, bound) if bound.open else version.same(bound.version)


def _different(version: Version, bound: _Bound) -> bool:
    low = bound.version
    if not bound.open:
        return not version.same(low)
    if version.major != low.major:
        return True
    if bound.given < 2:
        # Without a major part the major is 0, and the minor counts as given.
        return bound.given == 0 and (version.minor, version.patch) != (0, 0)
    if version.minor != low.minor:
        return True
    return version.prerelease != low.prerelease


def _above(version: Version, bound: _Bound) -> bool:
    low = bound.version
    if not bound.open or (bound.given == 0 and version.major == low.major):
        return low < version
    if version.major != low.major:
        return version.major > low.major
    return bound.given == 2 and version.minor > low.minor


def _below(version: Version, bound: _Bound) -> bool:
    return version < bound.version


def _at_least(version: Version, bound: _Bound) -> bool:
    return not version < bound.version


def _at_most(version: Version, bound: _Bound) -> bool:
    low = bound.version
    if not bound.open:
        return not low < version
    if version.major != low.major:
        return version.major < low.major
    return bound.given == 1 or version.minor <= low.minor


def _tilde(version: Version, bound: _Bound) -> bool:
    low = bound.version
    if version < low:
        return False
    zeros = (low.major, low.minor, low.patch) == (0, 0, 0)
    if zeros and bound.given in {0, 3}:
        return True  # ~0.0.0 takes all
    if version.major != low.major:
        return False
    return bound.given == 1 or version.minor == low.minor


def _caret(version: Version, bound: _Bound) -> bool:
    low = bound.version
    if version < low:
        return False
    if version.major != low.major:
        return False
    if low.major > 0 or bound.given == 1:
        return True
    if low.minor > 0 or bound.given == 2:
        return version.minor == low.minor
    return version.minor == 0 and version.patch == low.patch


_TESTS: dict[str, _Test] = {
    "": _equal,
    "=": _equal,
    "!=": _different,
    ">": _above,
    "<": _below,
    **dict.fromkeys((">=", "=>"), _at_least),
    **dict.fromkeys(("<=", "=<"), _at_most),
    **dict.fromkeys(("~", "~>"), _tilde),
    "^": _caret,
}

TABLE: Table = {
    "semver": takes("s", semver.parse),
    "semverCompare": takes("ss", matches),
}
