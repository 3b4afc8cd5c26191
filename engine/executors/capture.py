"""Telling whoever runs a pod what to place before and to take after its main container.

The contract is the annotation `headrace.dev/capture` on the pod:

    {"stdout": true,
     "parameters": [{"name": "image", "path": "/tmp/image"}],
     "artifacts": [{"name": "out", "path": "/out", "archive": "tgz", "url": "…"}],
     "inputs": [{"name": "in", "path": "/in", "url": "…" | "raw": "…", "mode": 493}]}

The containers of a set and their order are annotations of their own. URLs are
presigned for one object and one method, so no pod holds credentials. A leaf that needs
none of it has no annotation and is one plain container.
"""

from __future__ import annotations

from typing import Any

import orjson

from engine.artifacts.errors import ArtifactError
from engine.artifacts.locations import Locations
from engine.core.decisions import Capture, StartLeaf
from kube.cluster import Object

ANNOTATION = "headrace.dev/capture"
MAIN = "headrace.dev/main-containers"
"""The containers of a container set, comma separated."""
DEPENDENCIES = "headrace.dev/container-dependencies"
"""JSON: name of a container → the containers whose success it waits for."""
SCRIPT = "/argo/staging/script"
VALID = 7 * 86400  # seconds that a URL in a pod is good for: the longest that S3 signs


class Annotator:
    """Adds the annotation to pods that are about to be created."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations

    async def annotated(self, leaf: StartLeaf, namespace: str) -> Object:
        """The pod to create. Raises ValueError with a sentence for the user."""
        pod = leaf.pod or {}
        added = _container_set(leaf)
        if leaf.capture:
            try:
                plan = await self._plan(leaf.capture, namespace)
            except ArtifactError as error:
                raise ValueError(str(error)) from error
            added[ANNOTATION] = orjson.dumps(plan).decode()
        if not added:
            return pod
        meta = dict(pod["metadata"])
        meta["annotations"] = {**(meta.get("annotations") or {}), **added}
        return {**pod, "metadata": meta}

    async def _plan(self, capture: Capture, namespace: str) -> dict[str, Any]:
        plan: dict[str, Any] = {"stdout": capture.result}
        if capture.parameters:
            plan["parameters"] = [{"name": n, "path": p} for n, p in capture.parameters.items()]
        inputs = [await self._input(artifact, namespace) for artifact in capture.inputs]
        if capture.script is not None:
            inputs.append({"name": "script", "path": SCRIPT, "raw": capture.script, "mode": 0o755})
        if inputs:
            plan["inputs"] = inputs
        if capture.artifacts:
            plan["artifacts"] = [await self._output(a, namespace) for a in capture.artifacts]
        return plan

    async def _input(self, artifact: dict[str, Any], namespace: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"name": artifact["name"], "path": artifact["path"]}
        if artifact.get("mode") is not None:
            entry["mode"] = artifact["mode"]
        if artifact.get("optional"):
            entry["optional"] = True
        entry["archive"] = archive_of(artifact)
        if "raw" in artifact:
            entry["raw"] = artifact["raw"]["data"]
        elif "http" in artifact:
            entry["url"] = artifact["http"]["url"]
        else:
            store, key = await self._locations.open(namespace, artifact)
            entry["url"] = await store.presign(key, "GET", VALID)
        return entry

    async def _output(self, artifact: dict[str, Any], namespace: str) -> dict[str, Any]:
        store, key = await self._locations.open(namespace, artifact)
        return {
            "name": artifact["name"],
            "path": artifact["path"],
            "archive": archive_of(artifact),
            "optional": bool(artifact.get("optional")),
            "url": await store.presign(key, "PUT", VALID),
        }


def _container_set(leaf: StartLeaf) -> dict[str, str]:
    """Which containers of a set are the user's own, and which wait for which."""
    members = (leaf.template.get("containerSet") or {}).get("containers") or ()
    if not members:
        return {}
    added = {MAIN: ",".join(str(m.get("name")) for m in members)}
    needs = {str(m.get("name")): m["dependencies"] for m in members if m.get("dependencies")}
    if needs:
        added[DEPENDENCIES] = orjson.dumps(needs).decode()
    return added


def archive_of(artifact: dict[str, Any]) -> str:
    """`tgz`, `zip` or `none`, as the artifact's `archive` says (tar + gzip by default)."""
    archive = artifact.get("archive") or {}
    if "none" in archive:
        return "none"
    return "zip" if "zip" in archive else "tgz"
