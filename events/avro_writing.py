"""JSON values as Avro binary data, for a schema's JSON: the other way of `events.sources.avro`.

A union's value is `{"type": value}` unless it is null, as in Avro's own JSON encoding; a field that
is missing takes its default. Semantics: Apache Avro 1.11. Called by the kafka trigger.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

_DEPTH = 100
_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_RANGES = {"int": 1 << 31, "long": 1 << 63}


class BadValue(ValueError):
    """The value does not fit the schema, or the schema is none; the message begins with where."""


def from_json(schema: Any, value: Any) -> bytes:
    """`value` in binary. Raises BadValue."""
    writer = _Writer()
    try:
        writer.write(schema, value, "", "value")
    except (AttributeError, KeyError, TypeError):
        raise BadValue("value: the schema is no Avro schema") from None
    return b"".join(writer.parts)


class _Writer:
    """The parts so far, and the named types of the schema."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._named: dict[str, tuple[Any, str]] = {}
        self._depth = 0

    def write(self, schema: Any, value: Any, space: str, at: str) -> None:
        """Append `value`; `space` is the namespace names are looked up in."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise BadValue(f"{at}: nested too deeply")
        if isinstance(schema, list):
            self._union(schema, value, space, at)
        elif isinstance(schema, dict):
            self._complex(schema, value, space, at)
        elif not self._primitive(str(schema), value, at):
            known = self._named.get(_full(str(schema), space)) or self._named.get(str(schema))
            if known is None:
                raise BadValue(f"{at}: unknown type {str(schema)!r}")
            self._complex(known[0], value, known[1], at)
        self._depth -= 1

    def _number(self, value: int) -> None:
        """Variable-length zig-zag."""
        left = (value << 1) ^ (value >> 63)
        out = bytearray()
        while left > 0x7F:
            out.append(left & 0x7F | 0x80)
            left >>= 7
        out.append(left)
        self.parts.append(bytes(out))

    def _bytes(self, raw: bytes) -> None:
        self._number(len(raw))
        self.parts.append(raw)

    def _primitive(self, kind: str, value: Any, at: str) -> bool:
        """False when `kind` is no primitive type."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        match kind:
            case "null":
                fits = value is None
            case "boolean":
                fits = isinstance(value, bool)
                self.parts.append(b"\1" if value is True else b"\0")
            case "int" | "long":
                most = _RANGES[kind]
                fits = is_number and value == int(value) and -most <= value < most
                if fits:
                    self._number(int(value))
            case "float" | "double":
                fits = is_number
                if fits:
                    self._real("<f" if kind == "float" else "<d", value, at)
            case "string":
                fits = isinstance(value, str)
                self._bytes(_text(value, at) if fits else b"")
            case "bytes":
                fits = isinstance(value, str)
                self._bytes(_latin(value, at) if fits else b"")
            case _:
                return False
        if not fits:
            raise BadValue(f"{at}: is no {kind}")
        return True

    def _real(self, form: str, value: float, at: str) -> None:
        try:
            self.parts.append(struct.pack(form, value))
        except OverflowError:
            raise BadValue(f"{at}: is too large") from None

    def _complex(self, schema: Mapping[str, Any], value: Any, space: str, at: str) -> None:
        kind = schema.get("type")
        match kind:
            case "record" | "error":
                self._record(schema, value, self._declare(schema, space), at)
            case "enum":
                self._declare(schema, space)
                symbols = list(schema.get("symbols") or ())
                if value not in symbols:
                    raise BadValue(f"{at}: is none of {', '.join(map(str, symbols))}")
                self._number(symbols.index(value))
            case "fixed":
                self._declare(schema, space)
                raw = _latin(value, at) if isinstance(value, str) else b""
                if len(raw) != schema.get("size"):
                    raise BadValue(f"{at}: is not {schema.get('size')} bytes long")
                self.parts.append(raw)
            case "array":
                self._array(schema.get("items"), value, space, at)
            case "map":
                self._map(schema.get("values"), value, space, at)
            case _:
                self.write(kind, value, space, at)  # {"type": "long", "logicalType": …}

    def _declare(self, schema: Mapping[str, Any], space: str) -> str:
        """Remember a named type; the namespace inside it."""
        full = _full(str(schema.get("name")), str(schema.get("namespace") or space))
        self._named[full] = (schema, space)
        return full.rpartition(".")[0]

    def _record(self, schema: Mapping[str, Any], value: Any, inside: str, at: str) -> None:
        if not isinstance(value, dict):
            raise BadValue(f"{at}: is no object")
        fields = schema.get("fields") or []
        unknown = value.keys() - {field.get("name") for field in fields}
        if unknown:
            raise BadValue(f"{at}.{min(unknown)}: is no field of {schema.get('name')}")
        for field in fields:
            name, kind = field["name"], field.get("type")
            if name in value:
                self.write(kind, value[name], inside, f"{at}.{name}")
            elif "default" not in field:
                raise BadValue(f"{at}.{name}: is required")
            else:  # the default of a union is one of its first branch
                first = kind[0] if isinstance(kind, list) else kind
                if isinstance(kind, list):
                    self._number(0)
                self.write(first, field["default"], inside, f"{at}.{name}")

    def _union(self, branches: list[Any], value: Any, space: str, at: str) -> None:
        names = [_name(branch, space) for branch in branches]
        if value is None:
            wanted, inner = "null", None
        elif isinstance(value, dict) and len(value) == 1:
            [(wanted, inner)] = value.items()
        else:
            raise BadValue(f'{at}: a union wants null or {{"type": value}}')
        for number, name in enumerate(names):
            if wanted in (name, name.rpartition(".")[2]):
                self._number(number)
                self.write(branches[number], inner, space, at)
                return
        raise BadValue(f"{at}: {wanted!r} is none of {', '.join(names)}")

    def _array(self, items: Any, value: Any, space: str, at: str) -> None:
        if not isinstance(value, list):
            raise BadValue(f"{at}: is no list")
        if value:
            self._number(len(value))
        for number, item in enumerate(value):
            self.write(items, item, space, f"{at}[{number}]")
        self._number(0)

    def _map(self, values: Any, value: Any, space: str, at: str) -> None:
        if not isinstance(value, dict):
            raise BadValue(f"{at}: is no object")
        if value:
            self._number(len(value))
        for name, item in value.items():
            self._bytes(_text(name, at))
            self.write(values, item, space, f"{at}.{name}")
        self._number(0)


def _full(name: str, space: str) -> str:
    return name if "." in name or not space else f"{space}.{name}"


def _name(branch: Any, space: str) -> str:
    """What a union calls its values of this branch."""
    if not isinstance(branch, dict):
        return str(branch) if branch in _PRIMITIVES else _full(str(branch), space)
    if "name" in branch:
        return _full(str(branch["name"]), str(branch.get("namespace") or space))
    return str(branch.get("type"))


def _text(value: str, at: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise BadValue(f"{at}: is no Unicode text") from None


def _latin(value: str, at: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise BadValue(f"{at}: bytes are code points below 256") from None
