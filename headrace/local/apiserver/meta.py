"""Object metadata: what the server fills in, and what it refuses.

Source: Kubernetes `apimachinery/pkg/api/validation`.
"""

from __future__ import annotations

import random
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from headrace.local.apiserver.schema import FieldError, errors
from kube.cluster import Object

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
PATH_SEGMENT = re.compile(r"[^/%]+")
QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
ANNOTATIONS_MOST = 256 * 1024
LABEL_NAMED = {"Namespace", "Service"}
FREE_NAMED = {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
NAME_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def prepare_create(obj: Object, namespace: str | None) -> None:
    """Fill in what the server decides: uid, creation time, a generated name."""
    meta = obj["metadata"]
    for field in (
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "generation",
    ):
        meta.pop(field, None)
    if not meta.get("name") and meta.get("generateName"):
        suffix = "".join(random.choices(ALPHABET, k=5))
        meta["name"] = meta["generateName"][:58] + suffix
    if namespace:
        meta["namespace"] = namespace
    meta["uid"] = str(uuid.uuid4())
    meta["creationTimestamp"] = now()
    drop_empty(meta)


def drop_empty(meta: dict[str, Any]) -> None:
    """Empty labels, annotations, finalizers and owners are not stored."""
    for field in ("labels", "annotations", "finalizers", "ownerReferences", "managedFields"):
        if field in meta and not meta[field]:
            del meta[field]


def validate(obj: Object, kind: str, *, custom: bool) -> list[FieldError]:
    """Everything wrong with the metadata."""
    meta = obj["metadata"]
    found: list[FieldError] = []
    if not meta.get("name"):
        found.append(errors.required("metadata.name", "name or generateName is required"))
    else:
        found += _name(meta["name"], kind)
    found += _labels(meta.get("labels") or {})
    found += _annotations(meta.get("annotations") or {})
    for i, owner in enumerate(meta.get("ownerReferences") or ()):
        place = "metadata.ownerReferences"
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                path = f"{place}[{i}].{field}" if custom else f"{place}.{field}"
                found.append(errors.invalid(path, owner.get(field, ""), "must not be empty"))
    for i, finalizer in enumerate(meta.get("finalizers") or ()):
        if not _qualified(finalizer):
            path = f"metadata.finalizers[{i}]"
            found.append(errors.invalid(path, finalizer, NAME_RULE))
    return found


def _name(name: str, kind: str) -> list[FieldError]:
    path = "metadata.name"
    if kind in FREE_NAMED:
        good = PATH_SEGMENT.fullmatch(name) is not None and name not in {".", ".."}
        return [] if good else [errors.invalid(path, name, "may not contain '/' or '%'")]
    if kind in LABEL_NAMED:
        if len(name) > 63:
            return [errors.invalid(path, name, "must be no more than 63 characters")]
        return [] if LABEL.fullmatch(name) else [errors.invalid(path, name, LABEL_RULE)]
    if len(name) > 253:
        return [errors.invalid(path, name, "must be no more than 253 characters")]
    return [] if SUBDOMAIN.fullmatch(name) else [errors.invalid(path, name, SUBDOMAIN_RULE)]


def _labels(labels: dict[str, str]) -> list[FieldError]:
    found = []
    for key, value in labels.items():
        if not _qualified(key):
            found.append(errors.invalid("metadata.labels", key, NAME_RULE))
        if len(value) > 63:
            found.append(errors.invalid("metadata.labels", value, "must be no more than 63 bytes"))
        elif value and not QUALIFIED.fullmatch(value):
            found.append(errors.invalid("metadata.labels", value, VALUE_RULE))
    return found


def _annotations(annotations: dict[str, str]) -> list[FieldError]:
    found = [
        errors.invalid("metadata.annotations", key, NAME_RULE)
        for key in annotations
        if not _qualified(key.lower())
    ]
    if sum(len(k) + len(v) for k, v in annotations.items()) > ANNOTATIONS_MOST:
        found.append(errors.too_long("metadata.annotations", ANNOTATIONS_MOST))
    return found


def _qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and (not SUBDOMAIN.fullmatch(prefix) or len(prefix) > 253):
        return False
    return len(name) <= 63 and QUALIFIED.fullmatch(name) is not None


def keep_system_fields(obj: Object, old: Object) -> None:
    """On update: what clients cannot change comes from the stored object."""
    meta, before = obj["metadata"], old["metadata"]
    for field in (
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "namespace",
        "name",
    ):
        if field in before:
            meta[field] = before[field]
        else:
            meta.pop(field, None)
    meta.pop("selfLink", None)
    drop_empty(meta)


def validate_update(obj: Object, old: Object) -> list[FieldError]:
    """An object that is being deleted gets no new finalizers."""
    if not old["metadata"].get("deletionTimestamp"):
        return []
    before = set(old["metadata"].get("finalizers") or ())
    added = [f for f in obj["metadata"].get("finalizers") or () if f not in before]
    if not added:
        return []
    detail = (
        "no new finalizers can be added if the object is being deleted, found new finalizers "
        "[]string{" + ", ".join(f'"{f}"' for f in added) + "}"
    )
    return [errors.forbidden("metadata.finalizers", detail)]
