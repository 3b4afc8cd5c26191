"""JSON in the shape of a struct: names in any case, zeros, maps, half surrogate pairs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.sources import go_shape, http_body, slack_shapes
from events.sources.go_shape import ANY, NUMBER, TEXT, BadShape, Leaf, Many, Named, Pointer, Struct

POINT = Struct({"name": TEXT, "size": NUMBER, "note?": TEXT})


def shaped(text: str, shape: go_shape.Shape) -> str:
    return go_shape.shaped(text.encode(), shape).decode()


def test_names_are_found_in_any_case() -> None:
    assert shaped('{"Name":"a","SIZE":2,"other":1}', POINT) == '{"name":"a","size":2}'
    kept = Struct({"name": TEXT}, open=True)
    assert shaped('{"NAME":"a","Other":1}', kept) == '{"name":"a","Other":1}'


def test_a_map_has_any_names_each_with_its_shape() -> None:
    assert shaped('{"b":{},"<":{"size":1}}', Named(POINT)) == (
        '{"\\u003c":{"name":"","size":1},"b":{"name":"","size":0}}'
    )
    assert shaped("null", Named(POINT)) == "null"
    with pytest.raises(BadShape):
        shaped("[]", Named(POINT))


def test_what_is_needed_must_be_there_if_only_as_null() -> None:
    shape = Struct({"object": Leaf(b"null", b"{", "object", is_needed=True)})
    assert shaped('{"object":null}', shape) == '{"object":null}'
    for wrong in ("{}", '{"object":[]}', '{"object":1}'):
        with pytest.raises(BadShape):
            shaped(wrong, shape)


def test_a_pointer_has_a_zero_of_its_own() -> None:
    shape = Struct({"state": Pointer(Struct({"values": Many(ANY)}), b"{}")})
    assert shaped("{}", shape) == '{"state":{}}'
    assert shaped('{"state":{}}', shape) == '{"state":{"values":null}}'


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"cut \ud83d"', rb'"cut \ufffd"'),
        (rb'"\ude00\ud83d\ude00\uD83D"', rb'"\ufffd\ud83d\ude00\ufffd"'),
        (rb'"\\ud83d"', rb'"\\ud83d"'),
        (rb'"\\\ud83d"', rb'"\\\ufffd"'),
        (rb'"\u00e9\ud83dx"', rb'"\u00e9\ufffdx"'),
    ],
)
def test_half_a_pair_becomes_what_every_reader_sees(given: bytes, whole: bytes) -> None:
    assert http_body.whole_pairs(given) == whole
    json.loads(whole)


def interaction(payload: dict[str, Any]) -> Any:
    return json.loads(slack_shapes.interaction(json.dumps(payload).encode())[0])


def test_fields_of_a_form_have_every_member() -> None:
    field = {"type": "file_input", "files": [{"id": "F1"}], "selected_options": [{"value": "1"}]}
    found = interaction({"type": "block_actions", "state": {"values": {"b": {"a": field}}}})
    given = found["state"]["values"]["b"]["a"]
    assert given["selected_options"] == [{"text": None, "value": "1"}]
    assert given["files"][0] | {"id": "F1", "size": 0, "permalink": ""} == given["files"][0]
    assert given["selected_user"] == ""
    assert interaction({"type": "block_actions"})["state"] == {}
    assert "state" not in interaction({"type": "shortcut"})
    view = {"id": "V", "state": {"values": {"b": {"a": {"value": "x"}}}}}
    found = interaction({"type": "view_submission", "view": view})
    assert found["view"]["state"]["values"]["b"]["a"]["selected_date"] == ""
    assert "username" not in found["user"]


def test_a_message_carries_its_files_and_attachments() -> None:
    message = {"text": "hi", "files": [{}], "attachments": [{"text": "t"}]}
    found = interaction({"type": "message_action", "message": message})["message"]
    assert found["attachments"] == [{"blocks": None, "text": "t"}]
    assert found["files"][0]["shares"] == {"public": None, "private": None}
    assert "files" not in interaction({"type": "message_action", "message": {}})["message"]
