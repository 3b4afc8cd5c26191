"""Inputs of a template: arguments, defaults and ConfigMap values, put into its body.

Owns what value each input has, and the two passes over the template: global and local names,
then `inputs.*` and the paths of artifacts and outputs. Semantics: Argo's `ProcessArgs`. Values of
arguments and ConfigMaps are literal in both passes; only what the template itself says is
scanned. Caller: the engine core, before a template runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lang import gojson, tags
from lang.errors import ErrorKind, LangError
from lang.tags import Literal, Template

CONFIG_MAP_TYPE_LABEL = "workflows.argoproj.io/configmap-type"
PARAMETER_TYPE = "Parameter"

_LOCATIONS = frozenset(
    {"s3", "git", "http", "artifactory", "hdfs", "raw", "oss", "gcs", "azure", "plugin", "key"}
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What inputs are resolved among. `config_maps`: those of the namespace, by name.

    `portable` refuses values that Argo could not carry (control characters).
    """

    globals: Mapping[str, Any] = field(default_factory=dict)
    locals: Mapping[str, Any] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    portable: bool = False


def resolve(
    template: Mapping[str, Any], arguments: Mapping[str, Any], around: Surroundings
) -> Template:
    """The template with its inputs resolved and known tags filled in; other tags stay tags.

    Both are JSON objects. `.tree()` of the result is the template; go on with `.bind`/`.render`
    for later names. Raises LangError(NAME or VALUE) with Argo's message.
    """
    inputs = dict(template.get("inputs") or {})
    given = _by_name(arguments.get("parameters"))
    if inputs.get("parameters"):
        inputs["parameters"] = [
            _parameter(p, given.get(p["name"]), around) for p in inputs["parameters"]
        ]
    artifacts = _by_name(arguments.get("artifacts"))
    if inputs.get("artifacts"):
        inputs["artifacts"] = [_artifact(a, artifacts.get(a["name"])) for a in inputs["artifacts"]]
    whole = {**template, "inputs": inputs} if inputs else dict(template)
    compiled = tags.compile(whole)
    bound = compiled.bind({**around.globals, **around.locals}, portable=around.portable)
    return bound.bind(_scope(bound.tree()), portable=around.portable)


def _by_name(entries: Iterable[Mapping[str, Any]] | None) -> dict[str, Mapping[str, Any]]:
    return {entry["name"]: entry for entry in entries or ()}


def _parameter(
    declared: Mapping[str, Any], argument: Mapping[str, Any] | None, around: Surroundings
) -> dict[str, Any]:
    """The declared input with its value; values from outside are literal."""
    name = declared["name"]
    value: Any = gojson.any_string(declared.get("value"))
    if value is None:
        value = gojson.any_string(declared.get("default"))
    source = declared.get("valueFrom")
    if argument is not None:
        # An argument without a value takes the input's own value away.
        text = gojson.any_string(argument.get("value"))
        value = None if text is None else Literal(text)
        source = argument.get("valueFrom") if text is None else None
    reference = (source or {}).get("configMapKeyRef")
    if reference is not None:
        value = _from_config_map(name, source or {}, reference, around)
    elif value is None:
        raise LangError(ErrorKind.NAME, f"inputs.parameters.{name} was not supplied")
    result = {key: v for key, v in declared.items() if key not in ("value", "valueFrom")}
    if "default" in result:
        result["default"] = gojson.any_string(result["default"])
    result["value"] = value
    if source is not None:
        result["valueFrom"] = source
    return result


def _from_config_map(
    name: str, source: Mapping[str, Any], reference: Mapping[str, Any], around: Surroundings
) -> Any:
    try:
        map_name = tags.render(reference.get("name") or "", around.globals)
        key = tags.render(reference.get("key") or "", around.globals)
    except LangError as error:
        message = f"failed to substitute configMapKeyRef: {error.message}"
        raise LangError(error.kind, message, error.position) from None
    try:
        return Literal(_config_map_value(map_name, key, around.config_maps))
    except LangError as error:
        default = source.get("default")
        if default is not None and error.kind is ErrorKind.NAME:
            return gojson.any_string(default)
        message = f"unable to retrieve inputs.parameters.{name} from ConfigMap: {error.message}"
        raise LangError(error.kind, message) from None


def _config_map_value(name: str, key: str, config_maps: Mapping[str, Mapping[str, Any]]) -> str:
    label = f"{CONFIG_MAP_TYPE_LABEL}: {PARAMETER_TYPE}"
    config_map = config_maps.get(name)
    if config_map is None:
        message = (
            f"ConfigMap '{name}' does not exist. Please make sure it has the label {label} to be"
            " detectable by the controller"
        )
        raise LangError(ErrorKind.NAME, message)
    labels = (config_map.get("metadata") or {}).get("labels") or {}
    if labels.get(CONFIG_MAP_TYPE_LABEL) != PARAMETER_TYPE:
        message = f"ConfigMap '{name}' needs to have the label {label} to load parameters"
        raise LangError(ErrorKind.VALUE, message)
    data = config_map.get("data") or {}
    if key not in data:
        raise LangError(ErrorKind.NAME, f"ConfigMap '{name}' does not have the key '{key}'")
    return str(data[key])


def _artifact(declared: Mapping[str, Any], argument: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The declared input, or the argument at the declared path."""
    name = declared["name"]
    if not declared.get("optional") and not _has_location(declared):
        if argument is None:
            raise LangError(ErrorKind.NAME, f"inputs.artifacts.{name} was not supplied")
        if not _has_location(argument):
            message = f"inputs.artifacts.{name} missing location information"
            raise LangError(ErrorKind.VALUE, message)
    if argument is None:
        return declared
    kept = {key: declared[key] for key in ("path", "mode", "recurseMode") if key in declared}
    moved = {k: v for k, v in argument.items() if k not in ("path", "mode", "recurseMode")}
    return {**moved, **kept}


def _has_location(artifact: Mapping[str, Any]) -> bool:
    return any(artifact.get(key) is not None for key in _LOCATIONS)


def _scope(template: Mapping[str, Any]) -> dict[str, str]:
    """The names that a template's own inputs and outputs offer to its body."""
    inputs, outputs = template.get("inputs") or {}, template.get("outputs") or {}
    parameters = inputs.get("parameters") or []
    scope = {f"inputs.parameters.{p['name']}": p["value"] for p in parameters}
    scope["inputs.parameters"] = gojson.escape_html(gojson.dumps(list(map(_printed, parameters))))
    for kind, owner in (("inputs", inputs), ("outputs", outputs)):
        for artifact in owner.get("artifacts") or ():
            if artifact.get("path"):
                scope[f"{kind}.artifacts.{artifact['name']}.path"] = artifact["path"]
    for parameter in outputs.get("parameters") or ():
        path = (parameter.get("valueFrom") or {}).get("path")
        if path:
            scope[f"outputs.parameters.{parameter['name']}.path"] = path
    return scope


def _printed(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter with its fields in the order Argo prints them."""
    order = ("name", "default", "value", "valueFrom", "globalName", "enum", "description")
    return {key: parameter[key] for key in order if parameter.get(key) is not None}
