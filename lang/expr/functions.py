"""The functions that Argo adds to expressions: asInt, asFloat, toJson, jsonpath, sprig.

Source: Argo Workflows `util/expr/env`. Which place has which is in `sites`.
"""

from __future__ import annotations

import functools
from typing import Any

from lang import gojson
from lang.expr import builtins, jsonpath_call, types, values
from lang.expr.types import Type
from lang.expr.values import Function


def _to_json(value: Any) -> str:
    return gojson.marshal(builtins.plain(value))


def _function(name: str, call: Any, returns: Type) -> Function:
    return Function(name, call, Type("func", "func", returns=returns))


@functools.cache
def sprig() -> dict[str, Function]:
    """Sprig's functions by name. Those that reach outside (env, DNS) are not there."""
    from lang import sprig as library

    return {name: Function(name, call) for name, call in library.FUNCTIONS.items()}


class _Sprig(dict[str, Any]):
    """Loads sprig when something is first asked of it; keeps compiling cheap."""

    __slots__ = ()

    def __missing__(self, name: str) -> Any:
        return sprig()[name]

    def __contains__(self, name: object) -> bool:
        return name in sprig()

    def __len__(self) -> int:
        return len(sprig())

    def get(self, name: str, default: Any = None) -> Any:
        return sprig().get(name, default)


ARGO: dict[str, Any] = {
    "asInt": _function("asInt", builtins.TABLE["int"], types.INT),
    "asFloat": _function("asFloat", builtins.TABLE["float"], types.FLOAT),
    "toJson": _function("toJson", _to_json, types.STRING),
    "jsonpath": _function("jsonpath", jsonpath_call.find, types.UNKNOWN),
    "sprig": _Sprig(),
}

__all__ = ["ARGO", "sprig", "values"]
