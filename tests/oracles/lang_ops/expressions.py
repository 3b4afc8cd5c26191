"""expr-lang at every place where it stands in a manifest."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from lang import expr, expr_places, gojson, strconv, tag_values
from lang.errors import ErrorKind, LangError
from lang.expr import values

Case = dict[str, Any]
_EARLY = frozenset([ErrorKind.SYNTAX, ErrorKind.NAME])


def _nested(case: Case) -> Case:
    return tag_values.nest(case.get("env") or {})


def typed(value: Any) -> Any:
    """The value in the vectors' typed JSON."""
    match value:
        case float() if value != value or abs(value) == float("inf"):
            return {"$float": strconv.format_float(value)}
        case datetime():
            return {"$time": value.isoformat().replace("+00:00", "Z")}
        case values.Duration():
            return {"$duration": values.go_text(value)}
        case values.Location():
            return {"$location": value.name}
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case values.Function():
            return {"$func": True}
        case int() if type(value) not in (bool, int):
            return int(value)
        case list():
            return [typed(item) for item in value]
        case dict() if not all(isinstance(key, str) for key in value):
            return {"$map": {values.go_text(k): typed(v) for k, v in value.items()}}
        case dict():
            return {key: typed(item) for key, item in value.items()}
        case _:
            return value


def _expr(case: Case) -> Case:
    env = _nested(case)
    try:
        program = expr.compile(case["expr"], site="template")
        program.check(env)
    except LangError as error:
        return {"error": error.message, "stage": "compile"}
    try:
        value = program.eval(env)
    except LangError as error:
        return {"error": error.message, "stage": "run"}
    return {"result": typed(value), "resultType": values.type_name(value)}


def _exprbool(case: Case) -> Case:
    verdict = expr.compile(case["expr"], site="retry").holds(_nested(case))
    return {"result": verdict, "resultType": "bool"}


def _output(case: Case) -> Case:
    text = expr_places.output(case["expr"], _nested(case))
    return {"result": text, "resultType": "string"}


def _event_env(case: Case) -> Case:
    return expr_places.event_environment(
        "lab", case["discriminator"], case["headers"], json.loads(case["payload"])
    )


OPS: dict[str, Callable[[Case], Case]] = {
    "expr": _expr,
    "exprbool": _exprbool,
    "output": _output,
    "event-selector": lambda c: {"result": expr_places.selected(c["expr"], _event_env(c))},
    "event-parameter": lambda c: {
        "result": expr_places.event_parameter("p", c["expr"], _event_env(c))
    },
    "event-name": lambda c: {"result": expr_places.event_name(c["expr"], _event_env(c))},
    "http-success": lambda c: {
        "result": expr_places.http_success(c["expr"], c["http"], c["response"])
    },
    "data-transform": lambda c: {"result": typed(expr_places.transformed(c["expr"], c["data"]))},
    "rbac-rule": lambda c: {"result": expr_places.granted(c["expr"], c["claims"])},
    "exprfilter": lambda c: {"result": expr_places.event_passes(c["expr"], c["data"])},
}

__all__ = ["OPS", "gojson"]
