"""What a resource template is about: its manifest read, owned, named and put in a namespace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.artifacts.locations import Locations
from engine.executors import fetching, kubectl_flags
from engine.executors.inprocess import Job, LeafFailed
from engine.executors.kubectl_flags import Flags
from kube.cluster import Object
from kube.discovery import Discovery, UnknownKind
from kube.resources import Resource
from lang import naming, yaml
from lang.errors import LangError

NODE = "headrace.dev/node"
"""Annotation of what a leaf created: a create that is repeated after a crash meets itself."""
ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`body`: the manifest (a list for a JSON patch), None without one. `names`: of the objects
    the action is about; empty where a selector chooses them."""

    action: str
    resource: Resource
    namespace: str | None
    names: tuple[str, ...]
    body: Any
    flags: Flags


async def read(
    job: Job, spec: Mapping[str, Any], discovery: Discovery, locations: Locations
) -> Wanted:
    """Raises LeafFailed with words for the user, KubeError, ArtifactError."""
    action = str(spec.get("action") or "")
    if action not in ACTIONS:
        raise LeafFailed(f"resource.action must be one of: {', '.join(ACTIONS)}")
    flags = kubectl_flags.parse(spec.get("flags") or ())
    body = await _manifest(job, spec, locations)
    if body is None and flags.patch:
        body = _parsed(flags.patch)
    if isinstance(body, dict) and body.get("kind"):
        resource = await _resource(discovery, body)
        meta = body.get("metadata") or {}
        names = tuple(str(meta[key]) for key in ("name",) if meta.get(key))
        namespace = flags.namespace or str(meta.get("namespace") or "") or job.namespace
    else:
        word, listed = kubectl_flags.targets(flags)
        resource = await _by_word(discovery, word)
        names, namespace = tuple(listed), flags.namespace or job.namespace
    if action == "create" and isinstance(body, dict):
        body = _created(job, spec, body)
        names = (body["metadata"]["name"],)
    elif spec.get("setOwnerReference") and action in ("apply", "replace"):
        body = _owned(job, body)
    where = namespace if resource.namespaced else None
    return Wanted(action, resource, where, names, body, flags)


async def _manifest(job: Job, spec: Mapping[str, Any], locations: Locations) -> Any:
    source = (spec.get("manifestFrom") or {}).get("artifact")
    if source:
        given = [a for a in job.leaf.capture.inputs if a.get("name") == source.get("name")]
        content = await fetching.artifact(locations, job.namespace, given[0] if given else source)
        return _parsed(content.decode(errors="replace"))
    text = str(spec.get("manifest") or "")
    return _parsed(text) if text.strip() else None


def _parsed(text: str) -> Any:
    try:
        documents = [d.value for d in yaml.load_all(text) if d.value is not None]
    except LangError as error:
        raise LeafFailed(f"resource.manifest must be a valid yaml: {error.message}") from None
    if len(documents) != 1 or not isinstance(documents[0], dict | list):
        raise LeafFailed("resource.manifest must hold one object")
    return documents[0]


async def _resource(discovery: Discovery, body: Mapping[str, Any]) -> Resource:
    try:
        return await discovery.resource(str(body.get("apiVersion") or ""), str(body["kind"]))
    except UnknownKind as error:
        raise LeafFailed(f"unable to recognize the manifest: {error}") from None


async def _by_word(discovery: Discovery, word: str) -> Resource:
    try:
        return await discovery.named(word)
    except UnknownKind as error:
        raise LeafFailed(str(error)) from None


def _created(job: Job, spec: Mapping[str, Any], body: Object) -> Object:
    """The object with a name that is the same for every try, and the leaf's mark."""
    meta = dict(body.get("metadata") or {})
    if not meta.get("name"):
        prefix = str(meta.pop("generateName", "") or "")
        if not prefix:
            raise LeafFailed("resource name may not be empty")
        meta["name"] = f"{prefix}{naming.fnv1a32(job.key):08x}"
    meta["annotations"] = {**(meta.get("annotations") or {}), NODE: job.key}
    made = {**body, "metadata": meta}
    return _owned(job, made) if spec.get("setOwnerReference") else made


def _owned(job: Job, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    owner = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "name": job.owner["metadata"]["name"],
        "uid": job.owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {**body, "metadata": {**(body.get("metadata") or {}), "ownerReferences": [owner]}}
