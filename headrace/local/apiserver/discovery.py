"""Discovery: which groups, versions and resources there are, in the old and the aggregated form."""

from __future__ import annotations

from typing import Any

from headrace.local.apiserver.kinds import Kind, Kinds

SUB_KINDS: dict[str, tuple[str, str, str, list[str]]] = {
    # sub-resource: group, version, kind, verbs
    "pods/log": ("", "v1", "Pod", ["get"]),
    "pods/exec": ("", "v1", "PodExecOptions", ["create", "get"]),
    "pods/attach": ("", "v1", "PodAttachOptions", ["create", "get"]),
    "pods/binding": ("", "v1", "Binding", ["create"]),
    "pods/eviction": ("policy", "v1", "Eviction", ["create"]),
    "serviceaccounts/token": ("authentication.k8s.io", "v1", "TokenRequest", ["create"]),
    "namespaces/finalize": ("", "v1", "Namespace", ["update"]),
}
REVIEWS = {
    ("authorization.k8s.io", "v1"): [
        ("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
        ("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
        ("subjectaccessreviews", "SubjectAccessReview"),
    ],
    ("authentication.k8s.io", "v1"): [
        ("selfsubjectreviews", "SelfSubjectReview"),
        ("tokenreviews", "TokenReview"),
    ],
}
PREFERRED_LAST = ("authentication.k8s.io", "authorization.k8s.io")


def group_versions(kinds: Kinds) -> dict[str, list[str]]:
    """Every group but the core one, with its versions."""
    found = {group: versions for group, versions in kinds.groups().items() if group}
    for group, version in REVIEWS:
        found.setdefault(group, [version])
    return found


def api_versions() -> dict[str, Any]:
    """`/api`."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}],
    }


def group_list(kinds: Kinds) -> dict[str, Any]:
    """`/apis`."""
    groups = [_group(name, versions) for name, versions in group_versions(kinds).items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(kinds: Kinds, name: str) -> dict[str, Any] | None:
    """`/apis/{group}`, None for an unknown one."""
    versions = group_versions(kinds).get(name)
    if versions is None:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{v}", "version": v} for v in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def resource_list(kinds: Kinds, group_name: str, version: str) -> dict[str, Any] | None:
    """`/api/v1` and `/apis/{group}/{version}`, None for an unknown one."""
    found: list[dict[str, Any]] = []
    for kind in kinds.all():
        if (kind.resource.group, kind.resource.version) == (group_name, version):
            found.append(_resource(kind))
            found += [_subresource(kind, sub) for sub in kind.subresources]
    for plural, name in REVIEWS.get((group_name, version), ()):
        found.append(
            {
                "name": plural,
                "singularName": "",
                "namespaced": False,
                "kind": name,
                "verbs": ["create"],
            }
        )
    if not found:
        return None
    name = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": found}


def _resource(kind: Kind) -> dict[str, Any]:
    r = kind.resource
    found: dict[str, Any] = {
        "name": r.plural,
        "singularName": kind.singular,
        "namespaced": r.namespaced,
        "kind": r.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        found["shortNames"] = list(kind.short_names)
    if kind.categories:
        found["categories"] = list(kind.categories)
    found["storageVersionHash"] = ""
    return found


def _subresource(kind: Kind, sub: str) -> dict[str, Any]:
    r = kind.resource
    name = f"{r.plural}/{sub}"
    own = (r.group, r.version, r.kind, ["get", "patch", "update"])
    if sub == "scale":
        own = ("autoscaling", "v1", "Scale", own[3])
    group_name, version, kind_name, verbs = SUB_KINDS.get(name, own)
    found: dict[str, Any] = {
        "name": name,
        "singularName": "",
        "namespaced": r.namespaced,
        "kind": kind_name,
        "verbs": verbs,
    }
    if (group_name, version) != (r.group, r.version):
        found["group"], found["version"] = group_name, version
    return found


def aggregated(kinds: Kinds, *, core: bool) -> dict[str, Any]:
    """`APIGroupDiscoveryList`, which kubectl asks for first."""
    groups = {"": ["v1"]} if core else group_versions(kinds)
    items = []
    for name, versions in groups.items():
        listed = []
        for version in versions:
            resources = (resource_list(kinds, name, version) or {}).get("resources") or []
            listed.append(
                {
                    "version": version,
                    "resources": _aggregated_resources(name, version, resources),
                    "freshness": "Current",
                }
            )
        meta: dict[str, Any] = {"creationTimestamp": None}
        if name:
            meta["name"] = name
        items.append({"metadata": meta, "versions": listed})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _aggregated_resources(
    group_name: str, version: str, resources: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for entry in resources:
        kind = {
            "group": entry.get("group", group_name),
            "version": entry.get("version", version),
            "kind": entry["kind"],
        }
        name, _, sub = entry["name"].partition("/")
        if sub:
            found[name].setdefault("subresources", []).append(
                {"subresource": sub, "responseKind": kind, "verbs": entry["verbs"]}
            )
            continue
        found[name] = {
            "resource": name,
            "responseKind": kind,
            "scope": "Namespaced" if entry["namespaced"] else "Cluster",
            "singularResource": entry["singularName"],
            "verbs": entry["verbs"],
        }
        for field in ("shortNames", "categories"):
            if entry.get(field):
                found[name][field] = entry[field]
    return list(found.values())
