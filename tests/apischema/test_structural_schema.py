"""The schema engine of the embedded API server: pruning, defaults, findings, rules."""

# ruff: noqa: E501 (the tables of findings are easier to read with one case on a line)
from __future__ import annotations

import copy
import json
import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from crds import definitions
from headrace.local.apiserver.schema import (
    ErrorType,
    FieldError,
    cel,
    compile_schema,
    rule_problems,
    violations,
)

RECORDED = json.loads((Path(__file__).parent / "data" / "flows.json").read_text())


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def errors_of(schema: dict[str, Any], value: Any, old: Any = None) -> list[str]:
    return [str(each) for each in compile_schema(obj(f=schema)).validate({"f": value}, old)]


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: case["name"])
def test_recorded_objects_are_taken_or_refused_at_the_recorded_field(case: dict[str, Any]) -> None:
    schema = compile_schema(RECORDED["schema"])
    value = copy.deepcopy(case["object"])
    unknown = schema.prune(value)
    schema.default(value)
    found = schema.validate(value)
    if case["code"] == 400:
        assert unknown == ["spec.unknown"]
    elif case["code"] == 201:
        assert found == []
    else:
        assert case["field"] in [each.path for each in found]


S = {"type": "string"}
I64 = {"type": "integer", "format": "int64"}
IOS = {"x-kubernetes-int-or-string": True}


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (S, 5, 'f: Invalid value: "integer": f in body must be of type string: "integer"'),
        (S, None, 'f: Invalid value: "null": f in body must be of type string: "null"'),
        ({"type": "integer"}, "x", 'f: Invalid value: "string": f in body must be of type integer: "string"'),
        (I64, "x", 'f: Invalid value: "string": f in body must be of type integer: "string"'),
        (I64, True, 'f: Invalid value: "": f in body must be of type int64: ""'),
        (IOS, [1], 'f: Invalid value: "array": f in body must be of type integer,string: "array"'),
        ({"type": "boolean"}, "true", 'f: Invalid value: "string": f in body must be of type boolean: "string"'),
        ({"type": "number", "minimum": 2}, 1.5, "f: Invalid value: 1.5: f in body should be greater than or equal to 2"),
        ({"type": "integer", "maximum": 2}, 3, "f: Invalid value: 3: f in body should be less than or equal to 2"),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, 1, "f: Invalid value: 1: f in body should be greater than 1"),
        ({"type": "integer", "multipleOf": 3}, 4, "f: Invalid value: 4: f in body should be a multiple of 3"),
        ({**S, "minLength": 2}, "a", 'f: Invalid value: "a": f in body should be at least 2 chars long'),
        ({**S, "maxLength": 2}, "abc", "f: Too long: may not be more than 2 bytes"),
        ({**S, "pattern": "^a+$"}, "b", "f: Invalid value: \"b\": f in body should match '^a+$'"),
        ({**S, "enum": ["a", "b"]}, "c", 'f: Unsupported value: "c": supported values: "a", "b"'),
        ({**S, "format": "date-time"}, "soon", 'f: Invalid value: "soon": f in body must be of type date-time: "soon"'),
        ({**S, "format": "date"}, "2024-13-01", 'f: Invalid value: "2024-13-01": f in body must be of type date: "2024-13-01"'),
        ({"type": "array", "items": S, "maxItems": 1}, ["a", "b"], "f: Too many: 2: must have at most 1 item"),
        ({"type": "array", "items": S, "minItems": 1}, [], "f: Invalid value: 0: f in body should have at least 1 items"),
        ({"type": "array", "items": S, "x-kubernetes-list-type": "set"}, ["a", "a"], 'f[1]: Duplicate value: "a"'),
        ({"type": "object", "additionalProperties": S}, {"k": 1}, 'f.k: Invalid value: "integer": f.k in body must be of type string: "integer"'),
        ({"type": "object", "required": ["a"]}, {}, "f.a: Required value"),
        ({**S, "not": {"enum": ["a"]}}, "a", '<nil>: Invalid value: "": "f" must not validate the schema (not)'),
        ({**S, "oneOf": [{"pattern": "a"}, {"pattern": "b"}]}, "ab", '<nil>: Invalid value: "": "f" must validate one and only one schema (oneOf). Found 2 valid alternatives'),
    ],
)  # fmt: skip
def test_findings_are_worded_as_kubernetes_words_them(
    schema: dict[str, Any], value: object, message: str
) -> None:
    assert errors_of(schema, value) == [message]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "number"}, 5),
        ({"type": "integer"}, 5.0),
        ({**S, "nullable": True}, None),
        (IOS, "a"),
        (IOS, 5),
        ({**S, "format": "date-time"}, "2024-01-02T03:04:05.678+01:00"),
        ({**S, "format": "unheard-of"}, "x"),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"x-kubernetes-preserve-unknown-fields": True}, [1, "a", None]),
    ],
)
def test_fitting_values_pass(schema: dict[str, Any], value: object) -> None:
    assert errors_of(schema, value) == []


def test_keyed_lists_hold_no_key_twice_and_count_defaults_as_keys() -> None:
    port = obj(port={"type": "integer"}, protocol={**S, "default": "TCP"})
    keys = ["port", "protocol"]
    listed = {
        "type": "array",
        "items": port,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": keys,
    }
    value = [{"port": 1}, {"port": 1, "protocol": "UDP"}, {"port": 1, "protocol": "TCP"}]
    assert errors_of(listed, value) == ['f[2]: Duplicate value: {"port":1,"protocol":"TCP"}']


def test_pruning_removes_what_is_unknown_and_keeps_what_is_open() -> None:
    schema = compile_schema(
        obj(
            spec=obj(
                a=S,
                open={**obj(k=obj(x=S)), "x-kubernetes-preserve-unknown-fields": True},
                map={"type": "object", "additionalProperties": obj(x=S)},
                list={"type": "array", "items": obj(x=S)},
                whole={"x-kubernetes-embedded-resource": True, **obj()},
            )
        )
    )
    value = {
        "kind": "K",
        "metadata": {"anything": 1},
        "spec": {
            "a": "1",
            "b": 2,
            "open": {"free": {"y": 1}, "k": {"x": "1", "y": 2}},
            "map": {"m": {"x": "1", "y": 2}},
            "list": [{"x": "1", "y": 2}],
            "whole": {"kind": "P", "metadata": {}, "spec": {}},
        },
    }
    assert schema.prune(value) == [
        "spec.b",
        "spec.list[0].y",
        "spec.map.m.y",
        "spec.open.k.y",
        "spec.whole.spec",
    ]
    assert value["spec"] == {
        "a": "1",
        "open": {"free": {"y": 1}, "k": {"x": "1"}},
        "map": {"m": {"x": "1"}},
        "list": [{"x": "1"}],
        "whole": {"kind": "P", "metadata": {}},
    }


def test_defaults_are_set_deep_and_never_shared() -> None:
    inner = {**obj(b={"type": "integer", "default": 5}), "default": {}}
    schema = compile_schema(obj(a=inner, n={**S, "default": "d"}, k={**S, "nullable": True}))
    first: dict[str, Any] = {"n": None, "k": None}
    schema.default(first)
    assert first == {"a": {"b": 5}, "n": "d", "k": None}
    first["a"]["b"] = 6
    second: dict[str, Any] = {}
    schema.default(second)
    assert second == {"a": {"b": 5}, "n": "d"}


def test_nulls_of_plain_fields_are_dropped_before_validation() -> None:
    schema = compile_schema({**obj(a=S), "required": ["a"]})
    value: dict[str, Any] = {"a": None}
    schema.default(value)
    assert [str(each) for each in schema.validate(value)] == ["a: Required value"]


def rule(text: str, **more: Any) -> dict[str, Any]:
    return {"x-kubernetes-validations": [{"rule": text, **more}]}


@pytest.mark.parametrize(
    ("schema", "value", "found"),
    [
        ({**S, **rule("self != 'x'", message="no x")}, "x", ["f: Invalid value: no x"]),
        ({**S, **rule("self != 'x'")}, "x", ["f: Invalid value: failed rule: self != 'x'"]),
        ({**S, **rule("self != 'x'", messageExpression="'not ' + self", message="m")}, "x", ["f: Invalid value: not x"]),
        ({**S, **rule("self != 'x'", messageExpression="self.y", message="m")}, "x", ["f: Invalid value: m"]),
        ({**S, **rule("self != 'x'", message="m", reason="FieldValueForbidden")}, "x", ["f: Forbidden: m"]),
        ({**obj(a=S), **rule("self.a != 'x'", message="m", fieldPath=".a")}, {"a": "x"}, ["f.a: Invalid value: m"]),
        ({**obj(**{"a-b": S}), **rule("self.a__dash__b == 'y'", message="m")}, {"a-b": "x"}, ["f: Invalid value: m"]),
        ({**obj(namespace=S), **rule("self.__namespace__ == 'x'")}, {"namespace": "x"}, []),
        ({**obj(a=S), **rule("self.b == 'x'", message="m")}, {}, ["f: Invalid value: no such key: b evaluating rule: m"]),
        ({"type": "number", **rule("self > 1.5", message="m")}, 1, ["f: Invalid value: m"]),
        ({**S, "format": "date-time", **rule("self < timestamp('2020-01-01T00:00:00Z')", message="m")}, "2024-01-01T00:00:00Z", ["f: Invalid value: m"]),
        ({"type": "array", "items": {"type": "integer"}, **rule("self.isSorted() && self.sum() < 9", message="m")}, [1, 3, 2], ["f: Invalid value: m"]),
        ({"type": "object", "additionalProperties": S, **rule("self.all(k, k.startsWith('a-'))", message="m")}, {"a-1": "x"}, []),
    ],
)  # fmt: skip
def test_rules_run_on_values(schema: dict[str, Any], value: object, found: list[str]) -> None:
    assert errors_of(schema, value) == found


def test_transition_rules_need_an_old_value() -> None:
    fixed = {**S, **rule("self == oldSelf", message="immutable")}
    assert errors_of(fixed, "a") == []
    assert errors_of(fixed, "a", {"f": "a"}) == []
    assert errors_of(fixed, "b", {"f": "a"}) == ["f: Invalid value: immutable"]


def test_transition_rules_follow_the_keys_of_lists() -> None:
    entry = obj(name=S, v={**S, **rule("self == oldSelf", message="immutable")})
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    old = {"f": [{"name": "a", "v": "1"}]}
    new = [{"name": "b", "v": "0"}, {"name": "a", "v": "2"}]
    found = ["f[1].v: Invalid value: immutable"]
    assert errors_of({"type": "array", "items": entry, **keyed}, new, old) == found
    assert errors_of({"type": "array", "items": entry}, new, old) == []


def test_rules_are_not_run_on_objects_of_the_wrong_shape() -> None:
    schema = {**obj(a=S), **rule("self.a != 'x'")}
    assert errors_of(schema, {"a": 1})[-1].startswith(
        "<nil>: Invalid value: null: some validation rules were not checked"
    )


def test_findings_made_before_hold_rules_back_too() -> None:
    schema = compile_schema(obj(f={**S, **rule("false")}))
    prior = [FieldError("metadata.name", ErrorType.REQUIRED, "Required value")]
    assert "not checked" in str(schema.validate({"f": "x"}, prior=prior))


def test_without_the_library_rules_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cel, "available", lambda: False)
    broken = {**S, **rule("no such thing (")}
    assert errors_of(broken, "x") == []
    assert rule_problems(obj(f=broken)) == []


def test_rules_that_do_not_compile_are_named() -> None:
    [problem] = rule_problems(obj(f={**S, **rule("self.nope(")}))
    path = "spec.validation.openAPIV3Schema.properties[f].x-kubernetes-validations[0].rule"
    assert problem.path == path
    assert "compilation failed" in problem.message


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({}, ".type"),
        (obj(a={}), ".properties[a].type"),
        (obj(a={"type": "array"}), ".properties[a].items"),
        (obj(a={"type": "text"}), ".properties[a].type"),
        (obj(a={"type": "string", "x-kubernetes-int-or-string": True}), ".properties[a].type"),
        (obj(a={"type": "object", "additionalProperties": False}), ".properties[a].additionalProperties"),
        (obj(a={**S, "pattern": "("}), ".properties[a].pattern"),
        (obj(a={**S, "anyOf": [{"type": "string"}]}), ".properties[a].anyOf[0].type"),
        (obj(a={"$ref": "#/x", **S}), ".properties[a].$ref"),
    ],
)  # fmt: skip
def test_schemas_that_are_not_structural_are_named(schema: dict[str, Any], path: str) -> None:
    assert path in [
        each.path.removeprefix("spec.validation.openAPIV3Schema") for each in violations(schema)
    ]


def test_a_typical_workflow_is_validated_within_a_millisecond() -> None:
    definition = definitions.load()[0]
    schema = compile_schema(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    env = [{"name": f"E{i}", "value": "v"} for i in range(5)]
    leaf = {"container": {"image": "a", "command": ["sh", "-c"], "args": ["x"], "env": env}}
    tasks = [
        {
            "name": f"t{i}",
            "template": "leaf",
            "arguments": {"parameters": [{"name": "p", "value": "1"}]},
        }
        for i in range(10)
    ]
    value = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "w"},
        "spec": {
            "entrypoint": "main",
            "templates": [{"name": "main", "dag": {"tasks": tasks}}, {"name": "leaf", **leaf}],
        },
    }
    assert schema.validate(value) == []
    spent = []
    for _ in range(20):
        begin = time.perf_counter()
        assert schema.prune(value) == []
        schema.default(value)
        assert schema.validate(value) == []
        spent.append(time.perf_counter() - begin)
    assert statistics.median(spent) < 0.004  # measured 0.7 ms; the machine may be busy
