"""Containers of a template: images, mounts, reserved names, sets."""

from __future__ import annotations

from typing import Any

from crds.validation import names
from crds.validation.report import Report, Site

RESERVED = ("main", "init", "wait", "supervisor")
PLUGIN_PREFIX = "artifact-plugin-"


def check(report: Report, site: Site, template: dict[str, Any]) -> None:
    """Everything about the containers of a leaf."""
    name = f"templates.{template.get('name', '')}"
    if "container" in template:
        _check_mounts(report, site, name, template)
    for kind in ("container", "script"):
        if kind in template and not template[kind].get("image"):
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
        if each.get("name") != "main" and _is_reserved(each.get("name", "")):
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
    """One cycle, from the last node of the walk back to it; empty when there is none."""
    done: set[str] = set()
    for start in sorted(edges):
        found = _walk(start, edges, [], done)
        if found:
            return found
    return []


def _walk(node: str, edges: dict[str, list[str]], trail: list[str], done: set[str]) -> list[str]:
    if node in trail:
        return [*trail[trail.index(node) :], node]
    if node in done or node not in edges:
        return []
    for other in edges[node]:
        found = _walk(other, edges, [*trail, node], done)
        if found:
            return found
    done.add(node)
    return []
