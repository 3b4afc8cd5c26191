"""`jsonpath(text, "$.a[1]")`: one value, or a list where the path may find several.

Source: evilmonkeyinc/jsonpath 0.8, which Argo calls: numbers are floats, `.length` counts.
"""

from __future__ import annotations

import re
from typing import Any

from lang import gojson, jsonpath
from lang.errors import ErrorKind, LangError
from lang.expr.values import conversion

_MANY = re.compile(r"\*|\.\.|\?\(|:|,")


def find(document: Any, path: Any) -> Any:
    """The value at `path` of a JSON text. Raises LangError for bad JSON, paths, missing keys."""
    for argument in (document, path):
        if not isinstance(argument, str):
            raise conversion(argument, "string")
    tree = gojson.plain_floats(gojson.parse(document))
    if not path.startswith("$"):
        text = f"invalid JSONPath selector '{path}' unexpected token '{path[:1]}' at index 0"
        raise LangError(ErrorKind.SYNTAX, text)
    if path == "$":
        return tree
    counted = path.removesuffix(".length")
    if counted != path:
        value = find_in(tree, counted)
        if isinstance(value, (list, dict, str)) and not (
            isinstance(value, dict) and "length" in value
        ):
            return len(value)
    return find_in(tree, path)


def find_in(tree: Any, path: str) -> Any:
    """The value in a parsed document."""
    if path == "$":
        return tree
    found = jsonpath.find(tree, path)
    if _MANY.search(_unquoted(path)):
        return found
    if not found:
        key = path.replace("]", "").replace("[", ".").rpartition(".")[2].strip("'\"")
        if key.lstrip("-").isdigit():
            text = f"index: invalid token index out of range '{key}'"
        else:
            text = f"key: invalid token key '{key}' not found"
        raise LangError(ErrorKind.VALUE, text)
    return found[0]


def _unquoted(path: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"", "", path)
