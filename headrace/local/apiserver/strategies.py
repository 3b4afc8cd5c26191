"""What is special about single kinds: defaults, validation, conversion of what users write."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from headrace.local.apiserver import definitions, pods, refusals
from headrace.local.apiserver.schema import FieldError, errors
from kube.cluster import Object


def _nothing(_: Object) -> None:
    return None


def _fine(_: Object) -> list[FieldError]:
    return []


def _unchanged(_new: Object, _old: Object) -> list[FieldError]:
    return []


@dataclass(frozen=True, slots=True)
class Strategy:
    """`default` and `convert` change the object in place; the others find faults."""

    convert: Callable[[Object], None] = _nothing
    default: Callable[[Object], None] = _nothing
    validate: Callable[[Object], list[FieldError]] = _fine
    validate_update: Callable[[Object, Object], list[FieldError]] = _unchanged


PLAIN = Strategy()


def of(kind: str, *, custom: bool) -> Strategy:
    """The strategy of a kind."""
    return PLAIN if custom else TABLE.get(kind, PLAIN)


# -- secrets and config maps ------------------------------------------------------------------


def _convert_secret(secret: Object) -> None:
    plain = secret.pop("stringData", None)
    for key, text in (secret.get("data") or {}).items():
        try:
            base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise refusals.bad_request(
                'Secret in version "v1" cannot be handled as a Secret: illegal base64 data '
                f"in data.{key}"
            ) from error
    if plain:
        encoded = {k: base64.b64encode(v.encode()).decode() for k, v in plain.items()}
        secret["data"] = {**(secret.get("data") or {}), **encoded}


def _default_secret(secret: Object) -> None:
    secret.setdefault("type", "Opaque")


def _immutable(new: Object, old: Object) -> list[FieldError]:
    if not old.get("immutable"):
        return []
    detail = "field is immutable when `immutable` is set"
    found = []
    if not new.get("immutable"):
        found.append(errors.forbidden("immutable", detail))
    found += [
        errors.forbidden(field, detail)
        for field in ("data", "binaryData")
        if new.get(field) != old.get(field)
    ]
    return found


def _update_secret(new: Object, old: Object) -> list[FieldError]:
    found = _immutable(new, old)
    if new.get("type") != old.get("type"):
        found.append(errors.invalid("type", new.get("type"), "field is immutable"))
    return found


# -- namespaces, services, volumes ------------------------------------------------------------


def _default_namespace(namespace: Object) -> None:
    meta = namespace["metadata"]
    meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta["name"]
    if not meta.get("deletionTimestamp"):
        namespace.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        namespace.setdefault("status", {}).setdefault("phase", "Active")


def _default_service(service: Object) -> None:
    spec = service.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["type"] != "ExternalName":
        spec.setdefault("clusterIP", "None" if spec.get("clusterIP") == "None" else "127.0.0.1")
        spec.setdefault("internalTrafficPolicy", "Cluster")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    service.setdefault("status", {"loadBalancer": {}})


def _default_claim(claim: Object) -> None:
    claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
    claim["status"] = claim.get("status") or {"phase": "Pending"}


def _validate_claim(claim: Object) -> list[FieldError]:
    spec = claim["spec"]
    found = []
    if not spec.get("accessModes"):
        detail = "at least 1 access mode is required"
        found.append(errors.required("spec.accessModes", detail))
    if not ((spec.get("resources") or {}).get("requests") or {}).get("storage"):
        found.append(errors.required("spec.resources[storage]"))
    return found


def _default_quota(quota: Object) -> None:
    quota.setdefault("spec", {})
    quota.setdefault("status", {})


def _default_event(event: Object) -> None:
    event.setdefault("source", {})


def _default_priority(_: Object) -> None:
    return None


def _update_priority(new: Object, old: Object) -> list[FieldError]:
    if new.get("value") != old.get("value"):
        return [errors.forbidden("value", "may not be changed in an update.")]
    return []


TABLE: dict[str, Strategy] = {
    "Pod": Strategy(
        default=pods.default, validate=pods.validate, validate_update=pods.validate_update
    ),
    "Secret": Strategy(
        convert=_convert_secret, default=_default_secret, validate_update=_update_secret
    ),
    "ConfigMap": Strategy(validate_update=_immutable),
    "Namespace": Strategy(default=_default_namespace),
    "Service": Strategy(default=_default_service),
    "Event": Strategy(default=_default_event),
    "PersistentVolumeClaim": Strategy(default=_default_claim, validate=_validate_claim),
    "ResourceQuota": Strategy(default=_default_quota),
    "PriorityClass": Strategy(validate_update=_update_priority),
    "CustomResourceDefinition": Strategy(
        default=definitions.default, validate=definitions.validate
    ),
}
