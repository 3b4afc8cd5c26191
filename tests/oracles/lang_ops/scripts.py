"""jq and Lua: resource outputs, transforms, script filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lang import gojson, jq, lua
from lang.errors import LangError

Case = dict[str, Any]


def _transform(case: Case) -> Case:
    document = gojson.parse(case["data"])
    if "jq" in case:
        return {"result": jq.marshal(jq.transform(case["jq"], document))}
    if not case["script"]:
        return {"result": case["data"]}
    return {"result": jq.marshal(lua.transform(case["script"], document))}


def _luafilter(case: Case) -> Case:
    try:
        return {"result": lua.filter(case["script"], gojson.parse(case["data"]))}
    except LangError as error:
        return {"error": error.message, "result": False}


OPS: dict[str, Callable[[Case], Case]] = {
    "jq": lambda c: {"result": jq.output(c["filter"], gojson.parse(c["input"]))},
    "transform": _transform,
    "luafilter": _luafilter,
}
