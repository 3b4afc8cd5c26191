"""Scalar texts: parameter values, times and durations as the status and variables show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engine.core.errors import CoreError
from lang import gojson, strconv
from lang.errors import LangError

Json = dict[str, Any]


def text(value: Any) -> str:
    """A parameter value of any scalar type as the text it stands for (Argo's AnyString)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return strconv.format_float(value)
    if isinstance(value, int):
        return str(value)
    return gojson.marshal(value)


def rfc3339(moment: float | None) -> str:
    """A moment as Kubernetes writes times: UTC, whole seconds. Empty for None."""
    if moment is None:
        return ""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(stamp: str | None) -> float | None:
    """The inverse of `rfc3339`; fractions are kept. None for an absent or odd text."""
    if not stamp:
        return None
    try:
        return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def integer(value: Any, what: str) -> int:
    """An IntOrString as an int. Raises CoreError naming `what`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return strconv.atoi(str(value))
    except LangError as error:
        raise CoreError(f"{what}: {error.message}") from None


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}
