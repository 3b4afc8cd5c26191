"""Finding a template: in the workflow, in a stored library, inline; with the defaults merged in.

What was found through `templateRef` (or inside a library) is frozen in `storedTemplates`, so a
later edit of the library does not change a running workflow. Semantics: Argo's template
resolution; a library's own arguments, volumes and defaults are not inherited through a reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import prepared
from engine.core.errors import CoreError
from engine.core.prepared import Prepared
from engine.core.run import Run
from engine.core.values import Json
from engine.core.work import Reference, Source
from lang import strategic_merge


def resolve(run: Run, source: Source, reference: Reference) -> Prepared:
    """The compiled template a reference names, seen from `source`. Raises CoreError, LangError."""
    if reference.inline is not None:
        return _inline(run, source, reference)
    target, name = source, reference.template
    if reference.ref:
        scope = "cluster" if reference.ref.get("clusterScope") else "namespaced"
        target = Source(scope, str(reference.ref.get("name") or ""))
        name = str(reference.ref.get("template") or "")
    key = (target.scope, target.name, name)
    known = run.templates.get(key)
    if known is None:
        raw = _find(run, target, name, by_reference=bool(reference.ref))
        known = run.templates[key] = _prepare(run, raw, target)
    return known


def _inline(run: Run, source: Source, reference: Reference) -> Prepared:
    known = run.inlines.get(id(reference))
    if known is None:
        assert reference.inline is not None
        raw = {k: v for k, v in reference.inline.items() if k != "name"}
        resource = "" if source.scope == "local" else source.name
        key = f"{source.scope}/{resource}/inline/{reference.caller_name}"
        raw = run.stored_templates.setdefault(key, raw)
        run.head_dirty = True
        known = _prepare(run, raw, source)
        # The reference is kept alive with it: its identity is the key.
        run.inlines[id(reference)] = known
        run.inline_references.append(reference)
    return known


def _find(run: Run, target: Source, name: str, *, by_reference: bool) -> Json:
    if target.scope == "local":
        raw = run.own_templates.get(name)
        if raw is None:
            raise CoreError(f"template name '{name}' undefined")
        return raw
    key = f"{target.shown}/{name}"
    stored = run.stored_templates.get(key)
    if stored is not None:
        return stored
    raw = _in_library(run, target, name)
    if raw is None:
        if by_reference:
            raise CoreError(f"template reference {target.name}.{name} not found")
        raise CoreError(f"template name '{name}' undefined")
    run.stored_templates[key] = raw
    run.head_dirty = True
    return raw


def _in_library(run: Run, target: Source, name: str) -> Json | None:
    library = (
        run.library.cluster_workflow_templates
        if target.scope == "cluster"
        else run.library.workflow_templates
    )
    spec = (library.get(target.name) or {}).get("spec") or {}
    return next((dict(t) for t in spec.get("templates") or () if t.get("name") == name), None)


def _prepare(run: Run, raw: Mapping[str, Any], source: Source) -> Prepared:
    defaults = run.spec.get("templateDefaults")
    template = dict(raw)
    if defaults:
        template = strategic_merge.template_defaults(template, defaults)
    if template.get("retryStrategy") is None and run.spec.get("retryStrategy"):
        template["retryStrategy"] = run.spec["retryStrategy"]
    return prepared.prepare(template, source)
