"""Artifacts of a leaf: where they lie, under which key, and what has to be carried in and out.

The repository is resolved once per workflow and frozen in the status. Node rows show artifacts
relative to it (only the key); a leaf is given the whole location. Semantics: Argo's artifact
repositories, key formats and archive forms.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from engine.core import binding, values
from engine.core.decisions import Capture
from engine.core.errors import CoreError
from engine.core.prepared import TemplateType
from engine.core.run import Run
from engine.core.values import Json
from engine.core.work import Call
from lang import tags, yaml

DEFAULT_KEY = "{{workflow.name}}/{{pod.name}}"
_CONFIG_MAP = "artifact-repositories"
_DEFAULT_ANNOTATION = "workflows.argoproj.io/default-artifact-repository"
_STORES = {
    "s3": ("keyFormat", "keyPrefix", "key"),
    "gcs": ("keyFormat", "", "key"),
    "oss": ("keyFormat", "", "key"),
    "azure": ("blobNameFormat", "", "blob"),
    "hdfs": ("pathFormat", "", "path"),
    "artifactory": ("keyFormat", "repoURL", "url"),
    "plugin": ("keyFormat", "", "key"),
}


_COMPLETE = {
    "s3": ("endpoint", "bucket", "key"),
    "gcs": ("bucket", "key"),
    "oss": ("endpoint", "bucket", "key"),
    "azure": ("endpoint", "container", "blob"),
    "hdfs": ("addresses", "path"),
    "artifactory": ("url",),
}
"""What a location must say to be one."""


def resolve_repository(run: Run) -> Json | None:
    """The repository of this workflow, with where it came from. Raises CoreError."""
    reference = run.spec.get("artifactRepositoryRef")
    if reference:
        return _referred(run, reference)
    default = run.library.config_maps.get(_CONFIG_MAP)
    if default is not None:
        annotations = values.mapping(values.mapping(default.get("metadata")).get("annotations"))
        key = annotations.get(_DEFAULT_ANNOTATION)
        if key and key in values.mapping(default.get("data")):
            return {
                "configMap": _CONFIG_MAP,
                "key": key,
                "namespace": run.namespace,
                "artifactRepository": _parse(default["data"][key]),
            }
    if run.config.artifact_repository is None:
        return None
    return {"default": True, "artifactRepository": dict(run.config.artifact_repository)}


def _referred(run: Run, reference: Mapping[str, Any]) -> Json:
    name = str(reference.get("configMap") or _CONFIG_MAP)
    found = run.library.config_maps.get(name)
    key = str(reference.get("key") or "")
    metadata = values.mapping((found or {}).get("metadata"))
    if not key:
        key = str(values.mapping(metadata.get("annotations")).get(_DEFAULT_ANNOTATION) or "")
    data = values.mapping((found or {}).get("data"))
    if key not in data:
        shown = f"{run.namespace}/{name}#{key}"
        raise CoreError(
            f'failed to find any artifact repository for artifact repository ref "{shown}"'
        )
    return {
        "configMap": name,
        "key": key,
        "namespace": run.namespace,
        "artifactRepository": _parse(data[key]),
    }


def _parse(text: str) -> Json:
    return dict(yaml.load(text) or {})


def repository(run: Run) -> Json:
    """The resolved repository itself; empty without one."""
    return dict((run.artifact_repository or {}).get("artifactRepository") or {})


def capture(run: Run, call: Call, body: Json, pod_name: str) -> Capture:
    """What to read out of the leaf, and what to put in. Fills the keys in `body["outputs"]`.

    Raises CoreError where an output artifact has nowhere to go.
    """
    outputs = values.mapping(body.get("outputs"))
    inputs = values.mapping(body.get("inputs")).get("artifacts") or ()
    located = [_output(run, body, a, pod_name) for a in outputs.get("artifacts") or ()]
    if located or body.get("outputs"):
        body["outputs"] = dict(outputs) | ({"artifacts": located} if located else {})
    parameters = {}
    defaults = {}
    for parameter in outputs.get("parameters") or ():
        source = values.mapping(parameter.get("valueFrom"))
        if source.get("path"):
            parameters[parameter["name"]] = str(source["path"])
        if source.get("default") is not None:
            defaults[parameter["name"]] = values.text(source["default"])
    script = values.mapping(body.get("script")).get("source")
    return Capture(
        result=wants_result(call),
        parameters=parameters,
        parameter_defaults=defaults,
        artifacts=tuple(whole(run, body, a) for a in located),
        inputs=tuple(whole(run, body, a) for a in inputs if binding.has_location(a)),
        archive_logs=archives_logs(run, body),
        script=None if script is None else str(script),
    )


def wants_result(call: Call) -> bool:
    """Whether somebody in the calling flow refers to this step's standard output."""
    assert call.template is not None
    if call.flow is None or call.template.type not in (
        TemplateType.CONTAINER,
        TemplateType.SCRIPT,
        TemplateType.CONTAINER_SET,
        TemplateType.DATA,
        TemplateType.HTTP,
        TemplateType.PLUGIN,
    ):
        return False
    flow = call.flow.call.template
    return flow is not None and call.key in flow.captured


def archives_logs(run: Run, body: Mapping[str, Any]) -> bool:
    """Whether the logs are kept: the repository's word is final, then template, then workflow."""
    if repository(run).get("archiveLogs"):
        return True
    own = values.mapping(body.get("archiveLocation")).get("archiveLogs")
    return bool(own if own is not None else run.spec.get("archiveLogs"))


def _output(run: Run, body: Json, artifact: Mapping[str, Any], pod_name: str) -> Json:
    """An output artifact with its key; the rest of the location stays the repository's."""
    if binding.has_location(artifact):
        return dict(artifact)
    found = dict(artifact)
    own = archive_location(body)
    if own is not None:
        kind, place = own
        field = _STORES[kind][2]
        found[kind] = {**place, field: posixpath.join(str(place[field]), file_name(found))}
        return found
    kind, store = _store(run)
    if not kind:
        raise CoreError(
            f"controller is not configured with a default archive location for {found['name']}"
        )
    field = _STORES[kind][2]
    key = posixpath.join(_key(run, kind, store, pod_name), file_name(found))
    found[kind] = {field: key}
    return found


def archive_location(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The template's own `archiveLocation`: store and place. One that does not say all of where
    it is (bucket, endpoint, key) counts as none."""
    for kind, place in values.mapping(body.get("archiveLocation")).items():
        if kind in _COMPLETE and all(values.mapping(place).get(each) for each in _COMPLETE[kind]):
            return kind, place
    return None


def _store(run: Run) -> tuple[str, Mapping[str, Any]]:
    for kind, block in repository(run).items():
        if kind in _STORES and block is not None:
            return kind, block
    return "", {}


def _key(run: Run, kind: str, store: Mapping[str, Any], pod_name: str) -> str:
    formats, prefix, _ = _STORES.get(kind, ("keyFormat", "", "key"))
    pattern = str(store.get(formats) or "")
    if not pattern and prefix and store.get(prefix):
        pattern = posixpath.join(str(store[prefix]), DEFAULT_KEY)
    scope = {**run.globals, "pod.name": pod_name}
    return str(tags.compile(pattern or DEFAULT_KEY).render(scope, allow_unresolved=True))


def file_name(artifact: Mapping[str, Any]) -> str:
    """The last part of a default key: it tells the archive form."""
    archive = values.mapping(artifact.get("archive"))
    if archive.get("none") is not None:
        return posixpath.basename(str(artifact.get("path") or artifact["name"]))
    if archive.get("zip") is not None:
        return f"{artifact['name']}.zip"
    return f"{artifact['name']}.tgz"


def whole(run: Run, body: Mapping[str, Any], artifact: Mapping[str, Any]) -> Json:
    """An artifact with bucket, endpoint and credentials of its repository filled in."""
    found = dict(artifact)
    for kind in _STORES:
        location = found.get(kind)
        if location is None or location.get("bucket") or location.get("container"):
            continue
        store = values.mapping(repository(run).get(kind))
        drop = ("keyFormat", "keyPrefix", "blobNameFormat", "pathFormat", "key")
        found[kind] = {k: v for k, v in store.items() if k not in drop} | dict(location)
    return found
