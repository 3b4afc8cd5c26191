"""Operations on whole objects: merges, YAML, conditions over resources, pod usage."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lang import (
    go_shape,
    pod_patch,
    resource_condition,
    resource_usage,
    strategic_merge,
    yaml,
)
from lang.errors import LangError

Case = dict[str, Any]


def _patched(case: Case) -> Case:
    return go_shape.pod_spec(pod_patch.apply(case["podSpec"], case["patches"]))


def _templatedefaults(case: Case) -> Case:
    merged = strategic_merge.template_defaults(case["template"], case["templateDefaults"])
    return {"result": go_shape.template(merged)}


def _join(case: Case) -> Case:
    layers = (case.get("workflowTemplate"), case.get("workflowDefaults"))
    return {
        "result": go_shape.workflow_spec(strategic_merge.workflow_spec(case["workflow"], *layers))
    }


def _conditions(case: Case) -> Case:
    document = json.loads(case["object"])
    try:
        verdict = resource_condition.evaluate(
            document, case["successCondition"], case["failureCondition"]
        )
    except resource_condition.ConditionFailed as failed:
        return {"error": failed.message, "result": "failure"}
    except LangError as error:
        return {"error": error.message, "result": "invalid"}
    return {"result": str(verdict)}


OPS: dict[str, Callable[[Case], Case]] = {
    "podspecpatch": lambda c: {"result": _patched(c)},
    "templatedefaults": _templatedefaults,
    "join": _join,
    "yamljson": lambda c: {"result": yaml.to_json(c["yaml"], strict=c.get("strict", False))},
    "jsonyaml": lambda c: {"result": yaml.to_yaml(json.loads(c["json"]))},
    "podduration": lambda c: {"result": resource_usage.pod_durations(c["pod"])},
    "resourceconditions": _conditions,
}
