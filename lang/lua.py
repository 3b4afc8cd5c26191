"""Lua 5.1: `filters.script` and `transform.script` of Sensors.

Owns what headrace asks of Lua; programs run in `sandbox`, without os, io, loading of code, and
without a way to outlive their time. Needs the library of the `scripts` extra. Source: gopher-lua
as Argo Events calls it: the last returned value counts; nil members and nested arrays are dropped
on the way in; a table with a positive integer key is an array on the way out.
"""

from __future__ import annotations

from typing import Any

from lang import gojson, sandbox
from lang.errors import ErrorKind, LangError


def transform(script: str, document: Any) -> Any:
    """The table that the script returns, as a JSON value; an empty script changes nothing.

    Raises LangError.
    """
    if not script:
        return document
    return _run(script, document, "transform")


def filter(script: str, document: Any) -> bool:
    """Whether the script's last value is true; an empty script passes everything."""
    return not script or _run(script, document, "filter") is True


def _run(script: str, document: Any, action: str) -> Any:
    if document is not None and not isinstance(document, dict):
        kind = gojson.type_name(document)
        text = f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        raise LangError(ErrorKind.TYPE, text)
    if not sandbox.available("lupa"):
        text = "Lua is not available: pip install 'headrace[scripts]'"
        raise LangError(ErrorKind.UNAVAILABLE, text)
    return sandbox.run("lua", action, script, document or {})
