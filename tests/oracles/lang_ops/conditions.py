"""Conditions: `when`, CronWorkflow conditions, Sensor conditions and filters, `depends`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lang import cron_when, depends, expr_filter, gojson, govaluate
from lang.errors import LangError
from lang.govaluate import conditions

Case = dict[str, Any]


def _cron(evaluate: Callable[[str, Case], bool]) -> Callable[[Case], Case]:
    return lambda c: {"result": evaluate(c["expr"], cron_when.variables(c["cronWorkflow"]))}


def _conditions(case: Case) -> Case:
    text, names = case["conditions"], tuple(case["dependencies"])
    try:
        expression = conditions.translate(text, names) if text else "&&".join(names)
    except LangError as error:
        return {"error": error.message, "stage": "translate"}
    try:
        compiled = govaluate.compile_condition(text, names)
    except LangError as error:
        return {"error": error.message, "expression": expression, "stage": "parse"}
    value = compiled.value(case["arrived"])
    whole = isinstance(value, float) and value.is_integer()
    return {
        "expression": expression,
        "variables": sorted(compiled.names),
        "result": int(value) if whole else value,
    }


def _exprs(case: Case) -> Case:
    try:
        document = gojson.parse(case["data"])
    except LangError:
        return {"error": "expr filter error (event data not valid JSON)", "result": False}
    filters = [expr_filter.of(item) for item in case["filters"]]
    try:
        return {"result": expr_filter.passes(filters, case["operator"], document)}
    except LangError as error:
        return {"error": error.message, "result": False}


def _node(status: Case, nodes: Case) -> depends.Node:
    children = [nodes.get(child) for child in status.get("children") or ()]
    hooks = [
        depends.Node(child["phase"], daemoned=child.get("daemoned", False))
        for child in children
        if child and (child.get("nodeFlag") or {}).get("hooked")
    ]
    return depends.Node(
        status["phase"],
        is_loop=status.get("type") == "TaskGroup",
        daemoned=status.get("daemoned", False),
        children=tuple(child["phase"] if child else None for child in children),
        hooks_done=all(hook.fulfilled for hook in hooks),
    )


def _depends(case: Case) -> Case:
    nodes = case["nodes"]
    task = next(t for t in case["tasks"] if t["name"] == case["task"])
    logic = depends.compile(task, case["tasks"])

    def node_of(name: str) -> depends.Node | None:
        status = nodes.get(f"dag.{name}")
        return _node(status, nodes) if status else None

    answer: Case = {"dependencies": list(logic.names), "logic": logic.text}
    try:
        decided = logic.decide(node_of)
        answer |= {"proceed": decided is not None, "execute": bool(decided)}
    except LangError as error:
        answer |= {"error": error.message, "proceed": False, "execute": False}
    try:
        logic.check()
    except LangError as error:
        answer["validateError"] = error.message
    return answer


OPS: dict[str, Callable[[Case], Case]] = {
    "when": lambda c: {"result": govaluate.when(c["expr"])},
    "cronwhen": _cron(cron_when.should_run),
    "cronstop": _cron(cron_when.should_stop),
    "conditions": _conditions,
    "exprs": _exprs,
    "depends": _depends,
}
