"""jq inside the worker process: the library's dialect brought close to gojq's."""

from __future__ import annotations

import functools
import re
from typing import Any

from lang.errors import ErrorKind, LangError

_FORBIDDEN = re.compile(r"(?:^|[;|(\s])(import|include)\s+[\"']|(\$__loc__|\$__prog_args)\b")
_MAX_OUTPUTS = 1_000_000


def outputs(program: str, document: Any, action: str) -> list[Any]:
    """The first or all outputs. Raises LangError."""
    forbidden = _FORBIDDEN.search(program)
    if forbidden:
        module, variable = forbidden.groups()
        text = "cannot load module" if module else f"variable not defined: {variable}"
        raise LangError(ErrorKind.NAME, text)
    compiled = _compiled(program)
    found: list[Any] = []
    try:
        for value in compiled.input_value(_floats(document)):
            found.append(_whole(value))
            if action == "first" or len(found) > _MAX_OUTPUTS:
                break
    except (ValueError, StopIteration) as error:
        raise LangError(ErrorKind.VALUE, _runtime(str(error))) from None
    return found


@functools.lru_cache(maxsize=64)
def _compiled(program: str) -> Any:
    import jq

    try:
        return jq.compile(program)
    except ValueError as error:
        raise LangError(ErrorKind.SYNTAX, _syntax(str(error))) from None


def _floats(value: Any) -> Any:
    """Numbers as float64, whole ones without a fraction again."""
    match value:
        case bool() | str() | None:
            return value
        case int():
            return int(float(value)) if abs(value) >= 1 << 53 else value
        case list():
            return [_floats(item) for item in value]
        case dict():
            return {key: _floats(value[key]) for key in sorted(value)}  # as gojq has them
        case _:
            return _whole(value)


def _whole(value: Any) -> Any:
    match value:
        case float() if value.is_integer() and abs(value) < 1e21:
            return int(value)
        case float() if abs(value) >= 1.7976931348623157e308:
            return float("inf") if value > 0 else float("-inf")
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {key: _whole(item) for key, item in value.items()}
        case _:
            return value


def _syntax(message: str) -> str:
    unknown = re.search(r"([\w:$]+/\d+) is not defined", message)
    if unknown:
        return f"function not defined: {unknown.group(1)}"
    variable = re.search(r"\$(\w+) is not defined", message)
    if variable:
        return f"variable not defined: ${variable.group(1)}"
    if "unexpected end" in message or "unexpected $end" in message or "Unfinished" in message:
        return "unexpected EOF"
    return message.split("\n")[0]


def _runtime(message: str) -> str:
    index = re.match(r'Cannot index (\w+) with "', message)
    if index:
        return f"expected an object but got: {index.group(1)}"
    return message
