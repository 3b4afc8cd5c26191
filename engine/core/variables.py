"""`workflow.*`: the variables known everywhere in a workflow.

`run.globals` holds them as texts; it changes when the workflow's own state does (status,
outputs, failures). Semantics: Argo's global parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engine.core import values
from engine.core.errors import CoreError, SpecError
from engine.core.phases import BAD
from engine.core.run import Run
from lang import gojson, naming, strconv, tags

PARAMETER_LABEL = "workflows.argoproj.io/configmap-type"
_SCHEDULED = "workflows.argoproj.io/scheduled-time"
_FORMATS = "BbmAadHIMSYypZzL"


def set_basics(run: Run) -> None:
    """Everything but the parameters: names, times, labels, annotations."""
    created = datetime.fromtimestamp(run.created_at, UTC)
    known = run.globals
    known["workflow.name"] = run.name
    known["workflow.namespace"] = run.namespace
    known["workflow.uid"] = run.uid
    known["workflow.mainEntrypoint"] = str(run.spec.get("entrypoint") or "")
    known["workflow.serviceAccountName"] = str(run.spec.get("serviceAccountName") or "")
    if run.spec.get("priority") is not None:
        known["workflow.priority"] = values.text(run.spec["priority"])
    if _SCHEDULED in run.annotations:
        known["workflow.scheduledTime"] = run.annotations[_SCHEDULED]
    known["workflow.creationTimestamp"] = values.rfc3339(run.created_at)
    known["workflow.creationTimestamp.s"] = str(int(run.created_at))
    known["workflow.creationTimestamp.RFC3339"] = values.rfc3339(run.created_at)
    for letter in _FORMATS:
        known[f"workflow.creationTimestamp.{letter}"] = _strftime(created, letter)
    known["workflow.duration"] = "0.000000"
    known["workflow.status"] = run.phase.value
    set_metadata(run)


def set_metadata(run: Run) -> None:
    """Labels and annotations, one by one and as JSON."""
    for kind, entries in (("labels", run.labels), ("annotations", run.annotations)):
        for key, value in entries.items():
            run.globals[f"workflow.{kind}.{key}"] = value
        block = gojson.marshal(entries)
        run.globals[f"workflow.{kind}"] = block
        run.globals[f"workflow.{kind}.json"] = block


def set_parameters(run: Run) -> None:
    """The workflow's arguments, ConfigMap values looked up. Raises SpecError or CoreError."""
    shown: list[dict[str, Any]] = []
    arguments = values.mapping(run.spec.get("arguments"))
    for parameter in arguments.get("parameters") or ():
        value = _value(run, parameter)
        entry = dict(parameter)
        if value is not None:
            entry["value"] = value
            run.globals[f"workflow.parameters.{parameter['name']}"] = value
        shown.append(entry)
    block = gojson.escape_html(gojson.dumps(shown))
    run.globals["workflow.parameters"] = block
    run.globals["workflow.parameters.json"] = block


def _value(run: Run, parameter: Mapping[str, Any]) -> str | None:
    if parameter.get("value") is not None:
        return values.text(parameter["value"])
    source = values.mapping(parameter.get("valueFrom"))
    default = source.get("default", parameter.get("default"))
    reference = source.get("configMapKeyRef")
    if reference is not None:
        reference = tags.render(dict(reference), run.globals, allow_unresolved=True)
        try:
            return config_map_value(run, reference)
        except CoreError as error:
            if default is not None and isinstance(error, NotThere):
                return values.text(default)
            raise SpecError(
                f"failed to set global parameter {parameter['name']} from configmap "
                f"with name {reference.get('name')} and key {reference.get('key')}: {error}"
            ) from None
    return None if default is None else values.text(default)


def config_map_value(run: Run, reference: Mapping[str, Any]) -> str:
    """The value a `configMapKeyRef` names. Raises CoreError saying what is missing."""
    name, key = str(reference.get("name") or ""), str(reference.get("key") or "")
    found = run.library.config_maps.get(name)
    hint = f"{PARAMETER_LABEL}: Parameter"
    labels = values.mapping(values.mapping((found or {}).get("metadata")).get("labels"))
    if found is None or PARAMETER_LABEL not in labels:
        # Without the label the reference does not even see it; a default may stand in.
        raise NotThere(
            f"ConfigMap '{name}' does not exist. Please make sure it has the label {hint}"
            " to be detectable by the controller"
        )
    if labels.get(PARAMETER_LABEL) != "Parameter":
        raise CoreError(f"ConfigMap '{name}' needs to have the label {hint} to load parameters")
    data = values.mapping(found.get("data"))
    if key not in data:
        raise NotThere(f"ConfigMap '{name}' does not have the key '{key}'")
    return str(data[key])


class NotThere(CoreError):
    """No such ConfigMap, or no such key in it: a default may stand in."""


def set_outputs(run: Run) -> None:
    """`workflow.outputs.parameters.*`, from the global outputs so far."""
    for parameter in run.outputs.get("parameters") or ():
        if parameter.get("value") is not None:
            name = parameter["name"]
            run.globals[f"workflow.outputs.parameters.{name}"] = values.text(parameter["value"])
    for artifact in run.outputs.get("artifacts") or ():
        run.objects[f"workflow.outputs.artifacts.{artifact['name']}"] = artifact


def set_progress(run: Run) -> None:
    """Status and duration as of now."""
    run.globals["workflow.status"] = (run.entry_phase or run.phase).value
    if run.started_at is not None:
        run.globals["workflow.duration"] = f"{run.now - run.started_at:.6f}"


def set_failures(run: Run) -> None:
    """`workflow.failures`, for exit handlers: a quoted JSON text (`"null"` for none)."""
    failed = [
        {
            "displayName": node.display_name,
            "message": node.message,
            "templateName": template_name(node.template_name, node.template_ref),
            "phase": node.phase.value,
            "podName": naming.pod_name(
                run.name,
                node.name,
                template_name(node.template_name, node.template_ref),
                version=run.pod_name_version,
            ),
            "finishedAt": values.rfc3339(node.finished_at) or None,
        }
        for node in run.nodes.values()
        if node.phase in BAD
    ]
    text = gojson.escape_html(gojson.dumps(failed)) if failed else "null"
    run.globals["workflow.failures"] = strconv.quote(text)


def template_name(name: str, reference: Mapping[str, Any] | None) -> str:
    """The template a node runs, by name or through a reference."""
    return str(reference.get("template") or "") if reference else name


def _strftime(moment: datetime, letter: str) -> str:
    match letter:
        case "L":
            return f"{moment.microsecond // 1000:03d}"
        case "z":
            return "+0000"
        case "Z":
            return "UTC"
        case _:
            return moment.strftime(f"%{letter}")
