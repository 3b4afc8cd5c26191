"""What a finished leaf left behind, in the form of its node's `outputs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import values
from engine.core.facts import LeafChanged, LeafOutputs
from engine.core.phases import Phase
from engine.core.values import Json

_SHOWN = ("name", "valueFrom", "globalName", "description", "enum")


def collect(declared: Mapping[str, Any], fact: LeafChanged) -> Json | None:
    """The node's outputs: declared parameters with their values, saved artifacts, the rest."""
    given = fact.outputs or LeafOutputs()
    found: Json = {}
    parameters = [p for raw in declared.get("parameters") or () if (p := _parameter(raw, given))]
    if parameters:
        found["parameters"] = parameters
    artifacts = [dict(a) for a in declared.get("artifacts") or () if _saved(a, given, fact)]
    if artifacts:
        found["artifacts"] = artifacts
    if given.result is not None:
        found["result"] = given.result
    if given.exit_code is not None:
        found["exitCode"] = given.exit_code
    return found or None


def _parameter(raw: Mapping[str, Any], given: LeafOutputs) -> Json | None:
    name = str(raw.get("name") or "")
    value = given.parameters.get(name)
    if value is None and raw.get("value") is not None:
        value = values.text(raw["value"])
    if value is None:
        return None
    return {key: raw[key] for key in _SHOWN if key in raw} | {"value": value}


def _saved(artifact: Mapping[str, Any], given: LeafOutputs, fact: LeafChanged) -> bool:
    name = artifact.get("name")
    if given.artifacts is not None:
        return name in given.artifacts
    if artifact.get("implicit"):
        return False
    return fact.phase is Phase.SUCCEEDED and name not in given.missing_artifacts
