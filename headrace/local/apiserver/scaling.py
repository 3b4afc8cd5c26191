"""The `scale` sub-resource of custom kinds: an autoscaling/v1 Scale over paths of the object.

Source of the semantics: CustomResourceDefinition `subresources.scale`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.local.apiserver import answers, patches, refusals
from headrace.local.apiserver.answers import Answer
from headrace.local.apiserver.api import Api, Write
from headrace.local.apiserver.kinds import Kind
from headrace.local.apiserver.requests import Request
from kube import errors
from kube.cluster import Object, PatchType

if TYPE_CHECKING:
    from headrace.local.apiserver.routes import Target


async def answer(api: Api, request: Request, kind: Kind, target: Target, write: Write) -> Answer:
    """GET, PUT and PATCH of a Scale. Raises NotFound, Invalid, BadRequest."""
    live = api.get(kind, target.namespace, target.name)
    scale = of(kind, live)
    match request.method:
        case "GET":
            return answers.value(request, scale)
        case "PUT":
            wanted = await request.value()
        case "PATCH":
            body = await request.value()
            is_json = request.content_type == PatchType.JSON
            change = patches.json_patch if is_json else patches.merge_patch
            wanted = change(scale, body)
        case _:
            raise refusals.bad_request(f"a scale is read or changed, not {request.method}")
    replicas = _replicas(kind, target.name, wanted)
    paths = kind.scale or {}
    changed: Object = _nested(_steps(paths["specReplicasPath"]), replicas)
    version = (wanted.get("metadata") or {}).get("resourceVersion")
    if version:
        changed["metadata"] = {"resourceVersion": version}
    obj, _ = await api.patch(kind, target.namespace, target.name, changed, PatchType.MERGE, write)
    return answers.value(request, of(kind, obj))


def of(kind: Kind, obj: Object) -> Object:
    """The Scale of an object."""
    paths = kind.scale or {}
    meta = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: dict[str, Any] = {"replicas": _at(obj, paths.get("statusReplicasPath")) or 0}
    selector = _at(obj, paths.get("labelSelectorPath"))
    if selector:
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: meta[name] for name in kept if name in meta},
        "spec": {"replicas": _at(obj, paths.get("specReplicasPath")) or 0},
        "status": status,
    }


def _replicas(kind: Kind, name: str, wanted: Any) -> int:
    spec = wanted.get("spec") if isinstance(wanted, dict) else None
    found = (spec or {}).get("replicas", 0)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        message = (
            f'{kind.resource.kind}.{kind.resource.group} "{name}" is invalid: spec.replicas: '
            f"Invalid value: {found}: should be a non-negative integer"
        )
        raise refusals.raised(errors.Invalid, message)
    return found


def _steps(path: str) -> list[str]:
    return path.removeprefix(".").split(".")


def _at(obj: Any, path: str | None) -> Any:
    for step in _steps(path) if path else ():
        if not isinstance(obj, dict):
            return None
        obj = obj.get(step)
    return obj if path else None


def _nested(steps: list[str], value: Any) -> dict[str, Any]:
    found: Any = value
    for step in reversed(steps):
        found = {step: found}
    return dict(found)
