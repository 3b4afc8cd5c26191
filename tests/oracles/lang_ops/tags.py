"""Template tags, loops, inputs, aggregated outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lang import aggregate, go_shape, inputs, items, loops, retry_scope, sequence, tag_text
from lang.errors import ErrorKind, LangError

Case = dict[str, Any]


def _missing(render: Callable[[Case], str]) -> Callable[[Case], Case]:
    def answer(case: Case) -> Case:
        try:
            return {"result": render(case)}
        except LangError as error:
            return {"error": error.message, "missing": error.kind is ErrorKind.NAME}

    return answer


def _replace(case: Case) -> str:
    allow = case["allowUnresolved"]
    return tag_text.replace(case["template"], case["vars"], allow_unresolved=allow)


def _strict(case: Case) -> str:
    prefixes = tuple(case["strictPrefixes"])
    return tag_text.replace(case["template"], case["vars"], strict_prefixes=prefixes)


def _resolvevar(case: Case) -> Case:
    tag, value = tag_text.resolve_value(case["template"], case["vars"])
    return {"result": value, "tag": tag}


def _itemtype(case: Case) -> Case:
    item = items.of(case["item"])
    return {"itemType": str(item.kind), "text": item.text()}


def _copy(task: Case) -> Case:
    """The parts of an expanded task that the recordings show."""
    arguments = task.get("arguments") or {}
    shown: Case = {"name": task["name"]}
    if arguments.get("parameters"):
        shown["parameters"] = {p["name"]: p["value"] for p in arguments["parameters"]}
    if arguments.get("artifacts"):
        shown["artifacts"] = arguments["artifacts"]
    return shown | {key: task[key] for key in ("when", "templateRef") if task.get(key)}


def _processargs(case: Case) -> Case:
    config_maps = {m["metadata"]["name"]: m for m in case.get("configMaps") or ()}
    around = inputs.Surroundings(
        case.get("globals") or {}, case.get("locals") or {}, config_maps, portable=True
    )
    resolved = inputs.resolve(case["template"], case["arguments"], around)
    return {"result": go_shape.template(resolved.tree())}


def _aggregate(case: Case) -> Case:
    return {"result": aggregate.variables(f"tasks.{case['name']}", case["children"])}


OPS: dict[str, Callable[[Case], Case]] = {
    "replace": _missing(_replace),
    "strict": _missing(_strict),
    "resolvevar": _resolvevar,
    "sequence": lambda c: {"items": sequence.expand(c["sequence"])},
    "itemtype": _itemtype,
    "expand": lambda c: {"tasks": [_copy(t) for t in loops.expand(c["task"], c["vars"])]},
    "aggregate": _aggregate,
    "processargs": _processargs,
    "retryscope": lambda c: {"result": retry_scope.variables(c["node"], c["nodes"])},
}
