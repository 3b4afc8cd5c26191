"""Containers of a template: images, mounts, reserved names, sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crds.validation import names
from crds.validation.report import Report, Site

RESERVED = ("init", "wait", "supervisor")
PLUGIN_PREFIX = "artifact-plugin-"


def check(report: Report, site: Site, template: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Everything about the containers of a leaf. `defaults` are the spec's templateDefaults."""
    name = f"templates.{template.get('name', '')}"
    if "container" in template:
        _check_mounts(report, site, name, template)
    for kind in ("container", "script"):
        image = (template.get(kind) or {}).get("image") or (defaults.get(kind) or {}).get("image")
        if kind in template and not image:
            report.add(site.below(f"{kind}.image"), f"{name}.{kind}.image may not be empty")
    if "containerSet" in template:
        _check_set(report, site.below("containerSet"), name, template)
    for index, each in enumerate(template.get("initContainers") or []):
        if not each.get("name"):
            place = site.below("initContainers", index)
            report.add(place, "initContainers must all have container name")
    for kind in ("initContainers", "sidecars"):
        for index, each in enumerate(template.get(kind) or []):
            if _is_reserved(each.get("name", "")):
                report.add(site.below(kind, index), _reserved(f"{name}.{kind}", each))


def _is_reserved(name: str) -> bool:
    return name in RESERVED or name.startswith(PLUGIN_PREFIX)


def _reserved(place: str, container: dict[str, Any]) -> str:
    return f'{place}: "{container.get("name", "")}" is a reserved Argo container name'


def _check_mounts(report: Report, site: Site, name: str, template: dict[str, Any]) -> None:
    taken: dict[str, str] = {}
    for index, mount in enumerate(template["container"].get("volumeMounts") or []):
        path = mount.get("mountPath", "")
        if path in taken:
            where = f"container.volumeMounts[{index}]"
            text = f"{name}.{where}.mountPath '{path}' already mounted in {taken[path]}"
            report.add(site.below(where), text)
        taken[path] = f"container.volumeMounts.{mount.get('name', '')}"
    for index, artifact in enumerate((template.get("inputs") or {}).get("artifacts") or []):
        path = artifact.get("path", "")
        if path in taken:
            where = f"inputs.artifacts[{index}]"
            text = f"{name}.{where}.path '{path}' already mounted in {taken[path]}"
            report.add(site.below(where), text)
        taken[path] = f"inputs.artifacts.{artifact.get('name', '')}"


def _check_set(report: Report, site: Site, name: str, template: dict[str, Any]) -> None:
    written = template["containerSet"]
    containers = written.get("containers") or []
    place = f"{name}.containerSet.containers"
    if not containers:
        report.add(site, f"{place} must have at least one container")
    for index, fault in names.faults([each.get("name", "") for each in containers]):
        report.add(site.below("containers", index), f"{place}{fault}")
    for index, each in enumerate(containers):
        if _is_reserved(each.get("name", "")):
            report.add(site.below("containers", index), _reserved(place, each))
    _check_set_mounts(report, site, name, written)
    _check_dependencies(report, site, place, containers)
    inputs, outputs = template.get("inputs") or {}, template.get("outputs") or {}
    uses = inputs.get("artifacts") or outputs.get("parameters") or outputs.get("artifacts")
    if uses and not any(each.get("name") == "main" for each in containers):
        report.add(site, f'{place} must have a container named "main" for input or output')


def _check_set_mounts(report: Report, site: Site, name: str, written: dict[str, Any]) -> None:
    taken: dict[str, str] = {}
    for index, mount in enumerate(written.get("volumeMounts") or []):
        path = mount.get("mountPath", "")
        if path in taken:
            where = f"containerSet.volumeMounts[{index}]"
            text = f"{name}.{where}.mountPath '{path}' already mounted in {taken[path]}"
            report.add(site.below("volumeMounts", index), text)
        taken[path] = f"volumeMounts.{mount.get('name', '')}"


def _check_dependencies(
    report: Report, site: Site, place: str, containers: list[dict[str, Any]]
) -> None:
    edges = {each.get("name", ""): each.get("dependencies") or [] for each in containers}
    for index, each in enumerate(containers):
        for other in each.get("dependencies") or []:
            if other not in edges:
                text = f"{place}.{each.get('name', '')} dependency '{other}' not defined"
                report.add(site.below("containers", index), text)
    cycle = find_cycle(edges)
    if cycle:
        report.add(site, f"{place} dependency cycle detected: {'->'.join(cycle)}")


def find_cycle(edges: dict[str, list[str]]) -> list[str]:
    """One cycle, as a walk back to its first node; empty when there is none.

    Iterative: a chain may be longer than Python's stack is deep.
    """
    done: set[str] = set()
    for start in reversed(edges):
        trail: dict[str, Iterator[str]] = {}
        node: str | None = None if start in done else start
        while node is not None:
            trail.setdefault(node, iter(edges[node]))
            other = next((each for each in trail[node] if each in edges and each not in done), None)
            if other is None:
                done.add(node)
                del trail[node]
                node = next(reversed(trail), None)
            elif other in trail:
                names = list(trail)
                return [*names[names.index(other) :], other]
            else:
                node = other
    return []
