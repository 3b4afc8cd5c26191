"""Names and scalars: node ids, pod names, durations, quantities, texts from JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from lang import duration, gojson, int_or_string, naming, quantity, strftime

Case = dict[str, Any]


def _podname(case: Case) -> Case:
    workflow, node, template = case["workflow"], case["node"], case["templateName"]
    return {
        "nodeID": naming.node_id(workflow, node),
        "v1": naming.pod_name(workflow, node, template, version=naming.V1),
        "v2": naming.pod_name(workflow, node, template),
    }


def _duration(parse: Callable[[str], int]) -> Callable[[Case], Case]:
    def answer(case: Case) -> Case:
        nanoseconds = parse(case["value"])
        return {"nanoseconds": nanoseconds, "text": duration.format_ns(nanoseconds)}

    return answer


def _quantity(case: Case) -> Case:
    parsed = quantity.parse_quantity(case["value"])
    return {
        "canonical": parsed.canonical(),
        "value": parsed.value(),
        "milliValue": parsed.milli_value(),
    }


def _strftime(case: Case) -> Case:
    zone = ZoneInfo(case.get("zone") or "UTC")
    moment = datetime.fromisoformat(case["time"]).astimezone(zone)
    return {"result": strftime.render(case["format"], moment)}


def _cronchild(case: Case) -> Case:
    return {"result": naming.cron_child(case["name"], datetime.fromisoformat(case["time"]))}


OPS: dict[str, Callable[[Case], Case]] = {
    "nodeid": lambda c: {"result": naming.node_id(c["workflow"], c["node"])},
    "podname": _podname,
    "podversion": lambda c: {"result": naming.pod_name_version(c["annotations"])},
    "agentpod": lambda c: {"result": naming.agent_pod(c["workflow"])},
    "cronchild": _cronchild,
    "dnsfriendly": lambda c: {"result": naming.label_value(c["value"])},
    "duration": _duration(duration.parse_ns),
    "goduration": _duration(duration.parse_go_ns),
    "humanize": lambda c: {"result": duration.humanize(c["nanoseconds"])},
    "anystring": lambda c: {"result": gojson.any_string(gojson.parse(c["json"]))},
    "intorstring": lambda c: {"result": int_or_string.resolve(gojson.parse(c["json"]), ".V")},
    "quantity": _quantity,
    "strftime": _strftime,
}
