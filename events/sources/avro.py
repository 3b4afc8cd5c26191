"""Avro binary data as JSON text, in Avro's own JSON encoding.

A union's value is `{"type": value}` unless it is null; bytes are a string of code points below
256. Semantics: Apache Avro 1.11, "JSON Encoding". Data comes from outside: lengths are checked
against what is there, and nesting is capped.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from events.sources import http_body

_DEPTH = 100
_MOST = 1_000_000  # items of data that takes no bytes, such as nulls
_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


class BadSchema(ValueError):
    """The schema is none."""


class BadMessage(ValueError):
    """The data does not fit the schema."""


Read = Callable[["_Data", int], Any]
"""Take a value off the data, `depth` deep."""


class Schema:
    """A compiled schema. `name` is what a union calls its values."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.read: Read = _unfinished


def parse(tree: Any) -> Schema:
    """Compile a schema's JSON. Raises BadSchema."""
    return _Compiler().compile(tree, "")


def to_json(schema: Schema, raw: bytes) -> bytes:
    """`raw` as JSON text. Raises BadMessage."""
    data = _Data(raw)
    try:
        value = schema.read(data, 0)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise BadMessage("the Avro data ends early or is damaged") from None
    return http_body.marshal([value])[1:-1]


def _unfinished(data: _Data, depth: int) -> Any:
    raise BadMessage("the schema is not complete")


class _Data:
    """Bytes with a place in them."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0
        self._made = 0

    def take(self, size: int) -> bytes:
        if size < 0 or self._at + size > len(self._raw):
            raise BadMessage("the Avro data ends early")
        found = self._raw[self._at : self._at + size]
        self._at += size
        return found

    def number(self) -> int:
        """A variable-length zig-zag integer."""
        value, shift = 0, 0
        while True:
            byte = self._raw[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
            if shift > 63:
                raise BadMessage("an Avro number is too long")

    def count(self) -> int:
        """How many items follow in this block; 0 ends it."""
        found = self.number()
        if found < 0:
            found = -found
            self.number()  # the block's size in bytes
        self._made += found
        if self._made > _MOST:
            raise BadMessage("the Avro data has too many items")
        return found


class _Compiler:
    """Knows the named types seen so far."""

    def __init__(self) -> None:
        self._named: dict[str, Schema] = {}

    def compile(self, tree: Any, space: str) -> Schema:
        if isinstance(tree, str):
            return self._by_name(tree, space)
        if isinstance(tree, list):
            return _union([self.compile(branch, space) for branch in tree])
        if not isinstance(tree, dict):
            raise BadSchema("neither a name, an object nor a list")
        kind = tree.get("type")
        match kind:
            case "record" | "error":
                return self._record(tree, space)
            case "enum":
                return self._enum(tree, space)
            case "fixed":
                return self._fixed(tree, space)
            case "array":
                return _array(self.compile(tree.get("items"), space))
            case "map":
                return _map(self.compile(tree.get("values"), space))
            case _:
                return self.compile(kind, space)  # {"type": "long", "logicalType": …}

    def _by_name(self, name: str, space: str) -> Schema:
        if name in _PRIMITIVES:
            return _primitive(name)
        full = name if "." in name or not space else f"{space}.{name}"
        found = self._named.get(full) or self._named.get(name)
        if found is None:
            raise BadSchema(f"unknown type {name!r}")
        return found

    def _declare(self, tree: dict[str, Any], space: str) -> tuple[Schema, str]:
        """The named type of `tree`, and the namespace inside it."""
        name = tree.get("name")
        if not isinstance(name, str) or not name:
            raise BadSchema("a type without a name")
        space = str(tree.get("namespace", space) or "")
        full = name if "." in name or not space else f"{space}.{name}"
        schema = self._named[full] = Schema(full)
        return schema, full.rpartition(".")[0]

    def _record(self, tree: dict[str, Any], space: str) -> Schema:
        schema, inside = self._declare(tree, space)
        fields = tree.get("fields")
        if not isinstance(fields, list) or not all(isinstance(f, dict) for f in fields):
            raise BadSchema(f"{schema.name} has no fields")
        parts = [(str(f.get("name")), self.compile(f.get("type"), inside)) for f in fields]

        def read(data: _Data, depth: int) -> Any:
            if depth > _DEPTH:
                raise BadMessage("the Avro data is nested too deeply")
            return {name: part.read(data, depth + 1) for name, part in parts}

        schema.read = read
        return schema

    def _enum(self, tree: dict[str, Any], space: str) -> Schema:
        schema, _ = self._declare(tree, space)
        symbols = [str(s) for s in tree.get("symbols") or ()]

        def read(data: _Data, depth: int) -> Any:
            index = data.number()
            if not 0 <= index < len(symbols):
                raise BadMessage(f"{schema.name} has no symbol {index}")
            return symbols[index]

        schema.read = read
        return schema

    def _fixed(self, tree: dict[str, Any], space: str) -> Schema:
        schema, _ = self._declare(tree, space)
        size = tree.get("size")
        if not isinstance(size, int) or size < 0:
            raise BadSchema(f"{schema.name} has no size")
        schema.read = lambda data, depth: data.take(size).decode("latin-1")
        return schema


def _primitive(name: str) -> Schema:
    schema = Schema(name)
    reads: dict[str, Read] = {
        "null": lambda data, depth: None,
        "boolean": lambda data, depth: data.take(1) != b"\0",
        "int": lambda data, depth: data.number(),
        "long": lambda data, depth: data.number(),
        "float": lambda data, depth: _real(struct.unpack("<f", data.take(4))[0]),
        "double": lambda data, depth: _real(struct.unpack("<d", data.take(8))[0]),
        "bytes": lambda data, depth: data.take(data.number()).decode("latin-1"),
        "string": lambda data, depth: data.take(data.number()).decode(),
    }
    schema.read = reads[name]
    return schema


def _real(value: float) -> float | None:
    """JSON has neither infinity nor NaN."""
    return value if math.isfinite(value) else None


def _union(branches: list[Schema]) -> Schema:
    schema = Schema("union")

    def read(data: _Data, depth: int) -> Any:
        index = data.number()
        if not 0 <= index < len(branches):
            raise BadMessage(f"the union has no branch {index}")
        branch = branches[index]
        value = branch.read(data, depth)
        return None if branch.name == "null" else {branch.name: value}

    schema.read = read
    return schema


def _array(items: Schema) -> Schema:
    schema = Schema("array")

    def read(data: _Data, depth: int) -> Any:
        if depth > _DEPTH:
            raise BadMessage("the Avro data is nested too deeply")
        found = []
        while count := data.count():
            found += [items.read(data, depth + 1) for _ in range(count)]
        return found

    schema.read = read
    return schema


def _map(values: Schema) -> Schema:
    schema, key = Schema("map"), _primitive("string")

    def read(data: _Data, depth: int) -> Any:
        if depth > _DEPTH:
            raise BadMessage("the Avro data is nested too deeply")
        found = {}
        while count := data.count():
            for _ in range(count):
                name = key.read(data, depth)
                found[name] = values.read(data, depth + 1)
        return found

    schema.read = read
    return schema
