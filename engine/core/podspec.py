"""The Pod of a leaf: what the user asked for, complete for a cluster but for helper containers.

Pure: a rendered template and the workflow's own fields go in, a JSON Pod comes out. Semantics:
Argo's `createWorkflowPod`: placement from template, else boundary, else workflow; host aliases add
up; other fields of the template replace those of the workflow.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from engine.core import podgc, table, values
from engine.core.errors import CoreError
from engine.core.nodes import Node
from engine.core.prepared import TemplateType
from engine.core.run import Run
from engine.core.scope import FlowScope
from engine.core.values import Json
from engine.core.work import Call
from lang import pod_patch

LABEL = "workflows.argoproj.io/"
HOSTNAME = "kubernetes.io/hostname"
SCRIPT_PATH = "/argo/staging/script"
_PLACEMENT = ("nodeSelector", "affinity", "tolerations")
_FROM_WORKFLOW = (
    "imagePullSecrets",
    "hostNetwork",
    "dnsPolicy",
    "dnsConfig",
    "automountServiceAccountToken",
    "resourceClaims",
)
_EITHER = (
    "securityContext",
    "schedulerName",
    "serviceAccountName",
    "priorityClassName",
    "automountServiceAccountToken",
)


TRACE = "headrace.dev/traceparent"
"""Annotation of a Workflow that an event started: where its trace goes on."""
TRACEPARENT = "TRACEPARENT"


def build(
    run: Run, call: Call, node: Node, body: Mapping[str, Any], extra: Mapping[str, Any]
) -> Json:
    """The Pod of a leaf. Raises CoreError or LangError for what cannot become one."""
    own = _own_parts(run, call, extra)
    containers, inits = _containers(body)
    if trace := run.annotations.get(TRACE):
        containers, inits = (
            [_traced(c, trace) for c in containers],
            [_traced(c, trace) for c in inits],
        )
    spec: Json = {"restartPolicy": "Never", "containers": containers}
    if inits:
        spec["initContainers"] = inits
    volumes = _volumes(run, own, body, [*containers[: _count_mains(body)], *inits, *containers])
    if volumes:
        spec["volumes"] = volumes
    _from_workflow(spec, own, body)
    _placement(run, call, spec, own, body)
    if call.avoid:
        spec["affinity"] = _keep_away(values.mapping(spec.get("affinity")), call.avoid)
    patches = [p for p in (own.get("podSpecPatch"), body.get("podSpecPatch")) if p]
    if patches:
        spec = pod_patch.apply(spec, [str(patch) for patch in patches])
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(run, call, node, own, body),
        "spec": spec,
    }


def _own_parts(run: Run, call: Call, extra: Mapping[str, Any]) -> Json:
    """The workflow's own fields; those with tags are rendered for each pod, with its inputs."""
    if run.pod_spec_template is None:
        return run.pod_spec_parts
    scope: Mapping[str, Any] = {**run.globals, **call.variables, **extra}
    found: Json = run.pod_spec_template.render(scope, allow_unresolved=True)
    if call.flow is not None and run.volumes_template is not None:
        # Volumes see what the flow around the pod sees: results of the steps before it.
        flow: Mapping[str, Any] = ChainMap(FlowScope(run, call.flow), scope)  # type: ignore[arg-type]
        found["volumes"] = run.volumes_template.render(flow, allow_unresolved=True)
    return found


def _count_mains(body: Mapping[str, Any]) -> int:
    return len(values.mapping(body.get("containerSet")).get("containers") or (1,))


def _metadata(
    run: Run, call: Call, node: Node, own: Mapping[str, Any], body: Mapping[str, Any]
) -> Json:
    labels = {f"{LABEL}completed": "false"}
    if run.config.instance_id:
        labels[f"{LABEL}controller-instanceid"] = run.config.instance_id
    if call.on_exit:
        labels[f"{LABEL}on-exit"] = "true"
    annotations = {"kubectl.kubernetes.io/default-container": _shown(body)}
    collected = podgc.annotation(run)
    if collected is not None:
        annotations[f"{LABEL}pod-gc-strategy"] = collected
    for block in (own.get("podMetadata"), body.get("metadata")):
        labels.update(_texts(values.mapping(block).get("labels")))
        annotations.update(_texts(values.mapping(block).get("annotations")))
    # By these the pod is found again: nobody may change them.
    labels[f"{LABEL}workflow"] = run.name
    annotations[f"{LABEL}node-name"] = node.name
    annotations[f"{LABEL}node-id"] = node.id
    return {
        "name": table.pod_name(run, node),
        "namespace": run.namespace,
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Workflow",
                "name": run.name,
                "uid": run.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def _shown(body: Mapping[str, Any]) -> str:
    """The container that `kubectl logs` shows: main, in a set without one the last."""
    members = values.mapping(body.get("containerSet")).get("containers") or ()
    names = [str(member.get("name")) for member in members]
    return "main" if "main" in names or not names else names[-1]


def _texts(block: Any) -> dict[str, str]:
    return {str(k): values.text(v) for k, v in values.mapping(block).items()}


def _containers(body: Mapping[str, Any]) -> tuple[list[Json], list[Json]]:
    """The user's containers (main first, then sidecars) and init containers."""
    mounts: list[Any] = []
    if body.get(TemplateType.CONTAINER_SET) is not None:
        block = body["containerSet"]
        shared = list(block.get("volumeMounts") or ())
        mains = [_member(c, shared) for c in block.get("containers") or ()]
        mounts = shared
    elif body.get(TemplateType.SCRIPT) is not None:
        mains = [_script(body["script"])]
    elif body.get(TemplateType.CONTAINER) is not None:
        mains = [{**body["container"], "name": "main"}]
    else:
        mains = [{"name": "main"}]
    mounts = mounts or list(mains[0].get("volumeMounts") or ())
    others = [_mirrored(c, mounts) for c in body.get("sidecars") or ()]
    inits = [_mirrored(c, mounts) for c in body.get("initContainers") or ()]
    return [*mains, *others], inits


def _traced(container: Json, trace: str) -> Json:
    """With the W3C trace context of the event that started the workflow, unless it has its own."""
    env = container.get("env") or []
    if any(isinstance(each, Mapping) and each.get("name") == TRACEPARENT for each in env):
        return container
    return {**container, "env": [*env, {"name": TRACEPARENT, "value": trace}]}


def _member(container: Mapping[str, Any], shared: list[Any]) -> Json:
    found = {k: v for k, v in container.items() if k != "dependencies"}
    mounts = [*shared, *(found.get("volumeMounts") or ())]
    if mounts:
        found["volumeMounts"] = mounts
    return found


def _script(script: Mapping[str, Any]) -> Json:
    found = {k: v for k, v in script.items() if k != "source"}
    found["name"] = "main"
    if script.get("source"):
        found["args"] = [*(found.get("args") or ()), SCRIPT_PATH]
    return found


def _mirrored(container: Mapping[str, Any], mounts: list[Any]) -> Json:
    found = {k: v for k, v in container.items() if k != "mirrorVolumeMounts"}
    if container.get("mirrorVolumeMounts") and mounts:
        known = {m.get("mountPath") for m in found.get("volumeMounts") or ()}
        extra = [m for m in mounts if m.get("mountPath") not in known]
        found["volumeMounts"] = [*(found.get("volumeMounts") or ()), *extra]
    return found


def _volumes(
    run: Run, own: Mapping[str, Any], body: Mapping[str, Any], containers: list[Json]
) -> list[Json]:
    """The template's volumes, and of the workflow's (then its claims) those that are mounted."""
    found = {str(volume.get("name")): dict(volume) for volume in body.get("volumes") or ()}
    others: dict[str, Json] = {}
    for volume in own.get("volumes") or ():
        others.setdefault(str(volume.get("name")), dict(volume))
    for name, claim in run.claims.items():
        others.setdefault(name, {"name": name, "persistentVolumeClaim": {"claimName": claim}})
    for container in containers:
        for mount in container.get("volumeMounts") or ():
            name = str(mount.get("name"))
            if name in found:
                continue
            if name not in others:
                raise CoreError(f"volume '{name}' not found in workflow spec")
            found[name] = others[name]
    return list(found.values())


def _from_workflow(spec: Json, own: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    for field in _FROM_WORKFLOW:
        if own.get(field) is not None:
            spec[field] = own[field]
    for field in _EITHER:
        value = body.get(field)
        if value is None:
            value = own.get("podPriorityClassName" if field == "priorityClassName" else field)
        if value is not None:
            spec[field] = value
    aliases = [*(own.get("hostAliases") or ()), *(body.get("hostAliases") or ())]
    if aliases:
        spec["hostAliases"] = aliases
    resources = body.get("podResources") or own.get("podResources")
    if resources:
        spec["resources"] = resources
    claims = {c.get("name"): c for c in own.get("resourceClaims") or ()}
    claims |= {c.get("name"): c for c in body.get("resourceClaims") or ()}
    if claims:
        spec["resourceClaims"] = list(claims.values())


def _keep_away(affinity: Mapping[str, Any], hosts: tuple[str, ...]) -> Json:
    """`affinity` with the hosts of earlier attempts ruled out in each of its terms."""
    rule = {"key": HOSTNAME, "operator": "NotIn", "values": list(hosts)}
    node = values.mapping(affinity.get("nodeAffinity"))
    required = values.mapping(node.get("requiredDuringSchedulingIgnoredDuringExecution"))
    terms = required.get("nodeSelectorTerms") or [{}]
    changed = [
        {**term, "matchExpressions": [*(term.get("matchExpressions") or ()), rule]}
        for term in terms
    ]
    block = {
        **node,
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": changed},
    }
    return {**affinity, "nodeAffinity": block}


def _placement(
    run: Run, call: Call, spec: Json, own: Mapping[str, Any], body: Mapping[str, Any]
) -> None:
    boundary: Mapping[str, Any] = {}
    if call.flow is not None and call.flow.call.template is not None:
        boundary = call.flow.call.template.raw
    for field in _PLACEMENT:
        for source in (body, boundary, own):
            if source.get(field):
                spec[field] = source[field]
                break
