"""`argoWorkflow`: submit a Workflow, or work on one that is there. In process, no CLI.

submit creates the object; submit-from makes a Workflow from a WorkflowTemplate, a
ClusterWorkflowTemplate or a CronWorkflow; resubmit makes a new one of an old one; retry lets an
old one go on where it failed; the others are the patches of `crds.operations`. `args` are the
flags that Argo's command line would get. What a firing has worked on carries its key, so a
firing that comes again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crds import operations, resubmission, submission
from crds.hydration import HydrationError
from crds.operations import OperationError
from crds.retrying import RetryOptions
from crds.submission import SubmissionError
from events.sensors import parameters
from events.triggers import argo_flags, kinds, objects, policy, source
from events.triggers.argo_flags import Flags
from events.triggers.contract import FiringContext, TriggerFailed
from kube import workflows
from kube.cluster import Object
from kube.resources import WORKFLOWS

_PATCHES: dict[str, Callable[[Object, float], dict[str, Any]]] = {
    "stop": operations.stop,
    "terminate": lambda workflow, now: operations.terminate(workflow),
    "suspend": lambda workflow, now: operations.suspend(workflow),
    "resume": operations.resume,
}
_MAKES = ("submit", "submit-from", "resubmit")
_CHANGES = ("retry", *_PATCHES)
_TEMPLATES = ("WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")


class ArgoWorkflowTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """The source, the operation and the flags."""
        operation = spec.get("operation") or "submit"
        if operation not in _MAKES and operation not in _CHANGES:
            served = ", ".join([*_MAKES, *_CHANGES])
            return f"operation: {operation!r} is not one of {served}"
        try:
            argo_flags.parse(spec.get("args") or ())
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
            flags = argo_flags.parse(spec.get("args") or ())
            if operation in _CHANGES:
                return await _operate(context, namespace, _name(obj), operation, flags)
            workflow = await _new(context, namespace, obj, operation, flags)
        except (SubmissionError, OperationError, HydrationError) as error:
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


async def _operate(
    context: FiringContext, namespace: str, name: str, operation: str, flags: Flags
) -> str:
    cluster, now = context.services.cluster, context.services.clock.now()
    workflow = await cluster.get(WORKFLOWS, namespace, name)
    done = (workflow["metadata"].get("annotations") or {}).get(objects.FIRING)
    if done != context.key:
        mark = {"annotations": {objects.FIRING: context.key}}
        if operation == "retry":
            options = RetryOptions(flags.restart_successful, flags.node_fields, flags.parameters)
            annotations = {**(workflow["metadata"].get("annotations") or {}), **mark["annotations"]}
            marked = {**workflow, "metadata": {**workflow["metadata"], "annotations": annotations}}
            await workflows.retry(cluster, marked, now, options)
        else:
            patch = _PATCHES[operation](workflow, now)
            patch.setdefault("metadata", {}).setdefault("annotations", {}).update(
                mark["annotations"]
            )
            await cluster.patch(WORKFLOWS, namespace, name, patch)
    return f"Workflow/{namespace}/{name} ({operation})"


async def _new(
    context: FiringContext, namespace: str, obj: Object, operation: str, flags: Flags
) -> Object:
    if operation == "submit":
        if obj.get("kind") != "Workflow":
            raise SubmissionError(f"source: a Workflow is submitted, not a {obj.get('kind')}")
        return submission.with_options(obj, flags.options)
    cluster = context.services.cluster
    if operation == "submit-from":
        kind = str(obj.get("kind") or "")
        if kind not in _TEMPLATES:
            raise SubmissionError(f"source: kind must be one of {', '.join(_TEMPLATES)}")
        resource = kinds.resource_of(obj)
        where = namespace if resource.namespaced else None
        stored = await cluster.get(resource, where, _name(obj))
        return submission.from_stored(stored, flags.options)
    old = await cluster.get(WORKFLOWS, namespace, _name(obj))
    if not flags.memoized:
        return submission.with_options(resubmission.resubmit(old), flags.options)
    return await _memoized(context, old, flags)


async def _memoized(context: FiringContext, old: Object, flags: Flags) -> Object:
    """A new Workflow in which what was good is not run again: its nodes are named after it."""
    meta = old["metadata"]
    prefix = str(meta.get("generateName") or f"{meta['name']}-")
    name = flags.options.name or objects.named(prefix, context.key)
    whole = await workflows.whole(context.services.cluster, old)
    now = context.services.clock.now()
    made = resubmission.memoized(whole, name, now, flags.parameters)
    return workflows.storable(made, name)
