"""`argoWorkflow`: submit a Workflow, or work on one that is there. In process, no CLI.

submit creates the object; submit-from makes a Workflow from a WorkflowTemplate, a
ClusterWorkflowTemplate or a CronWorkflow; resubmit makes a new one of an old one; retry lets an
old one go on where it failed; the others are the patches of `crds.operations`. `args` are the
flags that Argo's command line would get. What a firing has made or changed carries its key, so a
firing that comes again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from events.triggers.kinds import Place
from kube import workflows
from kube.cluster import Object
from kube.resources import WORKFLOWS
from lang.errors import LangError

_MAKES = ("submit", "submit-from", "resubmit")
_CHANGES = ("retry", "stop", "terminate", "suspend", "resume")
_VERSION = {"apiVersion": WORKFLOWS.api_version}
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
            argo_flags.parse(spec.get("args") or (), operation)
        except SubmissionError as error:
            return f"args: {error}"
        return source.fault(spec.get("source"))

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Do the operation."""
        written = await source.fetch(context, spec["source"])
        obj = parameters.apply_object(written, spec.get("parameters") or (), context.events)
        operation = spec.get("operation") or "submit"
        place = kinds.place_among(context, WORKFLOWS, obj, named=operation != "submit")
        try:
            flags = argo_flags.parse(spec.get("args") or (), operation)
            if operation in _CHANGES:
                return await _operate(context, place, operation, flags)
            workflow = await _new(context, place, obj, operation, flags)
        except (SubmissionError, OperationError, HydrationError, LangError) as error:
            raise TriggerFailed(str(error), permanent=True) from None
        made = await objects.create(context, place, workflow)
        await policy.wait_for_labels(context, WORKFLOWS, made)
        return objects.reference(made)


async def _operate(context: FiringContext, place: Place, operation: str, flags: Flags) -> str:
    cluster, now = context.services.cluster, context.services.clock.now()
    workflow = await cluster.get(*place)
    if not objects.changed(context, workflow):
        if operation == "retry":
            options = RetryOptions(flags.restart_successful, flags.node_fields, flags.parameters)
            await workflows.retry(cluster, objects.with_change(context, workflow), now, options)
        else:
            patch = _patch(workflow, operation, now, flags)
            mark = {"annotations": {objects.CHANGE: objects.change_mark(context, workflow)}}
            await cluster.patch(*place, {**patch, "metadata": mark})
    return f"Workflow/{place.namespace}/{place.name} ({operation})"


def _patch(workflow: Object, operation: str, now: float, flags: Flags) -> dict[str, Any]:
    """Raises OperationError, LangError."""
    match operation:
        case "stop":
            chosen = {"node_fields": flags.node_fields, "message": flags.message}
            return operations.stop(workflow, now, **chosen)
        case "resume":
            return operations.resume(workflow, now, node_fields=flags.node_fields)
        case "terminate":
            return operations.terminate(workflow)
        case _:
            return operations.suspend(workflow)


async def _new(
    context: FiringContext, place: Place, obj: Object, operation: str, flags: Flags
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
        stored = await cluster.get(*await kinds.place_of(context, _VERSION | obj))
        return submission.from_stored(stored, flags.options)
    old = await cluster.get(*place)
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
