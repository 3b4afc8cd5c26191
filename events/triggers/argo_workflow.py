"""`argoWorkflow`: submit a Workflow, or work on one that is there. In process, no CLI.

submit creates the object; submit-from makes a Workflow from a WorkflowTemplate, a
ClusterWorkflowTemplate or a CronWorkflow; resubmit makes a new one of an old one; the others
are the patches of `crds.operations`. `args` are the flags the CLI would get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from crds import operations, submission
from crds.operations import OperationError
from crds.submission import Options, SubmissionError
from events.sensors import parameters
from events.triggers import kinds, objects, policy, source
from events.triggers.contract import FiringContext, TriggerFailed
from kube.cluster import Object
from kube.resources import WORKFLOWS

_PATCHES: dict[str, Callable[[Object, float], dict[str, Any]]] = {
    "stop": operations.stop,
    "terminate": lambda workflow, now: operations.terminate(workflow),
    "suspend": lambda workflow, now: operations.suspend(workflow),
    "resume": operations.resume,
}
_MAKES = ("submit", "submit-from", "resubmit")
_TEMPLATES = ("WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")
_DROPPED_LABELS = ("completed", "phase", "workflow-archiving-status", "creator")


class ArgoWorkflowTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """The source, the operation and the flags."""
        operation = spec.get("operation") or "submit"
        if operation not in _PATCHES and operation not in _MAKES:
            served = ", ".join([*_MAKES, *_PATCHES])
            return f"operation: {operation!r} is not one of {served}"
        try:
            _options(spec.get("args") or ())
        except SubmissionError as error:
            return f"args: {error}"
        return source.fault(spec.get("source"))

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Do the operation."""
        written = await source.fetch(context, spec["source"])
        obj = parameters.apply_object(written, spec.get("parameters") or (), context.events)
        operation = spec.get("operation") or "submit"
        namespace = str((obj.get("metadata") or {}).get("namespace") or context.namespace)
        try:
            options = _options(spec.get("args") or ())
            if operation in _PATCHES:
                return await _operate(context, namespace, obj, operation)
            workflow = await _new(context, namespace, obj, operation, options)
        except (SubmissionError, OperationError) as error:
            raise TriggerFailed(str(error), permanent=True) from None
        marked = objects.marked(context, workflow)
        marked["metadata"]["namespace"] = namespace
        if not marked["metadata"].get("name"):
            what = "source: metadata.name or metadata.generateName is required"
            raise TriggerFailed(what, permanent=True)
        made = await objects.create_once(context, WORKFLOWS, namespace, marked)
        await policy.wait_for_labels(context, WORKFLOWS, made)
        return objects.reference(made)


def _name(obj: Object) -> str:
    name = (obj.get("metadata") or {}).get("name")
    if not name:
        raise TriggerFailed("source: metadata.name is required", permanent=True)
    return str(name)


async def _operate(context: FiringContext, namespace: str, obj: Object, operation: str) -> str:
    cluster, name = context.services.cluster, _name(obj)
    workflow = await cluster.get(WORKFLOWS, namespace, name)
    done = (workflow.get("metadata", {}).get("annotations") or {}).get(objects.FIRING)
    if done != context.key:
        patch = _PATCHES[operation](workflow, context.services.clock.now())
        meta = patch.setdefault("metadata", {})
        meta.setdefault("annotations", {})[objects.FIRING] = context.key
        await cluster.patch(WORKFLOWS, namespace, name, patch)
    return f"Workflow/{namespace}/{name} ({operation})"


async def _new(
    context: FiringContext, namespace: str, obj: Object, operation: str, options: Options
) -> Object:
    if operation == "submit":
        if obj.get("kind") != "Workflow":
            raise SubmissionError(f"source: a Workflow is submitted, not a {obj.get('kind')}")
        return submission.with_options(obj, options)
    cluster = context.services.cluster
    if operation == "submit-from":
        kind = str(obj.get("kind") or "")
        if kind not in _TEMPLATES:
            raise SubmissionError(f"source: kind must be one of {', '.join(_TEMPLATES)}")
        resource = kinds.resource_of(obj)
        where = namespace if resource.namespaced else None
        return submission.from_stored(await cluster.get(resource, where, _name(obj)), options)
    old = await cluster.get(WORKFLOWS, namespace, _name(obj))
    return submission.with_options(_again(old), options)


def _again(old: Object) -> Object:
    """A new Workflow with the spec of `old`."""
    meta = old["metadata"]
    prefix = "workflows.argoproj.io/"
    dropped = {prefix + name for name in _DROPPED_LABELS}
    labels = {k: v for k, v in (meta.get("labels") or {}).items() if k not in dropped}
    labels[prefix + "resubmitted-from-workflow"] = meta["name"]
    spec = {k: v for k, v in old["spec"].items() if k not in ("shutdown", "suspend")}
    generated = meta.get("generateName") or f"{meta['name']}-"
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": generated, "labels": labels},
        "spec": spec,
    }


def _options(args: Sequence[str]) -> Options:
    """The CLI flags that change a submitted Workflow. Raises SubmissionError."""
    given: dict[str, str] = {}
    labels: dict[str, str] = {}
    fields: dict[str, Any] = {}
    for flag, value in _flags(args):
        match flag:
            case "-p" | "--parameter":
                name, text = submission.parse_parameter(value)
                given[name] = text
            case "-l" | "--labels":
                labels |= submission.parse_labels(value)
            case "--entrypoint" | "--name":
                fields[flag[2:]] = value
            case "--generate-name":
                fields["generate_name"] = value
            case "--serviceaccount":
                fields["service_account"] = value
            case "--priority":
                if not value.lstrip("-").isdecimal():
                    raise SubmissionError(f"--priority: {value!r} is no number")
                fields["priority"] = int(value)
            case _:
                raise SubmissionError(f"unknown flag {flag}")
    return Options(parameters=given, labels=labels, **fields)


def _flags(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    rest = iter(args)
    for arg in rest:
        flag, equals, value = str(arg).partition("=")
        if not flag.startswith("-"):
            raise SubmissionError(f"unexpected argument {arg!r}")
        if not flag.startswith("--") and len(flag) > 2:
            yield flag[:2], str(arg)[2:]
            continue
        if not equals:
            value = str(next(rest, ""))
        yield flag, value
