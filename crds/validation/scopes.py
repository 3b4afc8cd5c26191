"""Which tags are known where, and the check that every tag of a text is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from crds.validation import text
from crds.validation.report import Report, Site

Scope = dict[str, bool]
ANY_ITEM = "item.*"
ANY_OUTPUT_PARAMETER = "workflow.outputs.parameters.*"
ANY_OUTPUT_ARTIFACT = "workflow.outputs.artifacts.*"
_LATER = (
    "outputs.",  # a template may speak of its own outputs, in metrics
    "workflow.creationTimestamp",
    "workflow.scheduledTime",
    "workflow.duration",
    "tasks.name",
    "steps.name",
    "node.name",
)
"""Known only when it runs: any tag that begins so passes."""


def unresolved(
    tree: Any, scope: Mapping[str, Any], known: Mapping[str, Any], open_: bool
) -> list[str]:
    """The tags of `tree` that nothing will fill. `open_`: workflow parameters come later."""
    return [tag for tag in text.tags(tree) if not _resolves(tag, scope, known, open_)]


def _resolves(tag: str, scope: Mapping[str, Any], known: Mapping[str, Any], open_: bool) -> bool:
    if not tag.startswith(text.PREFIXES):
        return True
    name = tag.strip()
    if name in scope or name in known or name.startswith(_LATER):
        return True
    if name.startswith("item.") and ANY_ITEM in scope:
        return True
    if name.startswith("workflow.outputs.parameters.") and ANY_OUTPUT_PARAMETER in scope:
        return True
    if name.startswith("workflow.outputs.artifacts.") and ANY_OUTPUT_ARTIFACT in scope:
        return True
    if name.startswith("workflow.parameters") and open_:
        return True
    return _is_part_of_input(name, scope)


def _is_part_of_input(name: str, scope: Mapping[str, Any]) -> bool:
    """`inputs.parameters.batch.start`: a part of a JSON value, an extension of headrace."""
    parts = name.split(".")
    return len(parts) > 3 and ".".join(parts[:3]) in scope and parts[:2] == ["inputs", "parameters"]


def add_items(report: Report, site: Site, call: dict[str, Any], scope: Scope) -> None:
    """What a loop brings into scope; complains about loops that contradict themselves."""
    items, parameter = call.get("withItems"), call.get("withParam")
    sequence = call.get("withSequence")
    if sum((bool(items), bool(parameter), sequence is not None)) > 1:
        report.add(site, "only one of withItems, withParam, withSequence can be specified")
    if isinstance(items, str) and items:
        scope["item"] = scope[ANY_ITEM] = True
    elif items:
        for item in items:
            scope.update(_of_item(item))
    elif parameter:
        scope["item"] = scope[ANY_ITEM] = True
    elif sequence is not None:
        if "count" in sequence and "end" in sequence:
            report.add(site, "only one of count or end can be defined in withSequence")
        scope["item"] = True


def _of_item(item: Any) -> Scope:
    match item:
        case dict():
            return {f"item.{key}": True for key in item} | {"item": True}
        case list():
            return {f"item.[{index}]": True for index in range(len(item))} | {"item": True}
        case None:
            return {"item": True}
        case _:
            return {"item": True}


def is_loop(call: dict[str, Any]) -> bool:
    """Whether results are collected; numbers of a sequence are not offered, as in Argo."""
    return bool(call.get("withItems") or call.get("withParam"))


def add_outputs(
    template: dict[str, Any] | None,
    prefix: str,
    scope: Scope,
    known: dict[str, str],
    *,
    collected: bool,
) -> None:
    """What a step or task leaves behind. Global names become known everywhere."""
    for field in ("id", "startedAt", "finishedAt", "hostNodeName"):
        scope[f"{prefix}.{field}"] = True
    if template is None:
        return
    if template.get("daemon"):
        scope[f"{prefix}.ip"] = True
    if has_result(template):
        scope[f"{prefix}.outputs.result"] = True
        scope[f"{prefix}.exitCode"] = True
    outputs = template.get("outputs") or {}
    for what, anything in (
        ("parameters", ANY_OUTPUT_PARAMETER),
        ("artifacts", ANY_OUTPUT_ARTIFACT),
    ):
        for each in outputs.get(what) or []:
            scope[f"{prefix}.outputs.{what}.{each.get('name', '')}"] = True
            shared = each.get("globalName")
            if shared and text.has_tag(shared):
                scope[anything] = True
            elif shared:
                known[f"workflow.outputs.{what}.{shared}"] = f"placeholder-{json.dumps(shared)}"
    if collected:
        scope[f"{prefix}.outputs.parameters"] = True


def has_result(template: dict[str, Any]) -> bool:
    """Whether the template's stdout, body or list is kept as `outputs.result`."""
    if "containerSet" in template:
        containers = template["containerSet"].get("containers") or []
        return any(each.get("name") == "main" for each in containers)
    return any(each in template for each in ("container", "script", "data", "http", "plugin"))


def of_inline(call: dict[str, Any]) -> Scope:
    """The inputs of a template written into its caller."""
    declared = (call.get("inline") or {}).get("inputs") or {}
    return {
        f"inputs.{what}.{each.get('name', '')}": True
        for what in ("parameters", "artifacts")
        for each in declared.get(what) or []
    }
