"""jq: `transform.jq` of Sensors and `jqFilter` of resource outputs.

Owns what headrace asks of jq and the texts of its errors; programs run in `sandbox`. Needs the
library of the `scripts` extra. Source: gojq 0.12 as Argo calls it: numbers are float64, keys are
sorted, no modules, no environment.
"""

from __future__ import annotations

import json
from typing import Any

from lang import gojson, sandbox, strconv
from lang.errors import ErrorKind, LangError


def transform(program: str, document: Any) -> dict[str, Any] | None:
    """The first output over a JSON object, which must be an object. Raises LangError."""
    if document is not None and not isinstance(document, dict):
        kind = gojson.type_name(document)
        text = f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        raise LangError(ErrorKind.TYPE, text)
    found = _run(program, document, "first")
    if not found:
        raise LangError(ErrorKind.VALUE, "no output available from the jq command execution")
    value = found[0]
    if value is None and document is None:
        return None
    if not isinstance(value, dict):
        raise LangError(ErrorKind.TYPE, "jq transformation output must be a JSON object")
    return value


def output(program: str, document: Any) -> str:
    """All outputs as lines: texts as they are, anything else as JSON. Raises LangError."""
    found = _run(program, document, "all")
    lines = (value if isinstance(value, str) else marshal(value) for value in found)
    return "\n".join(lines).strip()


def marshal(value: Any) -> str:
    """An output as Go's encoder writes it."""
    return gojson.marshal(value)


def _run(program: str, document: Any, action: str) -> list[Any]:
    if not sandbox.available("jq"):
        text = "jq is not available: pip install 'headrace[scripts]'"
        raise LangError(ErrorKind.UNAVAILABLE, text)
    text = json.dumps(_floats(document), ensure_ascii=False, sort_keys=True)
    return [_DECODER.decode(output) for output in sandbox.run("jq", action, program, text)]


def _floats(value: Any) -> Any:
    """Numbers as float64 holds them; whole ones with the digits that Go prints."""
    match value:
        case bool() | str() | None:
            return value
        case gojson.RawInt():
            return float(value.text)
        case int() if -_EXACT < value < _EXACT:
            return value
        case int() | float():
            number = gojson.float64(value)
            if number.is_integer() and abs(number) < 1e21:
                return int(strconv.format_float_json(number))
            return number
        case dict():
            return {key: _floats(item) for key, item in value.items()}
        case _:
            return [_floats(item) for item in value]


def _number(text: str) -> float:
    """A number of an output; whole ones of a program keep their digits, as gojq's integers do."""
    number = float(text)
    if abs(number) >= _LARGEST:  # jq writes an infinite number as the largest one
        shown = "-Inf" if number < 0 else "+Inf"
        raise LangError(ErrorKind.VALUE, f"json: unsupported value: {shown}")
    return gojson.RawFloat(strconv.format_float_json(number))


_EXACT = 1 << 53
_LARGEST = 1.7976931348623157e308
_DECODER = json.JSONDecoder(parse_float=_number)
