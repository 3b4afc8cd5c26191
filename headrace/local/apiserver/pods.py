"""Pods: defaults, validation, what may change, quality of service.

Source: Kubernetes `pkg/apis/core/v1/defaults.go` and `validation.go`, as far as a pod on one
local node can tell the difference.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from headrace.local.apiserver.meta import LABEL, LABEL_RULE
from headrace.local.apiserver.schema import FieldError, errors
from kube.cluster import Object
from lang import quantity
from lang.errors import LangError

CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
POLICIES = ("Always", "Never", "OnFailure")


def default(pod: Object) -> None:
    """Fill in what the user left out, in place."""
    spec = pod["spec"]
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("enableServiceLinks", True)
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    for group in CONTAINERS:
        for container in spec.get(group) or ():
            _default_container(container)
    for volume in spec.get("volumes") or ():
        for source in ("configMap", "secret", "projected", "downwardAPI"):
            if source in volume:
                volume[source].setdefault("defaultMode", 0o644)
    status = pod.setdefault("status", {})
    status.setdefault("phase", "Pending")
    status["qosClass"] = qos_class(spec)


def _default_container(container: dict[str, Any]) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    image = container.get("image") or ""
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    always = "@" not in image and tag in {"", "latest"}
    container.setdefault("imagePullPolicy", "Always" if always else "IfNotPresent")
    resources = container["resources"]
    for name, amount in (resources.get("limits") or {}).items():
        resources.setdefault("requests", {}).setdefault(name, amount)
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            for field, value in (
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ):
                container[probe].setdefault(field, value)
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference:
            reference.setdefault("apiVersion", "v1")


def qos_class(spec: dict[str, Any]) -> str:
    """BestEffort, Burstable or Guaranteed."""
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    requests = [(c.get("resources") or {}).get("requests") or {} for c in containers]
    limits = [(c.get("resources") or {}).get("limits") or {} for c in containers]
    if not any(requests) and not any(limits):
        return "BestEffort"
    guaranteed = all(
        limit.get(name) and request.get(name, limit[name]) == limit[name]
        for limit, request in zip(limits, requests, strict=True)
        for name in ("cpu", "memory")
    )
    return "Guaranteed" if guaranteed else "Burstable"


def validate(pod: Object) -> list[FieldError]:
    """Everything wrong with a new pod."""
    spec = pod["spec"]
    found: list[FieldError] = []
    volumes = [v.get("name") for v in spec.get("volumes") or ()]
    for i, name in enumerate(volumes):
        path = f"spec.volumes[{i}].name"
        if not name:
            found.append(errors.required(path))
        elif not LABEL.fullmatch(name):
            found.append(errors.invalid(path, name, LABEL_RULE))
        elif name in volumes[:i]:
            found.append(errors.duplicate(path, name))
    if not spec.get("containers"):
        found.append(errors.required("spec.containers"))
    seen: set[str] = set()
    for group in CONTAINERS:
        for i, container in enumerate(spec.get(group) or ()):
            found += _container(container, f"spec.{group}[{i}]", seen, volumes)
    if spec["restartPolicy"] not in POLICIES:
        found.append(
            errors.not_supported("spec.restartPolicy", spec["restartPolicy"], list(POLICIES))
        )
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        detail = "must be between 1 and 2147483647, inclusive"
        found.append(errors.invalid("spec.activeDeadlineSeconds", deadline, detail))
    return found


def _container(
    container: dict[str, Any], path: str, seen: set[str], volumes: list[str]
) -> list[FieldError]:
    found = []
    name = container.get("name")
    if not name:
        found.append(errors.required(f"{path}.name"))
    elif not LABEL.fullmatch(name) or len(name) > 63:
        found.append(errors.invalid(f"{path}.name", name, LABEL_RULE))
    elif name in seen:
        found.append(errors.duplicate(f"{path}.name", name))
    if name:
        seen.add(name)
    if not container.get("image"):
        found.append(errors.required(f"{path}.image"))
    for i, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            found.append(errors.required(f"{path}.env[{i}].name"))
        if variable.get("value") and variable.get("valueFrom"):
            detail = "may not be specified when `value` is not empty"
            found.append(errors.invalid(f"{path}.env[{i}].valueFrom", "", detail))
    mounted: set[str] = set()
    for i, mount in enumerate(container.get("volumeMounts") or ()):
        where = f"{path}.volumeMounts[{i}]"
        if mount.get("name") not in volumes:
            text = f'Not found: "{mount.get("name")}"'
            found.append(FieldError(f"{where}.name", errors.ErrorType.INVALID, text))
        if not mount.get("mountPath"):
            found.append(errors.required(f"{where}.mountPath"))
        elif mount["mountPath"] in mounted:
            detail = "must be unique"
            found.append(errors.invalid(f"{where}.mountPath", mount["mountPath"], detail))
        mounted.add(mount.get("mountPath", ""))
    return found + _resources(container.get("resources") or {}, f"{path}.resources")


def _resources(resources: dict[str, Any], path: str) -> list[FieldError]:
    found = []
    amounts: dict[tuple[str, str], Decimal] = {}
    for kind in ("limits", "requests"):
        for name, text in (resources.get(kind) or {}).items():
            try:
                amounts[kind, name] = quantity.parse(str(text))
            except LangError as error:
                found.append(errors.invalid(f"{path}.{kind}[{name}]", text, error.message))
    for (kind, name), amount in amounts.items():
        limit = amounts.get(("limits", name))
        if kind == "requests" and limit is not None and amount > limit:
            detail = f"must be less than or equal to {name} limit of {resources['limits'][name]}"
            text = resources["requests"][name]
            found.append(errors.invalid(f"{path}.requests", text, detail))
    return found


def validate_update(pod: Object, old: Object) -> list[FieldError]:
    """A pod's spec stays as it is, but for images, its deadline, and added tolerations."""
    new, before = _comparable(pod["spec"], old["spec"]), _comparable(old["spec"], old["spec"])
    if new != before:
        detail = (
            "pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
            "`spec.tolerations` (only additions to existing tolerations),"
            "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
            "negative)"
        )
        return [errors.forbidden("spec", detail)]
    deadline, was = (
        pod["spec"].get("activeDeadlineSeconds"),
        old["spec"].get("activeDeadlineSeconds"),
    )
    if was is not None and (deadline is None or deadline > was):
        detail = f"must be less than or equal to previous value {was}"
        return [errors.invalid("spec.activeDeadlineSeconds", deadline, detail)]
    return []


def _comparable(spec: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """The spec without what may change."""
    kept = {k: v for k, v in spec.items() if k not in {"activeDeadlineSeconds", "tolerations"}}
    for group in CONTAINERS:
        if group in kept:
            kept[group] = [{**c, "image": ""} for c in kept[group]]
    if not old.get("nodeName") and not spec.get("nodeName"):
        kept.pop("nodeName", None)
    return kept
