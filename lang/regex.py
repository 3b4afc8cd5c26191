"""Regular expressions in RE2's syntax, in linear time, with Go's messages.

Owns compiling and its cache. Every pattern that a user writes goes through here: a pattern that
Go's regexp refuses is refused, and none can make matching slow.
"""

from __future__ import annotations

import functools
from typing import Any

import re2

from lang.errors import ErrorKind, LangError

_MAX_PATTERN = 16 * 1024
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 8 << 20

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
        return self._compiled.search(text) is not None

    def __str__(self) -> str:
        return self.source


@functools.lru_cache(maxsize=64)
def compile(source: str) -> Pattern:
    """The pattern of an RE2 source. Raises LangError(SYNTAX), or LIMIT where it is too large."""
    if len(source) > _MAX_PATTERN:
        raise LangError(ErrorKind.LIMIT, "regular expression is too long", 0)
    try:
        return Pattern(source, re2.compile(source, _OPTIONS))
    except re2.error as error:
        raise LangError(ErrorKind.SYNTAX, _message(error, source), 0) from None
    except UnicodeEncodeError:
        raise LangError(ErrorKind.SYNTAX, "error parsing regexp: invalid UTF-8", 0) from None


def _message(error: Exception, source: str) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    for theirs, ours in _MESSAGES.items():
        if text.startswith(theirs):
            rest = text[len(theirs) :].removeprefix(": ")
            return f"error parsing regexp: {ours}" + (f": `{rest}`" if rest else "")
    head, _, rest = text.partition(": ")
    return f"error parsing regexp: {head}" + (f": `{rest}`" if rest else "")
