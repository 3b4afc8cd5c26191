"""Expression filters of Sensor dependencies: govaluate over fields of the event's data.

Owns the combination of filters by `and`/`or` and its messages. Semantics: Argo Events (fields by
gjson path; a filter without fields passes; what is no boolean does not). Caller: Sensor filters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lang import gjson, govaluate
from lang.errors import ErrorKind, LangError


@dataclass(frozen=True, slots=True)
class ExprFilter:
    """`fields` maps the names in `expr` to gjson paths."""

    expr: str
    fields: tuple[tuple[str, str], ...]


def passes(filters: Iterable[ExprFilter], operator: str, document: Any) -> bool:
    """Whether the data of an event passes; `operator` is "or", else all filters are needed.

    Raises LangError where a filter could not be evaluated and none decided.
    """
    either = operator == "or"
    failures: list[LangError] = []
    for item in filters:
        try:
            passed = _passes(item, document)
        except LangError as error:
            if not either:
                message = f"expr filter error ({error.message})"
                raise LangError(error.kind, message, error.position) from None
            failures.append(error)
            continue
        if passed is None:
            continue
        if passed == either:
            return either
    if failures:
        reasons = " / ".join(error.message for error in failures)
        raise LangError(failures[0].kind, f"expr filter errors [{reasons}]")
    return not either


def _passes(item: ExprFilter, document: Any) -> bool | None:
    parameters: dict[str, Any] = {}
    for name, path in item.fields:
        result = gjson.get(document, path)
        if not result.exists:
            raise LangError(ErrorKind.NAME, f"path '{path}' does not exist")
        parameters[name] = _plain(result.value)
    if not parameters:
        return None
    return govaluate.compile_expr(item.expr).eval(parameters) is True


def _plain(value: Any) -> Any:
    """A JSON value as govaluate takes it: every number a float64."""
    match value:
        case bool():
            return value
        case int() | float():
            return _float(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return value


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def of(mapping: Mapping[str, Any]) -> ExprFilter:
    """The filter of a JSON object as it stands in a Sensor."""
    fields = tuple((f["name"], f["path"]) for f in mapping.get("fields") or ())
    return ExprFilter(mapping.get("expr") or "", fields)
