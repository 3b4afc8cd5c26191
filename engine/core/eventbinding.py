"""WorkflowEventBindings: whether a posted event is meant, and the Workflow it starts.

Pure. The server evaluates every binding of the namespace for each event; what goes wrong in one
becomes an Event on that binding (`BindingError`) and stops no other. Semantics: Argo's event
dispatch: names, labels and annotations of the new workflow are expressions that give texts, and
each argument is an expression whose result is its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crds import submission
from engine.core import values
from engine.core.values import Json
from lang import expr, gojson
from lang.errors import LangError
from lang.expr import Site

LABEL = "workflows.argoproj.io/"


class BindingError(ValueError):
    """A binding that cannot be evaluated, or whose template does not exist; the text says why."""


@dataclass(frozen=True, slots=True)
class Posted:
    """An event as it came in. `metadata` holds the `x-…` headers in lower case, each a list."""

    namespace: str
    discriminator: str = ""
    payload: Any = None
    metadata: Mapping[str, list[str]] = field(default_factory=dict)

    def environment(self) -> Json:
        return {
            "namespace": self.namespace,
            "discriminator": self.discriminator,
            "payload": self.payload,
            "metadata": dict(self.metadata),
        }


def matches(binding: Mapping[str, Any], event: Posted) -> bool:
    """Whether the binding's selector means this event. Raises BindingError."""
    source = str(_block(binding, "event").get("selector") or "")
    result = _evaluate(source, event, Site.EVENT_SELECTOR, "workflow template expression")
    if not isinstance(result, bool):
        raise BindingError("malformed workflow template expression: did not evaluate to boolean")
    return result


def reference(binding: Mapping[str, Any]) -> tuple[str, bool]:
    """The template the binding submits, and whether it is a cluster-wide one. No name: none."""
    found = values.mapping(_block(binding, "submit").get("workflowTemplateRef"))
    return str(found.get("name") or ""), bool(found.get("clusterScope"))


def workflow(
    binding: Mapping[str, Any], stored: Mapping[str, Any], event: Posted, suffix: str
) -> Json:
    """The Workflow to create. `stored` is the template; `suffix` ends the name where the binding
    gives none (the same for the same event, so that a second delivery makes no second workflow).
    Raises BindingError."""
    made = submission.from_stored(dict(stored), submission.Options())
    metadata = made["metadata"]
    metadata["namespace"] = event.namespace
    _set_metadata(metadata, values.mapping(_block(binding, "submit").get("metadata")), event)
    if not metadata.get("name"):
        metadata["name"] = f"{metadata.pop('generateName')}{suffix}"
    metadata.pop("generateName", None)
    name = str(values.mapping(binding.get("metadata")).get("name") or "")
    metadata["labels"][f"{LABEL}workflow-event-binding"] = name
    arguments = values.mapping(_block(binding, "submit").get("arguments"))
    given = [_parameter(each, event) for each in arguments.get("parameters") or ()]
    if given:
        made["spec"]["arguments"] = {"parameters": given}
    return made


def _block(binding: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return values.mapping(values.mapping(binding.get("spec")).get(name))


def _set_metadata(metadata: Json, wanted: Mapping[str, Any], event: Posted) -> None:
    for key in ("name", "generateName"):
        if wanted.get(key):
            metadata[key] = _text(str(wanted[key]), event, key)
    for kind in ("labels", "annotations"):
        for key, source in values.mapping(wanted.get(kind)).items():
            text = _text(str(source), event, f"{kind}.{key}")
            metadata.setdefault(kind, {})[key] = text


def _text(source: str, event: Posted, what: str) -> str:
    result = _evaluate(source, event, Site.EVENT_NAME, f'workflow metadata "{what}"')
    if not isinstance(result, str):
        raise BindingError(
            f"workflow metadata {what!r}: expression {source!r} must evaluate to a string; "
            "put a literal in quotes of its own"
        )
    return result


def _parameter(raw: Mapping[str, Any], event: Posted) -> Json:
    name = str(raw.get("name") or "")
    source = values.mapping(raw.get("valueFrom")).get("event")
    if not source:
        raise BindingError(f'malformed workflow template parameter "{name}": valueFrom is nil')
    what = f'workflow template parameter "{name}" expression'
    result = _evaluate(str(source), event, Site.EVENT_PARAMETER, what)
    return {"name": name, "value": result if isinstance(result, str) else gojson.marshal(result)}


def _evaluate(source: str, event: Posted, site: Site, what: str) -> Any:
    try:
        return expr.compile(source, site=site).eval(event.environment())
    except LangError as error:
        raise BindingError(f"failed to evaluate {what}: {error.message}") from None
