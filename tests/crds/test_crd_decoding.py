"""Decoding to the typed kinds and back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from crds import decode, kinds
from crds.errors import CrdError
from crds.eventsource import EventSource
from crds.sensor import Sensor
from crds.templates import Template
from crds.workflow import Workflow


def workflow(**template: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "w"},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", **template}]},
    }


def read(**template: Any) -> Template:
    typed, unknown = decode.decode(workflow(**template), Workflow)
    assert unknown == []
    assert typed.spec is not None
    assert typed.spec.templates is not None
    return typed.spec.templates[0]


def test_a_full_object_comes_back_as_it_was() -> None:
    written = workflow(
        inputs={"parameters": [{"name": "p", "value": "", "enum": ["", "a"]}]},
        container={"image": "a", "env": [{"name": "E", "value": "1"}], "resources": {}},
        retryStrategy={"limit": "2", "backoff": {"duration": "1", "factor": 2}},
        activeDeadlineSeconds=0,
        suspend={},
    )
    typed, unknown = decode.decode(written, Workflow)
    assert unknown == []
    assert decode.encode(typed) == written


def test_unknown_fields_survive_a_round_trip() -> None:
    written = workflow(
        container={"image": "a", "env": [{"name": "E", "next": [1]}], "later": {"x": 1}},
        dag={"tasks": [{"name": "t", "new": True}]},
        future=None,
        retryStrategy={"unheardOf": {"deep": [2]}},
    )
    written["spec"]["more"] = {"a.b": 1}
    written["extra"] = 5
    typed, unknown = decode.decode(written, Workflow)
    assert len(unknown) == 7
    assert "extra" not in decode.encode(typed)
    assert decode.encode(typed, written) == written


def test_unknown_fields_stay_beside_what_was_changed() -> None:
    written = workflow(container={"image": "a", "later": 1})
    written["spec"]["templates"].append({"name": "second", "later": 2})
    typed, _ = decode.decode(written, Workflow)
    assert typed.spec is not None
    assert typed.spec.templates is not None
    shorter = msgspec.structs.replace(
        typed.spec, templates=typed.spec.templates[:1], entrypoint="x"
    )
    changed = msgspec.structs.replace(typed, spec=shorter)
    spec = decode.encode(changed, written)["spec"]
    assert spec["entrypoint"] == "x"
    [template] = spec["templates"]
    assert template["container"] == {"image": "a", "later": 1}
    assert written["spec"]["templates"][1]["later"] == 2


def test_steps_are_groups_of_steps() -> None:
    template = read(steps=[[{"name": "a", "template": "x"}], []])
    assert template.steps is not None
    assert [[step.name for step in group] for group in template.steps] == [["a"], []]


def test_an_inline_template_is_typed_too() -> None:
    template = read(dag={"tasks": [{"name": "t", "inline": {"container": {"image": "i"}}}]})
    assert template.dag is not None
    assert template.dag.tasks is not None
    inline = template.dag.tasks[0].inline
    assert inline is not None
    assert inline.container == {"image": "i"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (1.5, "1.5"),
        (True, "true"),
        (1e-7, "0.0000001"),
        ("x", "x"),
        (-0.0, "-0"),
        (1e3, "1000"),
    ],
)
def test_parameter_values_may_be_numbers_and_booleans(value: object, text: str) -> None:
    template = read(inputs={"parameters": [{"name": "p", "value": value, "enum": [value]}]})
    assert template.inputs is not None
    assert template.inputs.parameters is not None
    assert template.inputs.parameters[0].value == text
    assert template.inputs.parameters[0].enum == [text]


def test_null_is_absent() -> None:
    template = read(container=None, timeout=None, daemon=None)
    assert (template.container, template.timeout, template.daemon) == (None, "", None)


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert read(parallelism=2.0).parallelism == 2


def test_items_keep_their_json() -> None:
    items = [1, "a", {"k": [1.5, None]}, None, True]
    template = read(steps=[[{"name": "a", "withItems": items}]])
    assert template.steps is not None
    assert template.steps[0][0].with_items == items


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ({"contaner": {}}, "spec.templates[0].contaner"),
        ({"container": {"comand": []}}, "spec.templates[0].container.comand"),
        ({"steps": [[{"nme": 1}]]}, "spec.templates[0].steps[0][0].nme"),
        ({"synchronization": {"mutex": {}}}, "spec.templates[0].synchronization.mutex"),
        ({"container": {"env": [{"naem": 1}]}}, "spec.templates[0].container.env[0].naem"),
        (
            {"retryStrategy": {"affinity": {"nodeAntiAffinity": {"": 1}}}},
            "spec.templates[0].retryStrategy.affinity.nodeAntiAffinity.",
        ),
    ],
)
def test_unknown_fields_are_reported_with_their_path(template: dict[str, Any], path: str) -> None:
    _, unknown = decode.decode(workflow(**template), Workflow)
    assert unknown == [path]


def test_every_wrong_type_is_found_in_one_pass() -> None:
    broken = workflow(container={"args": "x"}, daemon="true", steps=[{"name": "a"}], timeout=5)
    with pytest.raises(CrdError) as caught:
        decode.decode(broken, Workflow)
    assert [error.path for error in caught.value.errors] == [
        "spec.templates[0].container.args",
        "spec.templates[0].daemon",
        "spec.templates[0].steps[0]",
        "spec.templates[0].timeout",
    ]
    assert caught.value.path == "spec.templates[0].container.args"
    assert "must be a list, not the text 'x'" in str(caught.value)


@pytest.mark.parametrize("value", ["text", 5, [], True])
def test_an_object_must_be_an_object(value: object) -> None:
    with pytest.raises(CrdError, match="must be an object"):
        decode.decode(value, Workflow)


def test_numbers_must_fit() -> None:
    with pytest.raises(CrdError, match="32 bits"):
        decode.decode(workflow(container={"ports": [{"containerPort": 99999999999}]}), Workflow)


def test_decoding_leaves_the_given_object_alone() -> None:
    written = workflow(container={"image": "a", "x": None}, y=1)
    before = json.dumps(written)
    decode.decode(written, Workflow)
    assert json.dumps(written) == before


def test_a_webhook_source_has_its_inlined_endpoint() -> None:
    typed, unknown = decode.decode(
        {"spec": {"webhook": {"push": {"endpoint": "/push", "port": "12000", "method": "POST"}}}},
        EventSource,
    )
    assert unknown == []
    assert typed.spec is not None
    assert typed.spec.webhook is not None
    assert typed.spec.webhook["push"].endpoint == "/push"


def test_a_sensor_is_typed_to_its_parameters() -> None:
    source = {"dependencyName": "d", "dataKey": "body.ref", "useRawData": True}
    parameter = {"src": source, "dest": "spec.arguments.parameters.0.value"}
    trigger = {"template": {"name": "t", "argoWorkflow": {"parameters": [parameter]}}}
    typed, unknown = decode.decode({"spec": {"triggers": [trigger]}}, Sensor)
    assert unknown == []
    assert decode.encode(typed) == {"spec": {"triggers": [trigger]}}


@pytest.mark.parametrize("kind", list(kinds.KINDS.values()), ids=list(kinds.KINDS))
def test_an_empty_object_is_every_kind(kind: type[msgspec.Struct]) -> None:
    typed, unknown = decode.decode({}, kind)  # type: ignore[type-var]
    assert unknown == []
    assert msgspec.to_builtins(typed) == {}


def test_hostile_nesting_is_a_finding_not_a_crash() -> None:
    inner: dict[str, Any] = {}
    for _ in range(2000):
        inner = {"dag": {"tasks": [{"name": "t", "inline": inner}]}}
    with pytest.raises(CrdError, match="less deeply nested"):
        decode.decode(workflow(**inner), Workflow)
