"""CustomResourceDefinitions: defaults, validation, status, and the kinds they bring.

Source: Kubernetes `apiextensions-apiserver`. Names are accepted at once: there is one server.
"""

from __future__ import annotations

from typing import Any

from headrace.local.apiserver import meta
from headrace.local.apiserver.kinds import CRD_VERBS, Kind
from headrace.local.apiserver.schema import (
    FieldError,
    compile_schema,
    errors,
    rule_problems,
    violations,
)
from kube.cluster import Object
from kube.resources import Resource


def default(crd: Object) -> None:
    """Names derived from others, the conversion strategy, and the status."""
    spec = crd["spec"]
    names = spec.setdefault("names", {})
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    status = crd.setdefault("status", {})
    status["acceptedNames"] = dict(names)
    stored = [v["name"] for v in spec.get("versions") or () if v.get("storage")]
    status.setdefault("storedVersions", stored)
    if not status.get("conditions"):
        moment = meta.now()
        status["conditions"] = [
            {
                "type": "NamesAccepted",
                "status": "True",
                "lastTransitionTime": moment,
                "reason": "NoConflicts",
                "message": "no conflicts found",
            },
            {
                "type": "Established",
                "status": "True",
                "lastTransitionTime": moment,
                "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted",
            },
        ]


def validate(crd: Object) -> list[FieldError]:
    """Everything wrong with a definition."""
    spec = crd["spec"]
    found: list[FieldError] = []
    names = spec.get("names") or {}
    for field, value in (("group", spec.get("group")), ("scope", spec.get("scope"))):
        if not value:
            found.append(errors.required(f"spec.{field}"))
    missing = [field for field in ("plural", "kind") if not names.get(field)]
    found += [errors.required(f"spec.names.{field}") for field in missing]
    expected = f"{names.get('plural')}.{spec.get('group')}"
    if crd["metadata"].get("name") != expected:
        detail = 'must be spec.names.plural+"."+spec.group'
        found.append(errors.invalid("metadata.name", crd["metadata"].get("name"), detail))
    if spec.get("scope") not in {"Namespaced", "Cluster"}:
        words = ["Cluster", "Namespaced"]
        found.append(errors.not_supported("spec.scope", spec.get("scope", ""), words))
    versions = spec.get("versions") or []
    if sum(bool(v.get("storage")) for v in versions) != 1:
        detail = "must have exactly one version marked as storage version"
        found.append(errors.invalid("spec.versions", "", detail))
    for i, version in enumerate(versions):
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        path = f"spec.versions[{i}].schema.openAPIV3Schema"
        if schema is None:
            found.append(errors.required(path, "schemas are required"))
        else:
            found += violations(schema, path)
            found += rule_problems(schema, path)
    return found


def kinds_of(crd: Object) -> list[Kind]:
    """The kinds that a definition serves, one for each served version."""
    spec = crd["spec"]
    names = spec["names"]
    served = tuple(v["name"] for v in spec["versions"] if v.get("served"))
    found = []
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        document: dict[str, Any] = (version.get("schema") or {}).get("openAPIV3Schema") or {}
        resource = Resource(
            spec["group"],
            version["name"],
            names["plural"],
            names["kind"],
            spec["scope"] == "Namespaced",
        )
        found.append(
            Kind(
                resource,
                names.get("singular", names["kind"].lower()),
                names.get("listKind", f"{names['kind']}List"),
                tuple(names.get("shortNames") or ()),
                tuple(names.get("categories") or ()),
                tuple(version.get("subresources") or ()),
                CRD_VERBS,
                compile_schema(document),
                document,
                tuple(version.get("additionalPrinterColumns") or ()),
                custom=True,
                versions=served,
                scale=(version.get("subresources") or {}).get("scale"),
            )
        )
    return found
