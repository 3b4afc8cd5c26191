"""Filters and parameters over awkward data: how it was written, and what is no JSON for long."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.oracles import events_runner

PATHS: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "lang/data/paths_reference.json").read_text(encoding="utf-8")
)
BODY = '{"labels": ["bug", "ui"], "files": [{"p": "a.go", "n": 1}, {"p": "b.py", "n": 2}]}'


def filtered(filters: dict[str, Any], data: str = BODY, **context: str) -> dict[str, Any]:
    event = {"data": data, "context": context}
    return events_runner.answer({"op": "filter", "event": event, "filters": filters})


def resolved(data: str, **src: Any) -> dict[str, Any]:
    case = {
        "op": "resolve",
        "events": {"e": {"data": data}},
        "src": {"dependencyName": "e", **src},
    }
    return events_runner.answer(case)


@pytest.mark.parametrize("case", PATHS["found"], ids=lambda case: str(case["path"]))
def test_a_data_key_finds_what_gjson_finds_with_its_text(case: dict[str, Any]) -> None:
    found = resolved(PATHS["document"], dataKey=case["path"])
    if case.get("missing"):
        assert "error" in found
    else:
        assert found == {"result": case["result"], "type": case["type"]}


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("labels", r'^\["bug", "ui"\]$'),
        ("files.0", r'^\{"p": "a.go", "n": 1\}$'),
        ("files.#(n>1)#", r'^\[\{"p": "b.py", "n": 2\}\]$'),
        ("files.#.p", r'^\["a.go","b.py"\]$'),
        ("{labels,x:files.1}", r'^\{"labels":\["bug", "ui"\],"x":\{"p": "b.py", "n": 2\}\}$'),
        ("labels|@ugly", r'^\["bug","ui"\]$'),
    ],
)
def test_a_filter_sees_lists_and_objects_as_they_were_written(path: str, pattern: str) -> None:
    datum = {"path": path, "type": "string", "value": [pattern]}
    assert filtered({"data": [datum]}) == {"pass": True}


def test_the_template_of_a_filter_sees_them_so_too() -> None:
    datum = {"path": "labels", "type": "string", "value": ["^W"], "template": "{{b64enc .Input}}"}
    assert filtered({"data": [datum]}) == {"pass": True}
    datum["value"] = ["^WyJidWciLCAidWkiXQ==$"]
    assert filtered({"data": [datum]}) == {"pass": True}


def test_the_first_of_equal_keys_counts_for_paths_and_the_last_for_templates() -> None:
    data = '{"z": 0, "a": 1, "b": 2, "a": 3}'
    assert resolved(data, dataKey="a") == {"result": "1", "type": "Number"}
    assert resolved(data, dataKey="*") == {"result": "0", "type": "Number"}
    assert resolved(data, dataTemplate="{{.Input.a}}") == {"result": "3", "type": "String"}


@pytest.mark.parametrize(
    ("time", "spec", "passes"),
    [
        ("2024-03-01T12:00:00.4Z", {"start": "12:00:00.5", "stop": "13:00:00"}, False),
        ("2024-03-01T12:00:00.5Z", {"start": "12:00:00.5", "stop": "13:00:00"}, True),
        ("2024-03-01T12:00:00.6Z", {"start": "12:00:00,5", "stop": "13:00:00"}, True),
        ("2024-03-01T12:00:00Z", {"start": " 9:00:00", "stop": "17:00:00"}, True),
        # 02:30 is skipped on this day: it is the instant of 01:30
        (
            "2024-03-10T06:59:59Z",
            {"start": "09:00:00", "stop": "02:30:00", "timezone": "America/New_York"},
            False,
        ),
        (
            "2024-03-01T12:00:00Z",
            {"start": "11:00:00", "stop": "13:00:00", "timezone": "Local"},
            True,
        ),
        (
            "0001-01-01T00:00:00Z",
            {"start": "03:00:00", "stop": "17:00:00", "timezone": "Asia/Tokyo"},
            True,
        ),
    ],
)
def test_clock_times_are_read_as_go_reads_them(
    time: str, spec: dict[str, str], passes: bool
) -> None:
    assert filtered({"time": spec}, time=time) == {"pass": passes}


def test_a_pattern_that_go_does_not_know_is_refused() -> None:
    found = filtered({"data": [{"path": "labels", "type": "string", "value": [r"\C"]}]})
    assert found["pass"] is False
    assert r"invalid escape sequence: `\C`" in found["error"]


@pytest.mark.parametrize("depth", [150, 199, 201, 900, 100_000])
@pytest.mark.parametrize(
    "filters",
    [
        {"data": [{"path": "@this|@pretty", "type": "string", "value": ["x"]}]},
        {"data": [{"path": "a", "type": "string", "value": ["x"]}]},
        {"exprs": [{"expr": "x == 1", "fields": [{"name": "x", "path": "a"}]}]},
        {"script": "return event.a == 1"},
    ],
    ids=["modifier", "data", "exprs", "script"],
)
def test_deep_data_is_answered(depth: int, filters: dict[str, Any]) -> None:
    data = '{"a":' * depth + "1" + "}" * depth
    assert filtered(filters, data)["pass"] is False
    answer = resolved(data, dataTemplate="{{ .Input | toJson }}", value="otherwise")
    assert answer["result"] == (data if depth < 200 else "otherwise")


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 400, "9" * 5000])
def test_numbers_that_no_float_holds_are_errors_where_a_float_is_needed(number: str) -> None:
    data = f'{{"a": {number}}}'
    above = {"path": "a", "type": "number", "comparator": ">", "value": ["1"]}
    assert filtered({"data": [above]}, data)["pass"] is not number.startswith("-")
    fields = [{"name": "x", "path": "a"}]
    assert filtered({"exprs": [{"expr": "x != 1", "fields": fields}]}, data)["pass"] is True
    assert "error" in filtered({"script": "return true"}, data)
    for program in ({"jq": "."}, {"script": "return event"}):
        case = {"op": "transform", "event": {"data": data}, "transform": program}
        assert "cannot unmarshal number" in events_runner.answer(case)["error"]
    assert "error" in resolved(data, dataTemplate="{{ .Input.a }}")


@pytest.mark.parametrize("program", ["{x: nan}", "{x: infinite}", "{x: (-1e1000)}", "{x: [nan]}"])
def test_a_transform_never_writes_what_is_no_json(program: str) -> None:
    case = {"op": "transform", "event": {"data": BODY}, "transform": {"jq": program}}
    assert "unsupported value" in events_runner.answer(case)["error"]


def test_bytes_that_are_no_utf8_leave_lua_as_replacements() -> None:
    script = r'return {a = "\255", b = ("é"):sub(1, 1), c = "x\192y"}'
    case = {"op": "transform", "event": {"data": "{}"}, "transform": {"script": script}}
    found = json.loads(events_runner.answer(case)["data"])
    assert found == {"a": "\ufffd", "b": "\ufffd", "c": "x\ufffdy"}


def test_byte_code_is_no_script() -> None:
    case = {"op": "filter", "event": {"data": "{}"}, "filters": {"script": "\x1bLuaQ"}}
    assert "syntax error" in events_runner.answer(case)["error"]


def test_text_is_appended_to_what_a_query_found_as_it_was_written() -> None:
    case = {
        "op": "params",
        "events": {},
        "object": '{"p": [{"name": "a", "v": [1, 2]}]}',
        "parameters": [
            {
                "src": {"dependencyName": "gone", "value": "!"},
                "dest": 'p.#(name=="a").v',
                "operation": "append",
            }
        ],
    }
    assert json.loads(events_runner.answer(case)["result"]) == {
        "p": [{"name": "a", "v": "[1, 2]!"}]
    }


@pytest.mark.parametrize(
    ("written", "set_as"),
    [("1.0", "1"), ("1e3", "1000"), ("1.50", "1.5"), ("12345678901234567", None)],
)
def test_a_raw_number_is_written_as_go_prints_it(written: str, set_as: str | None) -> None:
    case = {
        "op": "payload",
        "events": {"e": {"data": f'{{"n": {written}}}'}},
        "parameters": [
            {"src": {"dependencyName": "e", "dataKey": "n", "useRawData": True}, "dest": "n"}
        ],
    }
    assert events_runner.answer(case) == {"result": f'{{"n":{set_as or written}}}'}
