"""Sensors, EventSources and EventBuses: what is refused, and where."""

# ruff: noqa: E501 (one case on a line)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from crds.validation import (
    validate_event_bus,
    validate_event_source,
    validate_sensor,
)
from crds.validation.source_types import REQUIRED as SOURCE_TYPES

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"


def sensor(**spec: Any) -> dict[str, Any]:
    dependency = {"name": "d", "eventSourceName": "s", "eventName": "e"}
    log = {"template": {"name": "t", "log": {}}}
    return {"kind": "Sensor", "spec": {"dependencies": [dependency], "triggers": [log], **spec}}


def with_trigger(**trigger: Any) -> dict[str, Any]:
    template = {"name": "t", **trigger.pop("template", {"log": {}})}
    return sensor(triggers=[{"template": template, **trigger}])


def with_filters(**filters: Any) -> dict[str, Any]:
    dependency = {"name": "d", "eventSourceName": "s", "eventName": "e", "filters": filters}
    return sensor(dependencies=[dependency])


HTTP = {"url": "http://h"}
PARAMETER = {"src": {"dependencyName": "d"}, "dest": "a"}


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (sensor(dependencies=[]), "spec.dependencies"),
        (sensor(dependencies=[{"name": "d", "eventName": "e"}]), "spec.dependencies[0].eventSourceName"),
        (sensor(dependencies=[{"name": "d", "eventSourceName": "s", "eventName": "e"}] * 2), "spec.dependencies[1].name"),
        (sensor(triggers=[]), "spec.triggers"),
        (sensor(triggers=[{"template": {"name": "t", "log": {}}}] * 2), "spec.triggers[1].template.name"),
        (sensor(triggers=[{}]), "spec.triggers[0].template"),
        (sensor(trigers=[]), "spec.trigers"),
        (with_trigger(template={}), "spec.triggers[0].template"),
        (with_trigger(template={"log": {}, "http": HTTP}), "spec.triggers[0].template"),
        (with_trigger(template={"http": {}}), "spec.triggers[0].template.http.url"),
        (with_trigger(template={"http": {**HTTP, "method": "get"}}), "spec.triggers[0].template.http.method"),
        (with_trigger(template={"http": {**HTTP, "tls": {}}}), "spec.triggers[0].template.http.tls"),
        (with_trigger(template={"log": {}, "conditions": "d && x"}), "spec.triggers[0].template.conditions"),
        (with_trigger(template={"log": {}, "conditions": "!d"}), "spec.triggers[0].template.conditions"),
        (with_trigger(template={"log": {}, "conditionsReset": [{"byTime": {"cron": "* * *"}}]}), "spec.triggers[0].template.conditionsReset[0].byTime.cron"),
        (with_trigger(template={"log": {}, "conditionsReset": [{"byTime": {"cron": "@hourly"}}]}), "spec.triggers[0].template.conditionsReset[0].byTime.cron"),
        (with_trigger(template={"k8s": {}}), "spec.triggers[0].template.k8s.source"),
        (with_trigger(template={"k8s": {"source": {}}}), "spec.triggers[0].template.k8s.source"),
        (with_trigger(template={"argoWorkflow": {"operation": "run"}}), "spec.triggers[0].template.argoWorkflow.operation"),
        (with_trigger(parameters=[{"src": {"dependencyName": "x"}, "dest": "a"}]), "spec.triggers[0].parameters[0].src.dependencyName"),
        (with_trigger(parameters=[{"src": {"dependencyName": "d"}}]), "spec.triggers[0].parameters[0].dest"),
        (with_trigger(parameters=[{**PARAMETER, "operation": "add"}]), "spec.triggers[0].parameters[0].operation"),
        (with_trigger(rateLimit={"unit": "Second"}), "spec.triggers[0].rateLimit.requestsPerUnit"),
        (with_trigger(dlqTrigger={"template": {"name": "x", "log": {}}}), "spec.triggers[0].atLeastOnce"),
        (with_trigger(retryStrategy={"duration": "soon"}), "spec.triggers[0].retryStrategy.duration"),
        (with_filters(data=[{"path": "a", "type": "text", "value": ["x"]}]), "spec.dependencies[0].filters.data[0].type"),
        (with_filters(data=[{"path": "a", "type": "number", "value": ["x"]}]), "spec.dependencies[0].filters.data[0].value[0]"),
        (with_filters(data=[{"path": "a", "type": "string", "value": ["("]}]), "spec.dependencies[0].filters.data[0].value[0]"),
        (with_filters(data=[{"path": "a", "type": "string"}]), "spec.dependencies[0].filters.data[0].value"),
        (with_filters(exprs=[{"expr": "a"}]), "spec.dependencies[0].filters.exprs[0].fields"),
        (with_filters(context={}), "spec.dependencies[0].filters.context"),
        (with_filters(time={"start": "1:2", "stop": "02:00:00"}), "spec.dependencies[0].filters.time.start"),
        (with_filters(time={"start": "02:00:00", "stop": "02:00:00"}), "spec.dependencies[0].filters.time"),
        (with_filters(dataLogicalOperator="AND"), "spec.dependencies[0].filters.dataLogicalOperator"),
    ],
)  # fmt: skip
def test_sensors_are_refused_at_the_field(item: dict[str, Any], path: str) -> None:
    assert path in [each.path for each in validate_sensor(item)]


@pytest.mark.parametrize(
    "item",
    [
        sensor(),
        with_trigger(template={"http": {**HTTP, "payload": [{"src": {"dependencyName": "d"}}]}}),
        with_trigger(template={"log": {}, "conditions": "(d || d) && d"}, parameters=[PARAMETER]),
        with_trigger(atLeastOnce=True, dlqTrigger={"atLeastOnce": True, "template": {"name": "x", "log": {}}}),
        with_trigger(retryStrategy={"duration": "1s", "factor": "2", "steps": 3}),
        with_filters(data=[{"path": "a", "type": "number", "value": ["1.5"], "comparator": ">="}]),
        with_filters(time={"start": "22:00:00", "stop": "06:00:00", "timezone": "Europe/Paris"}),
    ],
)  # fmt: skip
def test_good_sensors_pass(item: dict[str, Any]) -> None:
    assert validate_sensor(item) == []


WATCH = {"directory": "/d/", "path": "f"}


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"webhook": {"e": {"endpoint": "/e"}}}, "spec.webhook.e.port"),
        ({"webhook": {"e": {"endpoint": "e", "port": "1"}}}, "spec.webhook.e.endpoint"),
        ({"webhook": {"e": {"endpoint": "/e", "port": "http"}}}, "spec.webhook.e.port"),
        ({"webhook": {"e": {"endpoint": "/", "port": "1"}, "f": {"endpoint": "/", "port": "1"}}}, "spec.webhook.f"),
        ({"webhook": {"a.b": {"endpoint": "/", "port": "1"}}}, "spec.webhook.a.b"),
        ({"webhook": {"e": {"endpoint": "/", "port": "1"}}, "calendar": {"e": {"interval": "1s"}}}, "spec.webhook.e"),
        ({"webhok": {}}, "spec.webhok"),
        ({"calendar": {"e": {}}}, "spec.calendar.e"),
        ({"calendar": {"e": {"schedule": "@hourly"}}}, "spec.calendar.e.schedule"),
        ({"calendar": {"e": {"interval": "soon"}}}, "spec.calendar.e.interval"),
        ({"file": {"e": {"eventType": "CREATE", "watchPathConfig": {"directory": "d", "path": "f"}}}}, "spec.file.e.watchPathConfig.directory"),
        ({"file": {"e": {"eventType": "CREATED", "watchPathConfig": WATCH}}}, "spec.file.e.eventType"),
        ({"file": {"e": {"eventType": "CREATE", "watchPathConfig": {"directory": "/d", "pathRegexp": "("}}}}, "spec.file.e.watchPathConfig.pathRegexp"),
        ({"kafka": {"e": {"url": "u", "topic": "t"}}}, "spec.kafka.e"),
        ({"amqp": {"e": {"exchangeType": "x", "routingKey": "r"}}}, "spec.amqp.e"),
        ({"redis": {"e": {"hostAddress": "h", "channels": ["c"], "password": {"name": "n", "key": "k"}}}}, "spec.redis.e.namespace"),
        ({"github": {"e": {}}}, "spec.github.e"),
        ({"github": {"e": {"repositories": [{}], "contentType": "xml"}}}, "spec.github.e.contentType"),
        ({"resource": {"e": {"version": "v1", "resource": "pods", "eventTypes": ["add"]}}}, "spec.resource.e.eventTypes"),
        ({"pulsar": {"e": {"topics": ["t"], "url": "u", "type": "failover"}}}, "spec.pulsar.e.type"),
        ({"azureServiceBus": {"e": {"queueName": "q"}}}, "spec.azureServiceBus.e"),
        ({"pubSub": {"e": {}}}, "spec.pubSub.e"),
        ({"stripe": {"e": {"createWebhook": True}}}, "spec.stripe.e.apiKey"),
    ],
)  # fmt: skip
def test_event_sources_are_refused_at_the_field(spec: dict[str, Any], path: str) -> None:
    assert path in [each.path for each in validate_event_source({"spec": spec})]


@pytest.mark.parametrize("kind", sorted(SOURCE_TYPES))
def test_every_type_names_its_missing_fields(kind: str) -> None:
    found = {each.path for each in validate_event_source({"spec": {kind: {"e": {}}}})}
    assert {f"spec.{kind}.e.{field}" for field in SOURCE_TYPES[kind]} <= found


def test_a_misspelt_type_is_answered_with_the_right_one() -> None:
    [finding] = validate_event_source({"spec": {"webhok": {}}})
    assert finding.message == 'unknown field "spec.webhok" (did you mean "webhook"?)'
    assert validate_event_source({"spec": {"webhok": {}}}, strict=False) == []


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({}, "spec"),
        ({"jetstream": {"version": "1"}, "kafka": {"url": "u"}}, "spec"),
        ({"jetstream": {}}, "spec.jetstream.version"),
        ({"jetstream": {"version": "1", "replicas": 2}}, "spec.jetstream.replicas"),
        ({"nats": {}}, "spec.nats"),
        ({"nats": {"native": {"auth": "basic"}}}, "spec.nats.native.auth"),
        ({"nats": {"exotic": {"url": "u"}}}, "spec.nats.exotic.clusterID"),
        ({"kafka": {}}, "spec.kafka.url"),
        ({"jetstreamExotic": {}}, "spec.jetstreamExotic.url"),
    ],
)
def test_event_buses_are_refused_at_the_field(spec: dict[str, Any], path: str) -> None:
    assert path in [each.path for each in validate_event_bus({"spec": spec})]


def test_a_plain_jetstream_bus_passes() -> None:
    assert validate_event_bus({"spec": {"jetstream": {"version": "latest", "replicas": 3}}}) == []


VALIDATORS = {
    "Sensor": validate_sensor,
    "EventSource": validate_event_source,
    "EventBus": validate_event_bus,
}


def test_the_examples_pass() -> None:
    checked = 0
    for file in sorted(EXAMPLES.rglob("*.yaml")):
        for item in yaml.safe_load_all(file.read_text()):
            kind = item.get("kind") if isinstance(item, dict) else None
            if kind in VALIDATORS:
                assert VALIDATORS[kind](item) == [], file
                checked += 1
    assert checked
