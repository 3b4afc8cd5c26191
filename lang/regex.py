"""Regular expressions in RE2's syntax, in linear time, with Go's messages.

Owns compiling and its cache. Every pattern that a user writes goes through here: a pattern that
Go's regexp refuses is refused, and none can make matching slow.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

import re2

from lang.errors import ErrorKind, LangError

_MAX_PATTERN = 16 * 1024
_ANY_BYTE = re.compile(r"(?:[^\\]|\\[^C])*?\\C", re.DOTALL)  # RE2 has it, Go does not


def _options(memory: int) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    return options


# Nearly every pattern is small: thousands of them stay compiled, few of the large ones.
_SMALL = _options(256 << 10)
_LARGE = _options(8 << 20)

# What RE2 says, and how Go says it.
_MESSAGES = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "unexpected )": "unexpected )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "pattern too large": "expression too large",
}


class Pattern:
    """A compiled pattern."""

    __slots__ = ("_compiled", "source")

    def __init__(self, source: str, compiled: Any) -> None:
        self.source = source
        self._compiled = compiled

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in `text`."""
        try:
            return self._compiled.search(text) is not None
        except UnicodeEncodeError:  # half a surrogate pair
            return self._compiled.search(text.encode(errors="replace").decode()) is not None

    def find(self, text: str) -> str | None:
        """The leftmost match."""
        match = self._compiled.search(text)
        return None if match is None else str(match.group())

    def find_all(self, text: str, limit: int = -1) -> list[str]:
        """The matches from left to right, at most `limit` unless it is negative."""
        return [str(match.group()) for match in self._matches(text, limit)]

    def replace(self, text: str, template: str, *, literal: bool = False) -> str:
        """All matches replaced; `$1`, `${name}` stand for groups unless `literal`."""
        parts: list[str] = []
        at = 0
        for match in self._matches(text, -1):
            parts.append(text[at : match.start()])
            parts.append(template if literal else _expanded(template, match))
            at = match.end()
        return "".join([*parts, text[at:]])

    def split(self, text: str, limit: int = -1) -> list[str]:
        """The texts between the matches, at most `limit` of them unless it is negative."""
        if limit == 0:
            return []
        if self.source and not text:
            return [""]
        parts: list[str] = []
        start = end = 0
        for match in self._matches(text, -1):
            if 0 < limit == len(parts) + 1:
                break
            end = match.start()
            if match.end() != 0:
                parts.append(text[start:end])
            start = match.end()
        return [*parts, text[start:]] if end != len(text) else parts

    def _matches(self, text: str, limit: int) -> Iterator[Any]:
        """As Go iterates: an empty match next to the one before it does not count."""
        last = -1
        for count, match in enumerate(self._compiled.finditer(text)):
            if 0 <= limit <= count:
                return
            if match.start() == match.end() == last:
                continue
            last = match.end()
            yield match

    def __str__(self) -> str:
        return self.source


_REFERENCE = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")


def _expanded(template: str, match: Any) -> str:
    """Go's `Expand`: an unknown group is empty."""

    def group(reference: re.Match[str]) -> str:
        name = reference.group(1) or reference.group(2)
        if name is None:
            return "$"
        try:
            return str(match.group(int(name) if name.isdigit() else name) or "")
        except (IndexError, KeyError, re2.error):
            return ""

    return _REFERENCE.sub(group, template)


def quote(text: str) -> str:
    """The pattern that matches just this text: `regexp.QuoteMeta`."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


@functools.lru_cache(maxsize=4096)
def compile(source: str) -> Pattern:
    """The pattern of an RE2 source. Raises LangError(SYNTAX), or LIMIT where it is too large."""
    if len(source) > _MAX_PATTERN:
        raise LangError(ErrorKind.LIMIT, "regular expression is too long", 0)
    if "\\C" in source and _ANY_BYTE.match(source):
        text = "error parsing regexp: invalid escape sequence: `\\C`"
        raise LangError(ErrorKind.SYNTAX, text, 0)
    try:
        return Pattern(source, re2.compile(source, _SMALL))
    except re2.error as error:
        message = _message(error, source)
        if "expression too large" in message:
            return _large(source)
        raise LangError(ErrorKind.SYNTAX, message, 0) from None
    except UnicodeEncodeError:
        raise LangError(ErrorKind.SYNTAX, "error parsing regexp: invalid UTF-8", 0) from None


@functools.lru_cache(maxsize=64)
def _large(source: str) -> Pattern:
    try:
        return Pattern(source, re2.compile(source, _LARGE))
    except re2.error as error:
        raise LangError(ErrorKind.SYNTAX, _message(error, source), 0) from None


def _message(error: Exception, source: str) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    for theirs, ours in _MESSAGES.items():
        if text.startswith(theirs):
            rest = text[len(theirs) :].removeprefix(": ")
            return f"error parsing regexp: {ours}" + (f": `{rest}`" if rest else "")
    head, _, rest = text.partition(": ")
    return f"error parsing regexp: {head}" + (f": `{rest}`" if rest else "")
