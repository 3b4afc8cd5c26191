"""Queries of gjson paths: `#(age>40)`, `#(name%"J*")`, `#(tags.#(=="x"))`, and glob patterns."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import re2

from lang import gojson
from lang.errors import LangError

Test = Callable[[Any], bool]
Compile = Callable[[str], Callable[[Any], Any]]
OPERATORS = ("==", "!=", "<=", ">=", "!%", "=", "<", ">", "%")


def compile_query(query: str, compile_path: Compile) -> Test:
    """The query as a test on one item."""
    path, operator, operand = _parts(query.strip())
    select = compile_path(path) if path else None
    if operator and operand.startswith("~"):
        return _tilde(select, operator, operand)
    wanted = _operand(operand) if operator else None

    def test(item: Any) -> bool:
        value = item if select is None else select(item)
        if not _present(value):
            return False
        return True if not operator else _compare(value, operator, wanted)

    return test


def _parts(query: str) -> tuple[str, str, str]:
    depth = 0
    quoted = False
    i = 0
    while i < len(query):
        character = query[i]
        if character == "\\":
            i += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            if character in "([{":
                depth += 1
            elif character in ")]}":
                depth -= 1
            elif depth == 0:
                for operator in OPERATORS:
                    if query.startswith(operator, i):
                        operand = query[i + len(operator) :].strip()
                        return query[:i].strip(), operator, operand
        i += 1
    return query, "", ""


def _operand(text: str) -> Any:
    if text.startswith('"'):
        end = text.find('"', 1)
        while end > 0 and text[end - 1] == "\\":
            end = text.find('"', end + 1)
        try:
            return gojson.parse(text[: end + 1]) if end > 0 else text[1:]
        except LangError:
            return text[1:end]
    try:
        return gojson.parse(text)
    except LangError:
        return text


def _present(value: Any) -> bool:
    return value is None or isinstance(value, (bool, str, int, float, dict, list))


def _tilde(select: Callable[[Any], Any] | None, operator: str, operand: str) -> Test:
    """`~true` and the like: by truth rather than by type."""
    wanted = operand[1:].strip('"')

    def test(item: Any) -> bool:
        value = item if select is None else select(item)
        present = _present(value)
        match wanted:
            case "*":
                same = present
            case "null":
                same = not present or value is None
            case "true" | "false":
                same = _truthy(value, present=present) == (wanted == "true")
            case _:
                same = False
        return same != (operator == "!=")

    return test


def _truthy(value: Any, *, present: bool) -> bool:
    if not present or value is None:
        return False
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.lower() in {"1", "t", "true"}
    if isinstance(value, (int, float)):
        return value != 0
    return False


def _compare(value: Any, operator: str, wanted: Any) -> bool:
    if isinstance(value, str):
        text = wanted if isinstance(wanted, str) else gojson.dumps(wanted)
        match operator:
            case "%":
                return matcher(text)(value)
            case "!%":
                return not matcher(text)(value)
        return isinstance(wanted, str) and _ordered(value, operator, wanted)
    if isinstance(value, bool) or value is None:
        return _constant(value, operator, wanted)
    if isinstance(value, (int, float)):
        number = isinstance(wanted, (int, float)) and not isinstance(wanted, bool)
        return number and _ordered(float(value), operator, float(wanted))
    return False


def _constant(value: Any, operator: str, wanted: Any) -> bool:
    same = type(value) is type(wanted) and value == wanted
    match operator:
        case "=" | "==":
            return same
        case "!=":
            return not same
        case ">":
            return value is True and wanted is False
        case ">=":
            return value is True
        case "<":
            return value is False and wanted is True
        case "<=":
            return value is False
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
    return lambda text: compiled.fullmatch(text) is not None
