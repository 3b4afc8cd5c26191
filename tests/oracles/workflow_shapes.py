"""What recorded workflow cases show of pods and nodes."""

from __future__ import annotations

from typing import Any

from engine.core import artifacts
from engine.core.decisions import StartLeaf

Json = dict[str, Any]

_POD_FIELDS = (
    "activeDeadlineSeconds", "affinity", "nodeSelector", "tolerations", "hostAliases",
    "serviceAccountName", "terminationGracePeriodSeconds", "securityContext", "dnsPolicy",
    "hostNetwork", "imagePullSecrets", "schedulerName", "priorityClassName", "dnsConfig",
)  # fmt: skip
_CONTAINER_FIELDS = (
    "args", "command", "env", "image", "imagePullPolicy", "resources", "volumeMounts", "workingDir",
)  # fmt: skip


def shown_pod(leaf: StartLeaf, repository: Json) -> Json:
    """A pod as the cases show it, with the defaults an API server adds."""
    assert leaf.pod is not None
    metadata, spec = leaf.pod["metadata"], leaf.pod["spec"]
    found: Json = {
        "node": leaf.node_name,
        "labels": metadata["labels"],
        "annotations": metadata["annotations"],
        "containers": {c["name"]: _shown_container(c) for c in spec["containers"]},
    }
    if spec.get("initContainers"):
        found["initContainers"] = {c["name"]: _shown_container(c) for c in spec["initContainers"]}
    volumes = [_shown_volume(v) for v in spec.get("volumes") or ()]
    volumes += _credentials(leaf, repository)
    if volumes:
        found["volumes"] = sorted(volumes, key=lambda v: v["name"])
    found |= {key: spec[key] for key in _POD_FIELDS if spec.get(key)}
    return found


def _shown_container(container: Json) -> Json:
    found = {key: container[key] for key in _CONTAINER_FIELDS if container.get(key)}
    limits = (found.get("resources") or {}).get("limits")
    if limits:
        requests = {**limits, **(found["resources"].get("requests") or {})}
        found["resources"] = {**found["resources"], "requests": requests}
    return found


def _shown_volume(volume: Json) -> Json:
    found = dict(volume)
    for kind in ("configMap", "secret"):
        if kind in found:
            found[kind] = {"defaultMode": 420, **found[kind]}
    return found


_STORES = ("s3", "gcs", "oss", "azure", "artifactory", "hdfs", "git")


def _credentials(leaf: StartLeaf, repository: Json) -> list[Json]:
    """The recorded engine mounts a store's keys into pods that use it; ours hands out signed
    addresses instead. The comparison shows what it would have mounted."""
    declared = [
        artifact
        for block in (leaf.template.get("inputs"), leaf.template.get("outputs"))
        for artifact in (block or {}).get("artifacts") or ()
    ]
    places = [artifact.get(kind) or {} for artifact in declared for kind in _STORES]
    if leaf.capture.archive_logs or not all(map(_is_located, declared)):
        own = artifacts.archive_location(leaf.template)
        stores = repository if own is None else dict([own])
        places += [stores.get(kind) or {} for kind in _STORES]
    secrets: dict[str, dict[str, None]] = {}
    for place in places:
        for field_, secret in place.items():
            if field_.endswith("Secret") and isinstance(secret, dict):
                secrets.setdefault(secret["name"], {})[secret["key"]] = None
    return [
        {
            "name": name,
            "secret": {
                "secretName": name,
                "items": [{"key": key, "path": key} for key in keys],
                "defaultMode": 420,
            },
        }
        for name, keys in secrets.items()
    ]


def _is_located(artifact: Json) -> bool:
    """Whether an artifact says all of where it lies, so that no repository is needed."""
    if any(artifact.get(kind) for kind in ("raw", "http", "git")):
        return True
    return any((artifact.get(kind) or {}).get("bucket") for kind in _STORES)


def node_of(row: Json, names: dict[str, str]) -> Json:
    """A row of the node table as the cases show it; `names` by node id."""
    keep = (
        "id", "type", "phase", "message", "templateName", "templateRef", "templateScope",
        "displayName", "nodeFlag", "memoizationStatus",
    )  # fmt: skip
    found: Json = {key: row[key] for key in keep if row.get(key)}
    if row.get("memoizationStatus"):
        found["memoizationStatus"] = row["memoizationStatus"]
    if row.get("boundaryID"):
        found["boundary"] = names.get(row["boundaryID"], row["boundaryID"])
    for key in ("children", "outboundNodes"):
        if row.get(key):
            found[key] = sorted(names[node_id] for node_id in row[key])
    if row.get("daemoned"):
        found["daemoned"] = True
    for kind in ("inputs", "outputs"):
        block = row.get(kind) or {}
        if block.get("parameters"):
            found[kind] = values_of(block["parameters"])
        if block.get("artifacts"):
            found[f"{kind[:-1]}Artifacts"] = {a["name"]: _where(a) for a in block["artifacts"]}
    outputs = row.get("outputs") or {}
    for key in ("result", "exitCode"):
        if outputs.get(key) is not None:
            found[key] = outputs[key]
    return found


def _where(artifact: Json) -> str | None:
    if artifact.get("raw"):
        return str(artifact["raw"]["data"])
    return (artifact.get("s3") or {}).get("key")


def values_of(parameters: list[Json] | None) -> Json:
    return {p["name"]: p["value"] for p in parameters or () if p.get("value") is not None}
