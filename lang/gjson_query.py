"""Queries of gjson paths: `#(age>40)`, `#(name%"J*")`, `#(tags.#(=="x"))`, and glob patterns."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import re2

from lang import gjson_path, gojson, strconv
from lang.errors import LangError

Test = Callable[[Any], bool]
Compile = Callable[[str], Callable[[Any], Any]]
OPERATORS = ("==", "!=", "<=", ">=", "!%", "=", "<", ">", "%")


def compile_query(query: str, compile_path: Compile) -> Test:
    """The query as a test on one item."""
    path, operator, operand = _parts(query.strip())
    select = compile_path(path) if path else None
    if operator and operand.startswith("~"):
        compare = _tilde(operator, operand)
    else:
        compare = _comparison(operator, _operand(operand)) if operator else _present

    def test(item: Any) -> bool:
        if select is None:
            return compare(item)
        return isinstance(item, dict | list) and compare(select(item))

    return test


def _parts(query: str) -> tuple[str, str, str]:
    for i, _, depth in gjson_path.unquoted(query):
        if depth == 0:
            for operator in OPERATORS:
                if query.startswith(operator, i):
                    return query[:i].strip(), operator, query[i + len(operator) :].strip()
    return query, "", ""


def _operand(text: str) -> str:
    """The text to compare with: quotes are taken off, so that `1` and `"1"` are the same."""
    if not text.startswith('"'):
        return text
    end = text.find('"', 1)
    while end > 0 and text[end - 1] == "\\":
        end = text.find('"', end + 1)
    if end < 0:
        return text[1:]
    try:
        return str(gojson.parse(text[: end + 1]))
    except LangError:
        return text[1:end]


def _present(value: Any) -> bool:
    return value is None or isinstance(value, (bool, str, int, float, dict, list))


def _tilde(operator: str, operand: str) -> Test:
    """`~true` and the like: by truth rather than by type; nothing is null and false."""
    wanted = operand[1:].strip('"')
    holds = {"*": _present, "null": _nullish, "true": _truthy, "false": _falsy}.get(wanted)
    if holds is None:
        return lambda _: False
    return lambda value: _constant(holds(value), operator, "true")


def _nullish(value: Any) -> bool:
    return value is None or not _present(value)


def _falsy(value: Any) -> bool:
    if isinstance(value, str):
        return value.lower() in {"0", "f", "false"}
    return _nullish(value) or (isinstance(value, (int, float)) and value == 0)


def _truthy(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.lower() in {"1", "t", "true"}
    if isinstance(value, (int, float)):
        return value != 0
    return False


def _comparison(operator: str, wanted: str) -> Test:
    """Texts by the operand's text, numbers by its number, true and false by its word."""
    number = strconv.parse_float(wanted) or 0.0
    glob = matcher(wanted) if operator in {"%", "!%"} else None

    def test(value: Any) -> bool:
        if isinstance(value, str):
            if glob is not None:
                return glob(value) == (operator == "%")
            return _ordered(value, operator, wanted)
        if isinstance(value, bool):
            return _constant(value, operator, wanted)
        if isinstance(value, (int, float)):
            return _ordered(float(value), operator, number)
        return False

    return test


def _constant(value: bool, operator: str, wanted: str) -> bool:
    word, other = ("true", "false") if value else ("false", "true")
    match operator:
        case "=" | "==":
            return wanted == word
        case "!=":
            return wanted != word
        case ">" if value:
            return wanted == other
        case "<" if not value:
            return wanted == other
        case ">=":
            return value
        case "<=":
            return not value
        case _:
            return False


def _ordered(left: Any, operator: str, right: Any) -> bool:
    match operator:
        case "=" | "==":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case ">=":
            return bool(left >= right)
        case _:
            return False


@functools.lru_cache(maxsize=1024)
def matcher(pattern: str) -> Callable[[str], bool]:
    """A glob (`*`, `?`, backslash escapes) as a test on whole texts, in linear time."""
    pattern = pattern.encode(errors="replace").decode()
    parts: list[str] = []
    i = 0
    while i < len(pattern):
        character = pattern[i]
        if character == "\\" and i + 1 < len(pattern):
            i += 1
            parts.append(re2.escape(pattern[i]))
        elif character == "*":
            parts.append(".*")
        elif character == "?":
            parts.append(".")
        else:
            parts.append(re2.escape(character))
        i += 1
    compiled = re2.compile("(?s)" + "".join(parts))
    return lambda text: compiled.fullmatch(text.encode(errors="replace").decode()) is not None
