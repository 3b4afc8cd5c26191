"""Integers that manifests may give as text: retry limits, sequence bounds, deadlines.

Owns reading them. Semantics: Kubernetes' IntOrString (int32) and Argo's reading of it. Callers:
the engine core, decoding.
"""

from __future__ import annotations

from typing import Any

from lang import gojson, strconv
from lang.errors import ErrorKind, LangError


def resolve(value: Any, field: str = "") -> int | None:
    """The int of a JSON value: an int32, a text of digits, or None for null.

    Raises LangError(TYPE) as Go's decoder words it for `field`, VALUE for another text.
    """
    match value:
        case None:
            return None
        case str():
            return _from_text(value)
        case bool() | list() | dict():
            raise _mismatch(gojson.type_name(value), field)
        case int() if -(1 << 31) <= value < 1 << 31:
            return int(value)
        case _:
            raise _mismatch(f"number {gojson.dumps(value)}", field)


def _from_text(text: str) -> int:
    try:
        return strconv.atoi(text)
    except LangError:
        message = f"value '{text}' cannot be resolved to an int"
        raise LangError(ErrorKind.VALUE, message, 0) from None


def _mismatch(kind: str, field: str) -> LangError:
    message = f"json: cannot unmarshal {kind} into Go struct field {field} of type int32"
    return LangError(ErrorKind.TYPE, message)
