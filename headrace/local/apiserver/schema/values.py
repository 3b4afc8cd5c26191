"""Checks values against a structural schema, with Kubernetes' texts.

A schema node becomes a `Node` the first time a value reaches it, so that a definition of a
megabyte costs nothing until used. Source of order and wording: the OpenAPI validation that
kube-apiserver runs on custom resources.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.local.apiserver.schema import combinations, errors, lists, scalars
from headrace.local.apiserver.schema.errors import FieldError
from headrace.local.apiserver.schema.paths import Path, text_of

Check = Callable[[Any, Path, list[FieldError]], None]
INT_OR_STRING = "x-kubernetes-int-or-string"


class Node:
    """One place of a schema, ready to check values. Safe to share; holds no value."""

    __slots__ = ("_checks", "_children", "_items", "_nullable", "_others", "_schema", "_types")

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._children: dict[str, Node] = {}
        self._items = _node(schema.get("items"))
        self._others = _node(schema.get("additionalProperties"))
        self._nullable = bool(schema.get("nullable"))
        self._types = _types(schema)
        self._checks = _compile(schema)

    def validate(self, value: Any, path: Path, out: list[FieldError]) -> None:
        """Append what is wrong with `value`."""
        self._check_type(value, path, out)
        if value is None:
            if "enum" in self._schema:
                _one_of_words(self._schema["enum"])(value, path, out)
            return
        for check in self._checks:
            check(value, path, out)
        if isinstance(value, dict):
            self._check_fields(value, path, out)
        elif isinstance(value, list) and self._items is not None:
            for index, each in enumerate(value):
                self._items.validate(each, (path, index), out)

    def _check_fields(self, value: dict[str, Any], path: Path, out: list[FieldError]) -> None:
        missing = [name for name in self._schema.get("required") or () if name not in value]
        out += [errors.required(text_of((path, name))) for name in missing]
        for key, each in value.items():
            child = self._children.get(key) or self._child(key)
            if child is not None:
                child.validate(each, (path, key), out)

    def _child(self, key: str) -> Node | None:
        schema = (self._schema.get("properties") or {}).get(key)
        if schema is None:
            return self._others
        child = self._children[key] = Node(schema)
        return child

    def _check_type(self, value: Any, path: Path, out: list[FieldError]) -> None:
        wanted = self._types
        if not wanted or (value is None and self._nullable):
            return
        found, form = _kind(value)
        if found in wanted and found not in ("integer", "number"):
            return
        integral = isinstance(value, float) and value.is_integer() and "integer" in wanted
        fits = found in wanted or integral or (found == "integer" and "number" in wanted)
        wish = self._schema.get("format") or ""
        if wish and found not in ("string", "array", "null") and not (fits or form == wish):
            out.append(_wrong_type(path, wish, form))
        elif not fits and not self._passes_by_format(found, wish):
            out.append(_wrong_type(path, ",".join(wanted), found))

    def _passes_by_format(self, found: str, wish: str) -> bool:
        """A text or list is left to the format's own check, unless a number is wanted."""
        numeric = "number" in self._types or "integer" in self._types
        return bool(wish) and not numeric and found in ("string", "array")


def _node(schema: Any) -> Node | None:
    return Node(schema) if isinstance(schema, dict) else None


def _types(schema: dict[str, Any]) -> tuple[str, ...]:
    if schema.get(INT_OR_STRING):
        return ("integer", "string")
    return (schema["type"],) if schema.get("type") else ()


def _kind(value: Any) -> tuple[str, str]:
    """The JSON type of a value, and the format its Go value has."""
    match value:
        case None:
            return "null", ""
        case bool():
            return "boolean", ""
        case str():
            return "string", ""
        case int():
            return "integer", "int64"
        case float():
            return "number", "float64"
        case list():
            return "array", ""
        case _:
            return "object", ""


def _wrong_type(path: Path, wanted: str, found: str) -> FieldError:
    name = text_of(path)
    detail = f'{name} in body must be of type {wanted}: "{found}"'
    return errors.type_invalid(name, found, detail)


def _compile(schema: dict[str, Any]) -> list[Check]:
    checks: list[Check] = []
    checks += combinations.checks(schema, lambda each: Node(each).validate)
    checks += scalars.numbers(schema)
    checks += scalars.texts(schema)
    checks += _sizes(schema)
    if "enum" in schema:
        checks.append(_one_of_words(schema["enum"]))
    if kind := schema.get("x-kubernetes-list-type"):
        checks += lists.checks(kind, schema)
    return checks


def _one_of_words(words: list[Any]) -> Check:
    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        if not any(value == word and type(value) is type(word) for word in words):
            out.append(errors.not_supported(text_of(path), value, words))

    return check


def _sizes(schema: dict[str, Any]) -> list[Check]:
    found: list[Check] = []
    if "minItems" in schema or "maxItems" in schema:
        found.append(_size(list, schema.get("minItems"), schema.get("maxItems"), "items"))
    if "minProperties" in schema or "maxProperties" in schema:
        least, most = schema.get("minProperties"), schema.get("maxProperties")
        found.append(_size(dict, least, most, "properties"))
    return found


def _size(
    of: type[list[Any]] | type[dict[str, Any]], least: int | None, most: int | None, words: str
) -> Check:
    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        if not isinstance(value, of):
            return
        count = len(value)
        if least is not None and count < least:
            name = text_of(path)
            detail = f"{name} in body should have at least {least} {words}"
            out.append(errors.invalid(name, count, detail))
        if most is not None and count > most:
            out.append(errors.too_many(text_of(path), count, most))

    return check
