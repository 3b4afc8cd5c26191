"""Data filters of Sensors, which look at a value through a Go template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from events.cloudevent import CloudEvent
from events.sensors import filters
from events.sensors.payload import Payload

Case = dict[str, Any]


def _datafilter(case: Case) -> Case:
    event = CloudEvent(
        "1", "s", "t", "u", "2024-01-01T00:00:00Z", case["data"].encode(errors="replace")
    )
    spec = {"data": case["filters"], "dataLogicalOperator": case["operator"]}
    verdict = filters.evaluate(spec, "", Payload(event))
    found: Case = {"result": verdict.passed}
    return found | ({"error": verdict.error} if verdict.error else {})


OPS: dict[str, Callable[[Case], Case]] = {"datafilter": _datafilter}
