"""The functions of a template: Go's builtins over sprig's. Source: `text/template/funcs.go`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lang import gofmt, gotypes, sprig
from lang.gotemplate import compare, escapes
from lang.gotemplate.arguments import NO_VALUE
from lang.sprig import casting
from lang.sprig.registry import Function, fail, takes

LAZY = frozenset(["and", "or"])


def _index(value: Any, *keys: Any) -> Any:
    if value is None:
        raise fail("index of untyped nil")
    node = value
    for key in keys:
        node = _element(node, key)
    return node


def _element(node: Any, key: Any) -> Any:
    match node:
        case None:
            raise fail("index of nil pointer")
        case list() | str() | bytes():
            if isinstance(key, bool) or not isinstance(key, int):
                shown = "nil" if key is None else f"type {gofmt.type_name(key)}"
                raise fail(f"cannot index slice/array with {shown}")
            data = node.encode(errors="replace") if isinstance(node, str) else node
            if not 0 <= key <= len(data):
                raise fail(f"index out of range: {key}")
            if key == len(data):
                kind = "string" if isinstance(node, str) else "slice"
                raise fail(f"reflect: {kind} index out of range")
            return gotypes.Byte(data[key]) if isinstance(data, bytes) else data[key]
        case dict():
            if not isinstance(key, str):
                if key is None:
                    raise fail("value is nil; should be of type string")
                raise fail(f"value has type {gofmt.type_name(key)}; should be string")
            return node.get(key)
        case _:
            raise fail(f"can't index item of type {gofmt.type_name(node)}")


def _length(value: Any) -> int:
    if value is NO_VALUE:
        raise fail("reflect: call of reflect.Value.Type on zero Value")
    if value is None:
        raise fail("len of nil pointer")
    if isinstance(value, str):
        return len(value.encode(errors="replace"))
    if isinstance(value, (list, dict, bytes)):
        return len(value)
    raise fail(f"len of type {gofmt.type_name(value)}")


def _call(name: str, function: Any, *_arguments: Any) -> Any:
    """No value is a function here. The executor puts the name in front."""
    if function is None:
        raise fail("call of nil")
    raise fail(f"non-function {name} of type {gofmt.type_name(function)}")


def _and(*values: Any) -> Any:
    return next((value for value in values if casting.is_empty(value)), values[-1])


def _or(*values: Any) -> Any:
    return next((value for value in values if not casting.is_empty(value)), values[-1])


def _printf(layout: str, *values: Any) -> str:
    return gofmt.sprintf(layout, *values)


_BUILTINS: Mapping[str, Function] = {
    "and": takes("aa*", _and),
    "or": takes("aa*", _or),
    "not": takes("a", casting.is_empty),
    "index": takes("aa*", _index),
    "len": takes("r", _length),
    "call": takes("aa*", _call),
    "eq": takes("aa*", compare.equal),
    "ne": takes("aa", lambda left, right: not compare.equal(left, right)),
    "lt": takes("aa", compare.less),
    "le": takes("aa", compare.at_most),
    "gt": takes("aa", lambda left, right: not compare.at_most(left, right)),
    "ge": takes("aa", lambda left, right: not compare.less(left, right)),
    "print": takes("a*", gofmt.sprint),
    "println": takes("a*", gofmt.sprintln),
    "printf": takes("sa*", _printf),
    "html": takes("a*", escapes.html),
    "js": takes("a*", escapes.js),
    "urlquery": takes("a*", escapes.urlquery),
}

# A template sees an environment without variables: what runs here is none of a manifest's business.
_EMPTY_ENVIRONMENT: Mapping[str, Function] = {
    "env": takes("s", lambda _name: ""),
    "expandenv": takes("s", lambda text: _expand(text)),
}


def _expand(text: str) -> str:
    import re

    return re.sub(r"\$(?:\{[^}]*\}|\w+)", "", text)


TABLE: Mapping[str, Function] = {**_BUILTINS, **sprig.FUNCTIONS, **_EMPTY_ENVIRONMENT}
