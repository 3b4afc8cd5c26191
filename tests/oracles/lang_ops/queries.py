"""gjson, sjson and kubectl's JSONPath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lang import gjson, gjson_text, jsonpath, sjson_text

Case = dict[str, Any]


def _gjson(case: Case) -> Case:
    found = gjson_text.get(case["json"], case["path"])
    return {
        "exists": found.exists,
        "type": found.type,
        "raw": found.raw,
        "string": found.string,
    }


def _parse(case: Case) -> Case:
    found = gjson_text.parse(case["json"])
    return {
        "type": found.type,
        "raw": found.raw,
        "string": found.string,
        "bool": gjson.truth(found),
        "float": gjson.float_text(found),
        "valid": gjson_text.valid(case["json"]),
    }


OPS: dict[str, Callable[[Case], Case]] = {
    "gjson": _gjson,
    "gjsonparse": _parse,
    "set": lambda c: {"result": sjson_text.set(c["json"], c["path"], c["value"])},
    "setraw": lambda c: {"result": sjson_text.set_raw(c["json"], c["path"], c["value"])},
    "jsonpath": lambda c: {"result": jsonpath.render(c["path"], c["object"])},
}
