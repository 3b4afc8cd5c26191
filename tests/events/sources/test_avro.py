"""Avro binary data becomes Avro's own JSON; damaged data is refused."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from events.sources import avro

NODE = {
    "type": "record",
    "name": "Node",
    "namespace": "a.b",
    "fields": [{"name": "next", "type": ["null", "Node"]}],
}


@pytest.mark.parametrize(
    ("schema", "raw", "text"),
    [
        ("null", b"", b"null"),
        ("boolean", b"\x01", b"true"),
        ("int", b"\x01", b"-1"),
        ("long", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"9223372036854775807"),
        ("long", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"-9223372036854775808"),
        ("double", struct.pack("<d", 1.5), b"1.5"),
        ("float", struct.pack("<f", 0.5), b"0.5"),
        ("double", struct.pack("<d", float("nan")), b"null"),
        ("string", b"\x06a\xc3\xa4", '"aä"'.encode()),
        ("bytes", b"\x04\x01\xff", '"\\u0001ÿ"'.encode()),
        ({"type": "long", "logicalType": "timestamp-millis"}, b"\x02", b"1"),
        ({"type": "array", "items": "int"}, b"\x04\x02\x04\x02\x06\x00", b"[1,2,3]"),
        ({"type": "array", "items": "int"}, b"\x03\x04\x02\x04\x00", b"[1,2]"),
        ({"type": "map", "values": "int"}, b"\x02\x02a\x02\x00", b'{"a":1}'),
        (["null", "string"], b"\x00", b"null"),
        (["null", "string"], b"\x02\x02x", b'{"string":"x"}'),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x02", b'"B"'),
        ({"type": "fixed", "name": "F", "size": 2}, b"ab", b'"ab"'),
        (NODE, b"\x02\x02\x00", b'{"next":{"a.b.Node":{"next":{"a.b.Node":{"next":null}}}}}'),
    ],
)
def test_data_becomes_json(schema: Any, raw: bytes, text: bytes) -> None:
    assert avro.to_json(avro.parse(schema), raw) == text


@pytest.mark.parametrize(
    ("schema", "raw"),
    [
        ("int", b""),
        ("int", b"\xff" * 20),
        ("string", b"\x10ab"),
        ("string", b"\x01"),
        ("string", b"\x02\xff"),
        ("double", b"1234"),
        (["null", "int"], b"\x06"),
        (["null", "int"], b"\x01"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x02"),
        ({"type": "array", "items": "null"}, b"\x80\x80\x80\x80\x10\x00"),
        (NODE, b"\x02" * 500),
    ],
)
def test_damaged_data_is_refused(schema: Any, raw: bytes) -> None:
    with pytest.raises(avro.BadMessage):
        avro.to_json(avro.parse(schema), raw)


@pytest.mark.parametrize(
    "schema",
    [
        "Missing",
        7,
        {"type": "record", "name": "R"},
        {"type": "record", "fields": []},
        {"type": "fixed", "name": "F"},
        {"type": "array"},
        {"no": "type"},
    ],
)
def test_a_bad_schema_is_refused(schema: Any) -> None:
    with pytest.raises(avro.BadSchema):
        avro.parse(schema)
