"""The smaller rules of a template: artifacts, mounts, metrics, resources, retries, timeouts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from engine.core import values
from engine.core.errors import SpecError
from engine.core.validation import names
from lang import yaml
from lang.errors import LangError

_ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")
_POLICIES = ("", "Always", "OnFailure", "OnError", "OnTransientError")
_METRIC = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PARENTS = re.compile(r"(^|/)\.\.(/|$)")
_SOURCES = ("path", "jqFilter", "jsonPath", "parameter", "expression", "supplied", "event")
_NO_POD = {"steps": "Steps", "dag": "DAG", "http": "HTTP"}


def check(template: Mapping[str, Any]) -> None:
    """Raise SpecError for the first broken rule."""
    where = f"templates.{template.get('name') or ''}"
    _timeouts(template)
    policy = str(values.mapping(template.get("retryStrategy")).get("retryPolicy") or "")
    if policy not in _POLICIES:
        raise SpecError(f"{policy} is not a valid RetryPolicy")
    _pod_fields(template, where)
    _input_artifacts(template, where)
    _output_artifacts(template, where)
    _mounts(template, where)
    if template.get("resource") is not None:
        _resource(template["resource"], where)
    if template.get("plugin") is not None and len(template["plugin"]) != 1:
        raise SpecError(f"expected exactly one key, got {len(template['plugin'])}")
    metrics(values.mapping(template.get("metrics")), where)


def _timeouts(template: Mapping[str, Any]) -> None:
    name = template.get("name") or ""
    for kind, shown in (("steps", "Steps"), ("dag", "DAG")):
        if template.get(kind) is None:
            continue
        for field in ("timeout", "pendingTimeout"):
            if template.get(field):
                raise SpecError(f"{shown} template doesn't support {field} field")
    text = str(template.get("timeout") or "")
    if text and "{{" not in text and text.isdecimal():
        raise SpecError(f"{name} has invalid duration format in timeout")


def _pod_fields(template: Mapping[str, Any], where: str) -> None:
    for kind, shown in _NO_POD.items():
        if template.get(kind) is None:
            continue
        if template.get("resourceClaims"):
            raise SpecError(
                f"{where}.resourceClaims is not supported for {shown} templates, "
                "which do not create a pod"
            )
        if template.get("podResources"):
            raise SpecError(f"{where}.podResources is not supported for {shown} templates")
    pod_resources(template.get("podResources"), f"{where}.podResources")


def pod_resources(block: Any, where: str) -> None:
    """Only some resources can be asked for by a whole pod."""
    found = values.mapping(block)
    if found.get("claims"):
        raise SpecError(f"{where}.claims is not supported for pod-level resources")
    for kind in ("limits", "requests"):
        for resource in values.mapping(found.get(kind)):
            if resource not in ("cpu", "memory") and not resource.startswith("hugepages-"):
                raise SpecError(
                    f'{where}: "{resource}" is not a valid pod-level resource, only cpu, '
                    "memory and hugepages-* are supported"
                )


def _path(artifact: Mapping[str, Any], where: str) -> None:
    name, path = artifact.get("name"), str(artifact.get("path") or "")
    if not path:
        raise SpecError(f"error in {where}: Artifact '{name}' did not specify a path")
    if _PARENTS.search(path):
        raise SpecError(
            f"error in {where}: Artifact '{name}' attempted to use a path containing '..'. "
            "Directory traversal is not permitted"
        )


def _location(artifact: Mapping[str, Any], where: str) -> None:
    git = artifact.get("git")
    if git is not None and not git.get("repo"):
        raise SpecError(f"{where}.git.repo is required")
    hdfs = artifact.get("hdfs")
    if hdfs is None:
        return
    path = str(hdfs.get("path") or "")
    if not path:
        raise SpecError(f"{where}.hdfs.path is required")
    if not path.startswith("/") and not path.startswith("{{"):
        raise SpecError(f"{where}.hdfs.path must be a absolute file path")


def _is_leaf(template: Mapping[str, Any]) -> bool:
    return any(template.get(kind) is not None for kind in ("container", "script", "containerSet"))


def _input_artifacts(template: Mapping[str, Any], where: str) -> None:
    inputs = values.mapping(template.get("inputs"))
    for artifact in inputs.get("artifacts") or ():
        path = f"{where}.inputs.artifacts.{artifact.get('name')}"
        if _is_leaf(template):
            _path(artifact, path)
        _location(artifact, path)
    archive = template.get("archiveLocation")
    if archive is not None:
        _location(archive, f"{where}.archiveLocation")


def _output_artifacts(template: Mapping[str, Any], where: str) -> None:
    outputs = values.mapping(template.get("outputs"))
    artifacts = outputs.get("artifacts") or ()
    names.check_parameters(artifacts, f"{where}.outputs.artifacts ")
    flow = template.get("steps") is not None or template.get("dag") is not None
    for artifact in artifacts:
        path = f"{where}.outputs.artifacts.{artifact.get('name')}"
        if flow and artifact.get("path"):
            raise SpecError(f"{path}.path only valid in container/script templates")
        if _is_leaf(template):
            _path(artifact, path)
    for kind in ("parameters", "artifacts"):
        for output in outputs.get(kind) or ():
            name = output.get("globalName")
            if name and "{{" not in name:
                _global_name(name, f"{where}.outputs.{kind}.{output.get('name')}.globalName")


def _global_name(name: str, where: str) -> None:
    wrong = names.parameter_problem(name)
    if wrong:
        raise SpecError(f"{where}: {wrong}")


def source(parameter: Mapping[str, Any]) -> None:
    """An output parameter has exactly one kind of source."""
    block = values.mapping(parameter.get("valueFrom"))
    given = [kind for kind in _SOURCES if block.get(kind) is not None]
    choices = "path, jqFilter, jsonPath, parameter, raw"
    if not given:
        raise SpecError(f"valueFrom type unspecified. choose one of: {choices}, expression")
    if len(given) > 1:
        raise SpecError(f"multiple valueFrom types specified. choose one of: {choices}")


def _mounts(template: Mapping[str, Any], where: str) -> None:
    taken: dict[str, str] = {}
    mounts = values.mapping(template.get("container")).get("volumeMounts") or ()
    _take(mounts, f"{where}.container.volumeMounts", "container.volumeMounts", taken)
    shared = values.mapping(template.get("containerSet")).get("volumeMounts") or ()
    _take(shared, f"{where}.containerSet.volumeMounts", "volumeMounts", taken)
    inputs = values.mapping(template.get("inputs")).get("artifacts") or ()
    for index, artifact in enumerate(inputs):
        path = artifact.get("path")
        if path and path in taken:
            raise SpecError(
                f"{where}.inputs.artifacts[{index}].path '{path}' already mounted in {taken[path]}"
            )
        if path:
            taken[path] = f"inputs.artifacts.{artifact.get('name')}"


def _take(
    mounts: Iterable[Mapping[str, Any]], where: str, shown: str, taken: dict[str, str]
) -> None:
    for index, mount in enumerate(mounts):
        path = str(mount.get("mountPath") or "")
        if path in taken:
            raise SpecError(f"{where}[{index}].mountPath '{path}' already mounted in {taken[path]}")
        taken[path] = f"{shown}.{mount.get('name')}"


def _resource(block: Mapping[str, Any], where: str) -> None:
    action = str(block.get("action") or "")
    if "{{" not in action and action not in _ACTIONS:
        raise SpecError(f"{where}.resource.action must be one of: {', '.join(_ACTIONS)}")
    if action in ("get", "delete"):
        return
    manifest, other = block.get("manifest"), block.get("manifestFrom")
    if not manifest and not other and not block.get("flags"):
        raise SpecError(
            f"either {where}.resource.manifest or {where}.resource.manifestFrom must be specified"
        )
    if manifest and other:
        raise SpecError(
            "shouldn't have both `manifest` and `manifestFrom` specified in `Manifest` "
            "for resource template"
        )
    if manifest and "{{" not in str(manifest):
        try:
            yaml.load(str(manifest))
        except LangError:
            raise SpecError(f"{where}.resource.manifest must be a valid yaml") from None


def metrics(block: Mapping[str, Any], where: str) -> None:
    """Metrics have a name, a help text and a value."""
    for metric in block.get("prometheus") or ():
        name = str(metric.get("name") or "")
        if not _METRIC.fullmatch(name):
            raise SpecError(
                f"{where} metric name '{name}' is invalid. "
                "Metric names must contain alphanumeric characters or '_'"
            )
        if not metric.get("help"):
            raise SpecError(
                f"{where} metric '{name}' must contain a help string under 'help: ' field"
            )
        for label in metric.get("labels") or ():
            if not _METRIC.fullmatch(str(label.get("key") or "")):
                raise SpecError(
                    f"metric label '{label.get('key')}' is invalid: keys may only contain "
                    "alphanumeric characters or '_'"
                )
        for kind in ("counter", "gauge", "histogram"):
            if metric.get(kind) is not None and not metric[kind].get("value"):
                raise SpecError(f"{where} metric '{name}' error: missing {kind}.value")


def pod_gc(block: Mapping[str, Any]) -> None:
    """The strategy of `podGC` is one of those that exist."""
    strategy = str(block.get("strategy") or "")
    known = (
        "", "OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess",
    )  # fmt: skip
    if strategy not in known:
        raise SpecError(f"podGC.strategy unknown strategy '{strategy}'")
