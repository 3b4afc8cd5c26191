"""What is wrong with a Sensor is said with the path of the field; the rest of it still works."""

from __future__ import annotations

from typing import Any

import pytest

from events.sensors.compiled import compile_sensor

DEPENDENCY = {"name": "a", "eventSourceName": "s", "eventName": "e"}
LOG = {"template": {"name": "good", "log": {}}}


def compiled(dependency: dict[str, Any], trigger: dict[str, Any]) -> Any:
    spec = {"dependencies": [DEPENDENCY, dependency], "triggers": [LOG, trigger]}
    return compile_sensor({"metadata": {"name": "x", "namespace": "n"}, "spec": spec})


def log(**more: Any) -> dict[str, Any]:
    return {"template": {"name": "t", "log": {}, **more}}


GOOD = {"name": "b", "eventSourceName": "s", "eventName": "f"}


@pytest.mark.parametrize(
    ("trigger", "where"),
    [
        ({}, "spec.triggers[1].template.name"),
        ({"template": {"name": "t"}}, "spec.triggers[1].template:"),
        ({"template": {"name": "good", "log": {}}}, "spec.triggers[1].template.name"),
        ({"template": {"name": "t", "pulsar": {}}}, "spec.triggers[1].template.pulsar"),
        ({"template": {"name": "t", "http": {}}}, "spec.triggers[1].template.http.url"),
        ({"template": {"name": "t", "k8s": {}}}, "spec.triggers[1].template.k8s.source"),
        (log(conditions="a && nope"), "spec.triggers[1].template.conditions"),
        (log(conditions="a &&"), "spec.triggers[1].template.conditions"),
        (
            log(conditionsReset=[{"byTime": {"cron": "99 * * * *"}}]),
            "spec.triggers[1].template.conditionsReset[0].byTime.cron",
        ),
        (log() | {"rateLimit": {"unit": "Day"}}, "spec.triggers[1].rateLimit.unit"),
        (log() | {"rateLimit": {"unit": "Hour"}}, "spec.triggers[1].rateLimit.requestsPerUnit"),
        (log() | {"retryStrategy": {"duration": "soon"}}, "spec.triggers[1].retryStrategy.dur"),
        (
            log() | {"parameters": [{"src": {"dependencyName": "gone"}, "dest": "name"}]},
            "spec.triggers[1].parameters[0].src.dependencyName",
        ),
    ],
)
def test_a_broken_trigger_is_named_and_left_out(trigger: dict[str, Any], where: str) -> None:
    sensor = compiled(GOOD, trigger)
    [problem] = sensor.problems
    assert problem.startswith(where)
    assert list(sensor.triggers) == ["good"]
    assert sensor.dependency_problems == ()


@pytest.mark.parametrize(
    ("dependency", "where"),
    [
        ({"name": "b", "eventSourceName": "s"}, "spec.dependencies[1].eventName"),
        (DEPENDENCY, "spec.dependencies[1].name"),
        (
            GOOD | {"filters": {"exprs": [{"expr": "a =="}]}},
            "spec.dependencies[1].filters.exprs[0].expr",
        ),
        (
            GOOD | {"filters": {"data": [{"path": "a", "type": "text", "value": ["x"]}]}},
            "spec.dependencies[1].filters.data[0].type",
        ),
    ],
)
def test_a_broken_dependency_is_named(dependency: dict[str, Any], where: str) -> None:
    sensor = compiled(dependency, LOG | {"template": {"name": "t", "log": {}}})
    [problem] = sensor.dependency_problems
    assert problem.startswith(where)
    assert list(sensor.dependencies) == ["a"]
