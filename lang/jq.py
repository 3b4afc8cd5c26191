"""jq: `transform.jq` of Sensors and `jqFilter` of resource outputs.

Owns what headrace asks of jq and the texts of its errors; programs run in `sandbox`. Needs the
library of the `scripts` extra. Source: gojq 0.12 as Argo calls it: numbers are float64, keys are
sorted, no modules, no environment.
"""

from __future__ import annotations

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
    return gojson.marshal(_plain(value))


def _plain(value: Any) -> Any:
    match value:
        case bool():
            return value
        case float():
            if value != value or abs(value) > 1.7976931348623157e308:
                text = f"json: unsupported value: {strconv.format_float(value)}"
                raise LangError(ErrorKind.VALUE, text)
            return gojson.RawFloat(strconv.format_float_json(value))
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value


def _run(program: str, document: Any, action: str) -> list[Any]:
    if not sandbox.available("jq"):
        text = "jq is not available: pip install 'headrace[scripts]'"
        raise LangError(ErrorKind.UNAVAILABLE, text)
    outputs: list[Any] = sandbox.run("jq", action, program, document)
    return outputs
