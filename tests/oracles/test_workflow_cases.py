"""The recorded workflow runs, played through the pure core, and through it with a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.oracles import workflow_compare, workflow_runner

CASES = sorted(workflow_compare.CASES.glob("*.yaml"))

# docs/decisions/007-recorded-runs.md gives the reasons.
HANGS = {
    "bad-step-same-group": "{{steps.g.outputs.result}}",
    "loop-aggregate-empty": "{{tasks.a.outputs.result}}",
    "output-failed-missing": "{{tasks.a.outputs.parameters.r}}",
    "output-skipped-when": "{{steps.a.outputs.result}}",
}
LITERAL = {"injection", "var-nested-tag"}
SHORT_TIMEOUT = {"fail-timeout-short", "timeout-pending"}
ONLY = {"art-zip": "outputArtifacts", "stored-volumes": "/message"}


def _agrees(path: Path) -> None:
    assert workflow_compare.check(path) == []


def _names_the_reference(path: Path) -> None:
    found = workflow_runner.play(path)
    wanted = yaml.safe_load(path.read_text(encoding="utf-8"))["expected"]
    assert found["workflow"]["phase"] in ("Failed", "Error")
    messages = [found["workflow"].get("message", "")]
    messages += [node.get("message", "") for node in found["nodes"].values()]
    assert any(HANGS[path.stem] in message for message in messages)
    assert found["pods"] == wanted["pods"]


def _keeps_the_value(path: Path) -> None:
    for line in workflow_compare.check(path):
        assert "{{workflow.name}}" in line.partition("wanted")[0]
        assert "/inputs/" in line or "/containers/" in line


def _runs_it(path: Path) -> None:
    found = workflow_runner.play(path)
    timed = [node for node in found["nodes"].values() if node["type"] == "Pod"]
    assert all("exceeded its deadline" not in node.get("message", "") for node in timed)
    assert len(found["pods"]) == len(timed)


def _differs_only_there(path: Path) -> None:
    lines = workflow_compare.check(path)
    assert lines
    assert all(ONLY[path.stem] in line for line in lines)


def _judge(name: str) -> Callable[[Path], None]:
    if name in HANGS:
        return _names_the_reference
    if name in LITERAL:
        return _keeps_the_value
    if name in SHORT_TIMEOUT:
        return _runs_it
    return _differs_only_there if name in ONLY else _agrees


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_recorded_run_comes_out_as_recorded(path: Path) -> None:
    _judge(path.stem)(path)


@pytest.mark.parametrize("crash_at", [1, 2, 3, 5, 8])
def test_recorded_runs_survive_a_crash(crash_at: int) -> None:
    for path in CASES:
        if _judge(path.stem) is _agrees:
            lines = workflow_compare.check(path, crash_at)
            assert [line for line in lines if "/conditions" not in line] == [], path.stem
