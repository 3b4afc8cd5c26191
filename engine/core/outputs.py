"""Outputs: of flows, at their end, and the global ones that a `globalName` publishes.

Semantics: Argo's `getTemplateOutputsFromScope` and `addOutputsToGlobalScope`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import arguments, expressions, values, variables
from engine.core.errors import CoreError
from engine.core.expressions import Site
from engine.core.run import Run
from engine.core.values import Json
from lang import strconv, tag_text, tag_values, tags
from lang.errors import LangError

_ABSENT = "an absent optional (skipped/omitted node output with no default)"


def of_flow(declared: Mapping[str, Any], scope: Mapping[str, Any]) -> Json | None:
    """The outputs of a steps or DAG template. Raises CoreError where one has no value."""
    found: Json = {}
    parameters = [
        _parameter(_named(_with_default(p, scope), scope), scope)
        for p in declared.get("parameters") or ()
    ]
    if parameters:
        found["parameters"] = parameters
    artifacts = [
        found_
        for raw in declared.get("artifacts") or ()
        if (found_ := _artifact(_named(raw, scope), scope))
    ]
    if artifacts:
        found["artifacts"] = artifacts
    return found or None


def _named(raw: Mapping[str, Any], scope: Mapping[str, Any]) -> Mapping[str, Any]:
    """The output with tags in its global name filled in."""
    name = str(raw.get("globalName") or "")
    if "{{" not in name:
        return raw
    return {**raw, "globalName": tags.render(name, scope, allow_unresolved=True)}


def _with_default(raw: Mapping[str, Any], scope: Mapping[str, Any]) -> Mapping[str, Any]:
    source = values.mapping(raw.get("valueFrom"))
    default = values.text(source["default"]) if source.get("default") is not None else ""
    if "{{" not in default:
        return raw
    text = tags.render(default, scope, allow_unresolved=True)
    return {**raw, "valueFrom": {**source, "default": text}}


def _parameter(raw: Mapping[str, Any], scope: Mapping[str, Any]) -> Json:
    source = values.mapping(raw.get("valueFrom"))
    kept = {k: v for k, v in raw.items() if k not in ("valueFrom", "default")}
    default = source.get("default")
    if source.get("parameter"):
        value = _reference(str(raw["name"]), str(source["parameter"]), scope, default)
    elif source.get("expression"):
        value = _expression(str(source["expression"]), scope, default)
    elif raw.get("value") is not None:
        value = values.text(raw["value"])
    else:
        raise CoreError(f"output parameter {raw.get('name')} has no valueFrom")
    return {**kept, "value": value}


def _reference(name: str, reference: str, scope: Mapping[str, Any], default: Any) -> str:
    plain = reference.strip().removeprefix("{{").removesuffix("}}").strip()
    if default is not None and (plain not in scope or scope[plain] is None):
        return values.text(default)
    if plain in scope and scope[plain] is None:
        raise CoreError(f'output parameter "{name}": "{plain}" is {_ABSENT}')
    member = tag_values.subfield(plain, scope) if plain not in scope else None
    if member is not None:
        return member
    try:
        _, value = tag_text.resolve_value(reference, scope)
    except LangError as error:
        raise CoreError(error.message) from None
    return values.text(value)


def _expression(source: str, scope: Mapping[str, Any], default: Any) -> str:
    try:
        value = expressions.evaluate(source, scope, Site.OUTPUT)
    except LangError as error:
        if default is None:
            raise CoreError(error.message) from None
        value = None
    if value is None:
        if default is None:
            raise CoreError(f"failed to evaluate expression {strconv.quote(source)}")
        return values.text(default)
    return values.text(value)


def _artifact(raw: Mapping[str, Any], scope: Mapping[str, Any]) -> Json | None:
    reference = str(raw.get("from") or "")
    kept = {k: raw[k] for k in ("name", "globalName", "optional") if k in raw}
    try:
        if raw.get("fromExpression"):
            value = expressions.evaluate(str(raw["fromExpression"]), scope, Site.ARTIFACT)
        elif arguments.is_skipped(reference, scope):
            return kept
        else:
            _, value = tag_text.resolve_value(reference, scope)
    except LangError as error:
        if raw.get("optional"):
            return None
        raise CoreError(f"unable to resolve outputs from scope: {error.message}") from None
    if not isinstance(value, Mapping):
        raise CoreError(f"output artifact {raw.get('name')} does not name an artifact")
    found = {k: v for k, v in value.items() if k not in ("path", "globalName", "optional")} | kept
    if raw.get("subPath"):
        text = tags.render(str(raw["subPath"]), scope, allow_unresolved=True)
        arguments.add_sub_path(found, str(text))
    return found


def publish(run: Run, outputs: Mapping[str, Any]) -> None:
    """Copy outputs with a `globalName` to the workflow's own; the later writer wins."""
    for kind in ("parameters", "artifacts"):
        for output in outputs.get(kind) or ():
            name = output.get("globalName")
            if not name or (kind == "parameters" and output.get("value") is None):
                continue
            if kind == "parameters":
                copy = {"name": name, "value": output["value"]}
            else:
                drop = ("name", "globalName", "path")
                copy = {"name": name} | {k: v for k, v in output.items() if k not in drop}
            known = [o for o in run.outputs.get(kind) or () if o["name"] != name]
            run.outputs[kind] = [*known, copy]
            run.head_dirty = True
            variables.set_outputs(run)
