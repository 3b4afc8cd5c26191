"""Binding arguments to a template's inputs, and the variables that come of it.

Semantics: Argo's `ProcessArgs`. An argument's text is final: it is never looked at for tags
again. An input's own default is rendered with workflow variables, and shown with the other
inputs filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import values, variables
from engine.core.errors import CoreError
from engine.core.run import Run
from engine.core.values import Json
from engine.core.work import Call
from lang import gojson, tags
from lang.errors import LangError

LOCATIONS = (
    "s3", "gcs", "azure", "oss", "artifactory", "hdfs", "http", "git", "raw", "plugin",
)  # fmt: skip
_FIELDS = ("name", "default", "value", "valueFrom", "globalName", "enum", "description")


def bind(run: Run, call: Call, locals_: Mapping[str, Any]) -> None:
    """Fill `call.inputs` and `call.variables`. Raises CoreError or LangError.

    `locals_` are variables of the node itself (`node.name`, `pod.name`, `steps.name`).
    """
    assert call.template is not None
    declared = call.template.inputs
    known: dict[str, Any] = dict(locals_)
    parameters = [_parameter(run, call, p, known) for p in declared.get("parameters") or ()]
    own = {f"inputs.parameters.{p['name']}": p["value"] for p in parameters}
    if parameters:
        own["inputs.parameters"] = gojson.escape_html(gojson.dumps(parameters))
    known.update(own)
    _paths(call.template.outputs, known)
    artifacts = [_artifact(run, call, a, known) for a in declared.get("artifacts") or ()]
    for artifact in artifacts:
        known[f"inputs.artifacts.{artifact['name']}"] = artifact
        if artifact.get("path"):
            known[f"inputs.artifacts.{artifact['name']}.path"] = artifact["path"]
    call.variables = known
    shown: Json = {}
    if parameters:
        shown["parameters"] = _shown(parameters, call, own)
    if artifacts:
        shown["artifacts"] = artifacts
    call.inputs = shown or None


def _parameter(run: Run, call: Call, raw: Mapping[str, Any], locals_: Mapping[str, Any]) -> Json:
    name = str(raw.get("name") or "")
    absent = False
    if name in call.erased:
        raise CoreError(f"inputs.parameters.{name} was not supplied")
    if name in call.parameters:
        given = call.parameters[name]
        if given is not None:
            return _ordered({**raw, "value": given}, drop="valueFrom")
        absent = True
    value = _own_value(run, raw, name)
    if value is None:
        if absent:
            raise CoreError(
                f"inputs.parameters.{name}: argument references an absent optional "
                "(skipped/omitted node output with no default)"
            )
        raise CoreError(f"inputs.parameters.{name} was not supplied")
    if "{{" in value:
        value = tags.compile(value).render({**run.globals, **locals_}, allow_unresolved=True)
    shown = {**raw, "value": value}
    if "{{" in values.text(raw.get("default") or ""):
        shown["default"] = value
    return _ordered(shown)


def _own_value(run: Run, raw: Mapping[str, Any], name: str) -> str | None:
    if raw.get("value") is not None:
        return values.text(raw["value"])
    source = values.mapping(raw.get("valueFrom"))
    if source.get("configMapKeyRef") is not None:
        return config_map_input(run, source, f"inputs.parameters.{name}")
    for default in (source.get("default"), raw.get("default")):
        if default is not None:
            return values.text(default)
    return None


def config_map_input(run: Run, source: Mapping[str, Any], what: str) -> str:
    """The text of a `configMapKeyRef`, or its default where it does not exist."""
    try:
        reference = tags.render(dict(source["configMapKeyRef"]), run.globals)
    except LangError as error:
        raise CoreError(f"failed to substitute configMapKeyRef: {error.message}") from None
    try:
        return variables.config_map_value(run, reference)
    except CoreError as error:
        default = source.get("default")
        if default is not None and isinstance(error, variables.NotThere):
            return values.text(default)
        raise CoreError(f"unable to retrieve {what} from ConfigMap: {error}") from None


def _shown(parameters: list[Json], call: Call, own: Mapping[str, Any]) -> list[Json]:
    """The inputs as the node shows them: defaults that name other inputs are filled in."""
    shown = []
    for parameter in parameters:
        if parameter["name"] not in call.parameters and "{{inputs." in parameter["value"]:
            value = tags.compile(parameter["value"]).render(own, allow_unresolved=True)
            parameter = {**parameter, "value": value}
            if "default" in parameter:
                parameter["default"] = value
        shown.append(parameter)
    return shown


def _ordered(parameter: Mapping[str, Any], drop: str = "") -> Json:
    """Fields in the order of the reference, which the JSON of `inputs.parameters` shows."""
    return {
        key: parameter[key] for key in _FIELDS if parameter.get(key) is not None and key != drop
    }


def _paths(outputs: Mapping[str, Any], known: dict[str, Any]) -> None:
    for parameter in outputs.get("parameters") or ():
        path = values.mapping(parameter.get("valueFrom")).get("path")
        if path:
            known[f"outputs.parameters.{parameter['name']}.path"] = path
    for artifact in outputs.get("artifacts") or ():
        if artifact.get("path"):
            known[f"outputs.artifacts.{artifact['name']}.path"] = artifact["path"]


def has_location(artifact: Mapping[str, Any]) -> bool:
    """Whether an artifact says where it lies (a key alone is enough)."""
    return any(artifact.get(kind) for kind in LOCATIONS)


def _artifact(run: Run, call: Call, raw: Mapping[str, Any], known: Mapping[str, Any]) -> Json:
    name = str(raw.get("name") or "")
    given = next((a for a in call.artifacts if a.get("name") == name), None)
    scope = {**run.globals, **known}
    declared: Json = tags.compile(dict(raw)).render(scope, allow_unresolved=True)
    if not declared.get("optional"):
        if given is None and not has_location(declared):
            raise CoreError(f"inputs.artifacts.{name} was not supplied")
        if not has_location(declared) and not has_location(given or {}):
            raise CoreError(f"inputs.artifacts.{name} missing location information")
    if given is None:
        return declared
    kept: Json = {key: declared[key] for key in ("path", "mode", "recurseMode") if key in declared}
    if declared.get("optional") and not has_location(given):
        kept["optional"] = True
    return {**{k: v for k, v in given.items() if k not in ("path", "mode")}, **kept}
