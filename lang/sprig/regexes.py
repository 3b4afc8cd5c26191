"""Regular expressions, in linear time. Source: sprig `regex.go`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lang import gofmt, regex
from lang.errors import LangError
from lang.gotypes import NoStrings, Strings
from lang.sprig.registry import Table, bounded, fail, takes


def _compiled(source: str) -> regex.Pattern:
    """As MustCompile: a bad pattern panics."""
    try:
        return regex.compile(source)
    except LangError as error:
        shown = gofmt.sprintf("%#q", source)
        raise fail(f"regexp: Compile({shown}): {error.message}") from None


def _match(source: str, text: str) -> bool:
    try:
        return regex.compile(source).search(text)
    except LangError:
        return False


def _replace(pattern: regex.Pattern, text: str, template: str, *, literal: bool) -> str:
    bounded((len(text) + 1) * (len(template) + 1))
    return pattern.replace(text, template, literal=literal)


def _find_all(pattern: regex.Pattern, text: str, limit: int) -> Any:
    return Strings(pattern.find_all(text, limit)) or NoStrings()


def _split(pattern: regex.Pattern, text: str, limit: int) -> Strings:
    return Strings(pattern.split(text, limit)) or NoStrings()


_PACE = 1  # each match is a step of Python's
_SLOW: Table = {
    "regexMatch": takes("ss", _match),
    "mustRegexMatch": takes("ss", lambda p, text: regex.compile(p).search(text)),
    "regexFind": takes("ss", lambda p, text: _compiled(p).find(text) or ""),
    "mustRegexFind": takes("ss", lambda p, text: regex.compile(p).find(text) or ""),
    "regexFindAll": takes("ssi", lambda p, text, n: _find_all(_compiled(p), text, n)),
    "mustRegexFindAll": takes("ssi", lambda p, text, n: _find_all(regex.compile(p), text, n)),
    "regexReplaceAll": takes("sss", lambda p, t, r: _replace(_compiled(p), t, r, literal=False)),
    "mustRegexReplaceAll": takes(
        "sss", lambda p, t, r: _replace(regex.compile(p), t, r, literal=False)
    ),
    "regexReplaceAllLiteral": takes(
        "sss", lambda p, t, r: _replace(_compiled(p), t, r, literal=True)
    ),
    "mustRegexReplaceAllLiteral": takes(
        "sss", lambda p, t, r: _replace(regex.compile(p), t, r, literal=True)
    ),
    "regexSplit": takes("ssi", lambda p, text, n: _split(_compiled(p), text, n)),
    "mustRegexSplit": takes("ssi", lambda p, text, n: _split(regex.compile(p), text, n)),
    "regexQuoteMeta": takes("s", regex.quote),
}
TABLE: Table = {name: replace(function, pace=_PACE) for name, function in _SLOW.items()}
