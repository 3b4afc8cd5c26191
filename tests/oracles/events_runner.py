"""Answers cases about filters, transforms and parameters: JSON lines in, JSON lines out.

    python tests/oracles/events_runner.py < cases.jsonl

Each line is a case without its answer, with the keys of tests/oracles/data/events; the line
printed is the answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from crds import decode
from crds.errors import CrdError
from crds.sensor import TriggerTemplate
from events.cloudevent import CloudEvent
from events.sensors import carrying, filters, parameters, scripts
from events.sensors.parameters import ParameterError
from events.sensors.payload import Payload
from lang.errors import LangError

Answer = dict[str, Any]

# What the recordings fill in where a case leaves an attribute out.
DEFAULTS = {
    "id": "id-1",
    "source": "hooks",
    "type": "webhook",
    "subject": "push",
    "time": "2024-05-06T07:08:09Z",
    "datacontenttype": "application/json",
}
# Fields the recorded templates show although nobody set them.
PRINTED_UNASKED: dict[str, dict[str, Any]] = {
    "http": {"url": "", "payload": None, "host": ""},
    "kafka": {"url": "", "topic": "", "partition": 0, "payload": None},
    "nats": {"url": "", "subject": "", "payload": None},
    "slack": {"thread": {}, "sender": {}},
    "awsLambda": {"functionName": "", "region": "", "payload": None},
    "custom": {"serverURL": "", "secure": False, "spec": None, "payload": None},
    "openWhisk": {"host": "", "actionName": "", "payload": None},
    "pulsar": {"url": "", "topic": "", "payload": None},
    "azureEventHubs": {"fqdn": "", "hubName": "", "payload": None},
    "azureServiceBus": {"queueName": "", "topicName": "", "subscriptionName": "", "payload": None},
}


def event(case: Mapping[str, Any]) -> CloudEvent:
    context = {**DEFAULTS, **(case.get("context") or {})}
    return CloudEvent(data=case.get("data", "").encode(), **context)


def events(case: Mapping[str, Any]) -> dict[str, CloudEvent]:
    return {name: event(found) for name, found in case["events"].items()}


def run_filter(case: Mapping[str, Any]) -> Answer:
    payload = Payload(event(case["event"]))
    verdict = filters.evaluate(case.get("filters"), case.get("operator", ""), payload)
    return {"pass": verdict.passed, **({"error": verdict.error} if verdict.error else {})}


def run_transform(case: Mapping[str, Any]) -> Answer:
    changed = scripts.transform(case.get("transform"), event(case["event"]))
    return {"data": changed.data.decode(), "datacontenttype": changed.datacontenttype}


def run_params(case: Mapping[str, Any]) -> Answer:
    return {"result": parameters.apply_text(case["object"], case["parameters"], events(case))}


def run_payload(case: Mapping[str, Any]) -> Answer:
    return {"result": parameters.payload(case["parameters"], events(case))}


def run_resolve(case: Mapping[str, Any]) -> Answer:
    found = parameters.resolve(case["src"], events(case))
    if found is None:
        return {"result": None, "type": "String"}
    return {"result": found.text, "type": found.type}


def run_template_params(case: Mapping[str, Any]) -> Answer:
    template, kind = carrying.applied_template(case["trigger"], events(case), served_only=False)
    typed, _unknown = decode.decode(dict(template), TriggerTemplate)
    shown = decode.encode(typed)  # fields that do not exist have no effect
    if kind in PRINTED_UNASKED:
        shown[kind] = {**PRINTED_UNASKED[kind], **shown[kind]}
    return {"template": shown}


def run_resource_params(case: Mapping[str, Any]) -> Answer:
    return {"result": parameters.apply_object(case["object"], case["parameters"], events(case))}


OPERATIONS: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
    "filter": run_filter,
    "transform": run_transform,
    "params": run_params,
    "payload": run_payload,
    "resolve": run_resolve,
    "template-params": run_template_params,
    "resource-params": run_resource_params,
}


def answer(case: Mapping[str, Any]) -> Answer:
    """The answer to one case; user mistakes are answers too."""
    try:
        return OPERATIONS[case["op"]](case)
    except (ParameterError, CrdError) as error:
        return {"error": str(error)}
    except LangError as error:
        return {"error": error.message}


def main() -> None:
    for line in sys.stdin:
        if line.strip():
            sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
