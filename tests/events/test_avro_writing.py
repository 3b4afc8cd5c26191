"""JSON into Avro: known bytes, every type back through the reader, and what does not fit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events import avro_writing
from events.avro_writing import BadValue
from events.sources import avro

ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "total", "type": "double", "default": 1.5},
        {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
        {"name": "last", "type": ["null", "State"], "default": None},
        {"name": "parent", "type": ["null", "Order"], "default": None},
        {"name": "more", "type": {"type": "map", "values": ["int", "boolean"]}, "default": {}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 2}, "default": "ab"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "default": 0},
    ],
}


@pytest.mark.parametrize(
    ("schema", "value", "raw"),
    [
        ("null", None, b""),
        ("boolean", True, b"\x01"),
        ("int", -64, b"\x7f"),
        ("int", 64, b"\x80\x01"),
        ("long", -(1 << 63), b"\xff" * 9 + b"\x01"),
        ("float", 1.5, b"\x00\x00\xc0\x3f"),
        ("string", "é", b"\x04\xc3\xa9"),
        ("bytes", "\u00ff", b"\x02\xff"),
        (["null", "string"], None, b"\x00"),
        (["null", "string"], {"string": "a"}, b"\x02\x02a"),
        ({"type": "array", "items": "int"}, [1, 2], b"\x04\x02\x04\x00"),
        ({"type": "map", "values": "int"}, {"a": 1}, b"\x02\x02a\x02\x00"),
    ],
)
def test_known_bytes(schema: Any, value: Any, raw: bytes) -> None:
    assert avro_writing.from_json(schema, value) == raw


def test_a_record_comes_back_as_it_went_with_its_defaults() -> None:
    child = {"id": 1, "state": "NEW", "total": 2}
    value = {
        "id": 7,
        "state": "PAID",
        "note": {"string": "x"},
        "tags": ["a", "b"],
        "last": {"shop.State": "NEW"},
        "parent": {"Order": child},
        "more": {"n": {"int": 3}, "b": {"boolean": False}},
        "hash": "\u0001\u00fe",
        "at": 5,
    }
    raw = avro_writing.from_json(ORDER, value)
    found = json.loads(avro.to_json(avro.parse(ORDER), raw))
    empty = {"note": None, "tags": [], "last": None, "parent": None, "more": {}}
    whole = {**empty, "hash": "ab", "at": 0, **child}
    assert found == {**value, "total": 1.5, "parent": {"shop.Order": whole}}


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        ("int", 1 << 31, "value: is no int"),
        ("int", 1.5, "value: is no int"),
        ("int", True, "value: is no int"),
        ("long", "1", "value: is no long"),
        ("string", 1, "value: is no string"),
        ("string", "\ud800", "value: is no Unicode text"),
        ("bytes", "\u0100", "value: bytes are code points below 256"),
        ("float", 1e300, "value: is too large"),
        ("nothing", 1, "value: unknown type 'nothing'"),
        (["null", "int"], 1, "value: a union wants null"),
        (["null", "int"], {"long": 1}, "value: 'long' is none of null, int"),
        (ORDER, {"state": "NEW"}, "value.id: is required"),
        (ORDER, {"id": 1, "state": "GONE"}, "value.state: is none of NEW, PAID"),
        (ORDER, {"id": 1, "state": "NEW", "x": 1}, "value.x: is no field of Order"),
        (ORDER, {"id": 1, "state": "NEW", "hash": "abc"}, "value.hash: is not 2 bytes long"),
        (ORDER, {"id": 1, "state": "NEW", "tags": [1]}, "value.tags[0]: is no string"),
        (ORDER, [], "value: is no object"),
    ],
)
def test_what_does_not_fit_is_named(schema: Any, value: Any, words: str) -> None:
    with pytest.raises(BadValue) as caught:
        avro_writing.from_json(schema, value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "schema",
    [
        [[]],
        {"type": "record", "name": "R", "fields": 5},
        {"type": "record", "name": "R", "fields": [{"type": "int"}]},
        {"type": "enum", "name": "E", "symbols": 4},
    ],
)
def test_a_schema_that_is_none_is_named(schema: Any) -> None:
    with pytest.raises(BadValue, match="value"):
        avro_writing.from_json(schema, {})


def test_nesting_is_capped() -> None:
    node = {
        "type": "record",
        "name": "N",
        "fields": [{"name": "n", "type": ["null", "N"], "default": None}],
    }
    value: dict[str, Any] = {}
    for _ in range(200):
        value = {"n": {"N": value}}
    with pytest.raises(BadValue, match="nested too deeply"):
        avro_writing.from_json(node, value)
