"""The walk over templates: from a caller to what it calls, each template with its arguments.

`Walk` holds what all checks of one object share. A template is looked at once, but its inputs
are bound anew for every caller, because every caller may forget one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from crds import decode
from crds.templates import TEMPLATE_TYPES
from crds.validation import (
    artifacts,
    containers,
    dag,
    inputs,
    leaf,
    metrics,
    outputs,
    scopes,
    steps,
    text,
)
from crds.validation.inputs import Placeholders, Supplied
from crds.validation.library import Library
from crds.validation.report import Report, Site

_TYPES = tuple("containerSet" if each == "container_set" else each for each in TEMPLATE_TYPES)


MAX_DEPTH = 100
"""Deeper calls fail when they run; the check itself must not run out of stack either."""

LOCAL = ("local",)
"""The key of the spec under check itself."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where names of templates are looked up: one spec, which may be a stored one."""

    key: tuple[str, ...]
    spec: dict[str, Any]
    namespace: str
    path: str | None
    """Field path of `spec` in the object under check; None for stored specs."""

    def find(self, name: str) -> tuple[dict[str, Any], int] | None:
        """The template and its index."""
        for index, each in enumerate(self.spec.get("templates") or []):
            if each.get("name", "") == name:
                return each, index
        return None


@dataclass(slots=True)
class Walk:
    """What the checks of one object share."""

    library: Library
    report: Report = field(default_factory=Report)
    known: dict[str, str] = field(default_factory=dict)
    open_parameters: bool = False
    placeholders: Placeholders = field(default_factory=Placeholders)
    _seen: set[tuple[str, ...]] = field(default_factory=set)
    _depth: int = 0

    def call(
        self, site: Site, home: Home, caller: dict[str, Any], supplied: Supplied
    ) -> dict[str, Any] | None:
        """Resolve and check what `caller` calls; the template, or None when there is none."""
        resolved = self._resolve(site, home, caller)
        if resolved is None:
            return None
        template, where, place = resolved
        if self._depth >= MAX_DEPTH:
            text_ = f"templates call each other more than {MAX_DEPTH} deep"
            self.report.add(site, text_)
            return template
        self._depth += 1
        self._check(place, where, template, supplied)
        self._depth -= 1
        return template

    def _resolve(
        self, site: Site, home: Home, caller: dict[str, Any]
    ) -> tuple[dict[str, Any], Home, Site] | None:
        reference, name = caller.get("templateRef"), caller.get("template", "")
        inline = caller.get("inline")
        if reference is not None:
            if name:
                self.report.add(site, "template name cannot be specified with templateRef")
                return None
            return self._resolve_reference(site, home, reference)
        if inline is not None:
            template = {**inline, "name": ""}
            return self._typed(template, home, site.below("inline"))
        found = home.find(name)
        if found is None:
            if not (text.has_tag(name) and _may_be_known(name)):
                self.report.add(site.below("template"), f"template name '{name}' undefined")
            return None
        template, index = found
        path = site.path if home.path is None else f"{home.path}.templates[{index}]"
        return self._typed(template, home, replace(site, path=path))

    def _resolve_reference(
        self, site: Site, home: Home, reference: dict[str, Any]
    ) -> tuple[dict[str, Any], Home, Site] | None:
        name, template_name = reference.get("name", ""), reference.get("template", "")
        place = site.below("templateRef")
        if not name or not template_name:
            what = "resource" if not name else "template"
            self.report.add(place, f"{what} name is required")
            return None
        if text.has_tag(name) or text.has_tag(template_name):
            return None
        cluster = bool(reference.get("clusterScope"))
        stored = self.stored(place, name, home.namespace, cluster=cluster)
        if stored is None:
            return None
        found = stored.find(template_name)
        if found is None:
            self.report.add(place, f"template reference {name}.{template_name} not found")
            return None
        return self._typed(found[0], stored, site)

    def stored(self, site: Site, name: str, namespace: str, *, cluster: bool) -> Home | None:
        """A stored template's spec; reports when it is not there."""
        found = self.library.get(name, namespace, cluster=cluster)
        if found is None:
            if cluster:
                missing = f'couldn\'t find cluster workflow template "{name}"'
            else:
                missing = f'couldn\'t find workflow template "{name}" in namespace "{namespace}"'
            self.report.add(site, missing)
            return None
        key = ("cluster" if cluster else "namespaced", name)
        return Home(key, found.get("spec") or {}, namespace, None)

    def _typed(
        self, template: dict[str, Any], home: Home, site: Site
    ) -> tuple[dict[str, Any], Home, Site] | None:
        if not any(each in template for each in _TYPES):
            self.report.add(site, f"template '{template.get('name', '')}' type is unknown")
            return None
        return template, home, site

    def _check(self, site: Site, home: Home, template: dict[str, Any], supplied: Supplied) -> None:
        name = template.get("name", "")
        if sum(each in template for each in _TYPES) > 1:
            self.report.add(
                site,
                f"templates.{name} multiple template types specified. choose one of: container, "
                "containerSet, steps, script, resource, dag, suspend, template, template ref",
            )
            return
        first = self._mark(home, name, site)
        scope = inputs.check(self.report, site, template) if first else {}
        bound = inputs.bind(self.report, site, template, supplied, self.placeholders)
        if bound is None or not first:
            return
        _add_own_names(scope, template, self.known)
        values = {**self.known, **_pod_values(template)}
        self._check_body(site, home, inputs.substitute(bound, values), scope)

    def _mark(self, home: Home, name: str, site: Site) -> bool:
        """True the first time; inline templates are known by their place."""
        key = (*home.key, name or f"inline {site.path}")
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _check_body(
        self, site: Site, home: Home, template: dict[str, Any], scope: scopes.Scope
    ) -> None:
        name = f"templates.{template.get('name', '')}"
        leaf.check_any(self.report, site, template)
        if "steps" in template:
            leaf.check_not_leaf(self.report, site, template)
            steps.check(self, site, home, template, scope)
        elif "dag" in template:
            leaf.check_not_leaf(self.report, site, template)
            dag.check(self, site, home, template, scope)
        else:
            self.resolve(site, f"{name}:", template, scope)
            leaf.check(self.report, site, template)
            own = home.key == LOCAL
            defaults = home.spec.get("templateDefaults") or {} if own else {}
            containers.check(self.report, site, template, defaults)
        self.resolve(site.below("outputs"), f"{name}.outputs", template.get("outputs"), scope)
        outputs.check(self.report, site, template)
        for fault in artifacts.location_faults(
            f"{name}.archiveLocation", template.get("archiveLocation") or {}
        ):
            self.report.add(site.below("archiveLocation"), fault)
        metrics.check(self.report, site, template)

    def resolve(self, site: Site, name: str, tree: Any, scope: Mapping[str, Any]) -> None:
        """Report every tag of `tree` that nothing will fill."""
        for tag in scopes.unresolved(tree, scope, self.known, self.open_parameters):
            self.report.add(site, f"{name} failed to resolve {{{{{tag}}}}}")


def _may_be_known(name: str) -> bool:
    return name.strip().startswith(("{{inputs.", "{{workflow.", "{{="))


def _pod_values(template: dict[str, Any]) -> dict[str, str]:
    return {"pod.name": "placeholder-pod"} if is_pod(template) else {}


def is_pod(template: dict[str, Any]) -> bool:
    """Whether the template runs as a pod of its own."""
    return any(
        each in template for each in ("container", "containerSet", "script", "resource", "data")
    )


def _add_own_names(scope: scopes.Scope, template: dict[str, Any], known: dict[str, str]) -> None:
    if is_pod(template):
        scope["pod.name"] = True
    if not inputs.is_leaf(template):
        return
    given = template.get("outputs") or {}
    for each in given.get("artifacts") or []:
        if each.get("path"):
            scope[f"outputs.artifacts.{each.get('name', '')}.path"] = True
    for each in given.get("parameters") or []:
        if (each.get("valueFrom") or {}).get("path"):
            scope[f"outputs.parameters.{each.get('name', '')}.path"] = True


def spec_of(item: Any, kind: Any) -> dict[str, Any]:
    """The canonical form of an object that decodes."""
    typed, _ = decode.decode(item, kind)
    return decode.encode(typed)
