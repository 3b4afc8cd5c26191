"""Steps templates: groups one after another, and what each step may refer to."""

from __future__ import annotations

import typing
from typing import Any

from crds.validation import arguments, hooks, names, scopes
from crds.validation.inputs import ANYTHING, Supplied
from crds.validation.report import Site

if typing.TYPE_CHECKING:
    from crds.validation.walk import Home, Walk


def check(
    walk: Walk, site: Site, home: Home, template: dict[str, Any], scope: scopes.Scope
) -> None:
    """Names, loops, arguments, called templates and tags, group by group."""
    name = f"templates.{template.get('name', '')}"
    seen: set[str] = set()
    for index, group in enumerate(template.get("steps") or []):
        label = f"{name}.steps[{index}]"
        called: list[dict[str, Any] | None] = []
        for at, step in enumerate(group):
            place = site.below(f"steps[{index}]", at)
            _check_name(walk, place, label, step, seen)
            named = place.named(f"{label}.{step.get('name', '')}")
            called.append(_check_step(walk, named, home, step, scope))
        for at, step in enumerate(group):
            place = site.below(f"steps[{index}]", at)
            walk.resolve(place, f"{name}.steps", step, scope | scopes.of_inline(step))
            prefix = f"steps.{step.get('name', '')}"
            collected = scopes.is_loop(step)
            scopes.add_outputs(called[at], prefix, scope, walk.known, collected=collected)
            caller = f"{label}.{step.get('name', '')} "
            walk.call(place.leading(caller), home, step, Supplied(step.get("arguments") or {}))


def _check_name(walk: Walk, site: Site, label: str, step: dict[str, Any], seen: set[str]) -> None:
    name = step.get("name", "")
    if not name:
        walk.report.add(site, f"{label}.name is required")
        return
    if name in seen:
        walk.report.add(site, f"{label}.name '{name}' is not unique")
    wrong = names.faults_of_field(name)
    if wrong:
        walk.report.add(site, f"{label}.name '{name}' is invalid: {';'.join(wrong)}")
    seen.add(name)


def _check_step(
    walk: Walk, site: Site, home: Home, step: dict[str, Any], scope: scopes.Scope
) -> dict[str, Any] | None:
    """`site.name` is what the step is called in messages."""
    label = site.name
    scope[f"steps.{step.get('name', '')}.status"] = True
    scopes.add_items(walk.report, site.leading(f"{label} "), step, scope)
    given = step.get("arguments") or {}
    place = site.below("arguments").named(f"{label}.arguments.")
    arguments.check(walk.report, place, given, may_be_open=False)
    hooks.check(walk.report, site, label, step)
    called = walk.call(site.leading(f"{label} "), home, step, ANYTHING)
    if step.get("onExit") or "exit" in (step.get("hooks") or {}):
        prefix = f"steps.{step.get('name', '')}"
        scopes.add_outputs(called, prefix, scope, walk.known, collected=False)
    return called
