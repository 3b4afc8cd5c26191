"""Whether a definition's schema is structural, and whether its rules compile.

A schema that is not structural is not refused by kube-apiserver of old definitions but named in
the condition NonStructuralSchema; new definitions are refused. The texts are Kubernetes'.
"""

from __future__ import annotations

from typing import Any

from headrace.local.apiserver.schema import cel, errors
from headrace.local.apiserver.schema.errors import FieldError
from headrace.local.apiserver.schema.rules import RULES
from lang import regex
from lang.errors import LangError

ROOT = "spec.validation.openAPIV3Schema"
_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean"})
_LOGIC = ("allOf", "anyOf", "oneOf", "not")
_STRUCTURE = (
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "type",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
)
_UNKNOWN_KEYS = ("$ref", "$schema", "definitions", "dependencies", "id", "patternProperties")


def violations(document: dict[str, Any], path: str = ROOT) -> list[FieldError]:
    """What is not structural; empty for a good schema."""
    out: list[FieldError] = []
    if document.get("type") != "object":
        if not document.get("type"):
            out.append(errors.required(f"{path}.type", "must not be empty at the root"))
        else:
            out.append(
                errors.invalid(f"{path}.type", document["type"], "must be object at the root")
            )
    _node(document, path, out, root=True)
    return out


def _node(schema: Any, path: str, out: list[FieldError], *, root: bool = False) -> None:
    if not isinstance(schema, dict):
        out.append(errors.invalid(path, schema, "must be a schema"))
        return
    unsupported = [key for key in _UNKNOWN_KEYS if key in schema]
    out += [errors.forbidden(f"{path}.{key}", f"{key} is not supported") for key in unsupported]
    _check_type(schema, path, out, root)
    _check_extensions(schema, path, out)
    for name, child in (schema.get("properties") or {}).items():
        _node(child, f"{path}.properties[{name}]", out)
    items, others = schema.get("items"), schema.get("additionalProperties")
    if items is not None:
        _node(items, f"{path}.items", out)
    if isinstance(others, dict):
        _node(others, f"{path}.additionalProperties", out)
        if schema.get("properties"):
            detail = "must not be specified together with properties"
            out.append(errors.forbidden(f"{path}.additionalProperties", detail))
    elif others is False:
        detail = "must not be set to false"
        out.append(errors.forbidden(f"{path}.additionalProperties", detail))
    _check_logic(schema, path, out)
    _check_pattern(schema, path, out)


def _check_type(schema: dict[str, Any], path: str, out: list[FieldError], root: bool) -> None:
    kind = schema.get("type")
    free = schema.get("x-kubernetes-int-or-string") or schema.get(
        "x-kubernetes-preserve-unknown-fields"
    )
    if not kind:
        if not free and not root:
            out.append(
                errors.required(f"{path}.type", "must not be empty for specified object fields")
            )
    elif kind not in _TYPES:
        out.append(errors.not_supported(f"{path}.type", kind, sorted(_TYPES)))
    if kind == "array" and schema.get("items") is None:
        out.append(errors.required(f"{path}.items", "must be specified"))
    if schema.get("x-kubernetes-int-or-string") and kind:
        detail = "must be empty if x-kubernetes-int-or-string is true"
        out.append(errors.invalid(f"{path}.type", kind, detail))


def _check_extensions(schema: dict[str, Any], path: str, out: list[FieldError]) -> None:
    kind = schema.get("type")
    if schema.get("x-kubernetes-embedded-resource") and kind != "object":
        detail = "must be object if x-kubernetes-embedded-resource is true"
        out.append(errors.invalid(f"{path}.type", kind or "", detail))
    list_type = schema.get("x-kubernetes-list-type")
    if list_type is not None and list_type not in ("atomic", "set", "map"):
        place = f"{path}.x-kubernetes-list-type"
        out.append(errors.not_supported(place, list_type, ["atomic", "map", "set"]))
    if list_type is not None and kind != "array":
        detail = "must be array if x-kubernetes-list-type is specified"
        out.append(errors.invalid(f"{path}.type", kind or "", detail))
    if list_type == "map" and not schema.get("x-kubernetes-list-map-keys"):
        detail = "must not be empty if x-kubernetes-list-type is map"
        out.append(errors.required(f"{path}.x-kubernetes-list-map-keys", detail))


def _check_logic(schema: dict[str, Any], path: str, out: list[FieldError]) -> None:
    """Inside anyOf and the like only values may be bounded; structure belongs outside."""
    free = bool(schema.get("x-kubernetes-int-or-string"))
    for key in _LOGIC:
        written = schema.get(key)
        if written is None:
            continue
        each = [(f"{path}.{key}", written)]
        if isinstance(written, list):
            each = [(f"{path}.{key}[{index}]", part) for index, part in enumerate(written)]
        for place, part in each:
            _value_only(part, place, out, types_allowed=free)


def _value_only(schema: Any, path: str, out: list[FieldError], *, types_allowed: bool) -> None:
    if not isinstance(schema, dict):
        return
    for key in _STRUCTURE:
        if key in schema and not (key == "type" and types_allowed):
            detail = f"must be empty to be structural, not {errors.shown(schema[key])}"
            if key in ("additionalProperties", "nullable", "default"):
                detail = "must be undefined to be structural"
            out.append(errors.forbidden(f"{path}.{key}", detail))
    for name, child in (schema.get("properties") or {}).items():
        _value_only(child, f"{path}.properties[{name}]", out, types_allowed=False)
    if isinstance(schema.get("items"), dict):
        _value_only(schema["items"], f"{path}.items", out, types_allowed=False)
    for key in _LOGIC:
        parts = schema.get(key)
        for part in parts if isinstance(parts, list) else [parts]:
            _value_only(part, f"{path}.{key}", out, types_allowed=types_allowed)


def _check_pattern(schema: dict[str, Any], path: str, out: list[FieldError]) -> None:
    pattern = schema.get("pattern")
    if pattern is None:
        return
    try:
        regex.compile(pattern)
    except LangError as error:
        detail = f"must be a valid regular expression, but isn't: {error.message}"
        out.append(errors.invalid(f"{path}.pattern", pattern, detail))


def rule_problems(document: dict[str, Any], path: str = ROOT) -> list[FieldError]:
    """Rules that do not compile. Empty also when the CEL library is missing."""
    out: list[FieldError] = []
    if cel.available():
        _compile_rules(document, path, out)
    return out


def _compile_rules(schema: dict[str, Any], path: str, out: list[FieldError]) -> None:
    for index, rule in enumerate(schema.get(RULES) or ()):
        for key in ("rule", "messageExpression"):
            source = str(rule.get(key) or "").strip()
            place = f"{path}.{RULES}[{index}].{key}"
            if not source:
                if key == "rule":
                    out.append(errors.required(place, "rule is not specified"))
                continue
            try:
                cel.program(source, schema.get("format") or "")
            except cel.CelError as error:
                out.append(errors.invalid(place, source, f"compilation failed: {error}"))
    for name, child in (schema.get("properties") or {}).items():
        _compile_rules(child, f"{path}.properties[{name}]", out)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            _compile_rules(schema[key], f"{path}.{key}", out)
