"""Endpoint paths: exact, or with variables as `/var/{id}` and `/re/{id:[0-9]+}`.

A variable without a pattern is one path segment. Patterns are RE2, so that no path is slow.
Semantics of the router the reference uses: the whole decoded path must match, a trailing slash
counts.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

import re2

_VARIABLE = re.compile(r"\{([^{}:]+)(?::((?:[^{}]|\{[0-9,]*\})+))?\}")


class BadPattern(ValueError):
    """The endpoint is no path this router can match."""


def compile_path(pattern: str) -> Callable[[str], bool] | None:
    """A matcher for a pattern with variables; None when `pattern` is a plain path.

    Raises BadPattern.
    """
    if not pattern.startswith("/"):
        raise BadPattern(f"endpoint {pattern!r} must begin with a slash")
    if "{" not in pattern and "}" not in pattern:
        return None
    parts, at = [], 0
    for match in _VARIABLE.finditer(pattern):
        parts.append(_literal(pattern, pattern[at : match.start()]))
        parts.append(f"(?:{match.group(2) or '[^/]+'})")
        at = match.end()
    parts.append(_literal(pattern, pattern[at:]))
    try:
        program = re2.compile("".join(parts))
    except re2.error as error:
        raise BadPattern(f"endpoint {pattern!r}: {error}") from None
    return lambda path: program.fullmatch(path) is not None


def _literal(pattern: str, text: str) -> str:
    if "{" in text or "}" in text:
        raise BadPattern(f"endpoint {pattern!r}: unbalanced braces")
    return str(re2.escape(text))


def cleaned(path: str) -> str:
    """`path` without empty, `.` and `..` segments; the router redirects to it."""
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean + "/" if path.endswith("/") and clean != "/" else clean
