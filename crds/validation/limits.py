"""Pod-level resources, device claims, and quantities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crds.validation.report import Report, Site
from lang import quantity
from lang.errors import LangError

_POD_RESOURCES = ("cpu", "memory")
_BAD_QUANTITY = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


def check(report: Report, site: Site, template: dict[str, Any], kind: str) -> None:
    """`kind` is the type's name where it makes no pod, empty where it does."""
    name = f"templates.{template.get('name', '')}"
    if "podResources" in template:
        place = site.below("podResources")
        if kind:
            report.add(place, f"{name}.podResources is not supported for {kind} templates")
        check_pod_resources(report, place, f"{name}.podResources", template["podResources"])
    if template.get("resourceClaims") and kind:
        text = (
            f"{name}.resourceClaims is not supported for {kind} templates, "
            "which do not create a pod"
        )
        report.add(site.below("resourceClaims"), text)


def check_pod_resources(report: Report, site: Site, name: str, given: dict[str, Any]) -> None:
    """What a whole pod may ask for: cpu, memory and huge pages."""
    for word in ("requests", "limits"):
        for resource in sorted(given.get(word) or {}):
            if resource not in _POD_RESOURCES and not resource.startswith("hugepages-"):
                text = (
                    f'{name}: "{resource}" is not a valid pod-level resource, only cpu, memory '
                    "and hugepages-* are supported"
                )
                report.add(site.below(word), text)
    if given.get("claims"):
        report.add(site, f"{name}.claims is not supported for pod-level resources")


def quantity_faults(tree: Any, path: str) -> Iterator[tuple[str, str]]:
    """Path and fault of every quantity below `tree` that is none. Tags are no quantities either."""
    if isinstance(tree, list):
        for index, each in enumerate(tree):
            yield from quantity_faults(each, f"{path}[{index}]")
    elif isinstance(tree, dict):
        for key, each in tree.items():
            place = f"{path}.{key}" if path else key
            if key in ("requests", "limits") and isinstance(each, dict):
                yield from _faults(each, place)
            elif key == "sizeLimit":
                yield from _faults({key: each}, path)
            elif key not in ("labels", "annotations", "inputs", "arguments"):
                yield from quantity_faults(each, place)


def _faults(given: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for resource, amount in given.items():
        try:
            quantity.parse(str(amount))
        except LangError:
            yield f"{path}.{resource}", _BAD_QUANTITY
