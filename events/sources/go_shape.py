"""JSON as it comes out of a typed Go program: the members of a struct, in its order, zeros too.

Some payloads of the reference went through such types, so that Sensors read `""` or `null` where
the provider sent nothing. A shape says how; values keep their text. Called by the sources whose
payload the reference types.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import msgspec

from events.sources import http_body

_T = TypeVar("_T")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


class BadShape(ValueError):
    """A value of another type than the shape has; the message names the member."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar, or anything: `zero` when absent; `first` are the bytes it may begin with.
    `is_needed`: it must be there, if only as null."""

    zero: bytes
    first: bytes = b""
    kind: str = ""
    is_needed: bool = False


@dataclass(frozen=True, slots=True)
class Struct:
    """An object. A name that ends in `?` is left out while zero. `open`: members that are not
    named here are kept, at the end."""

    members: dict[str, Shape]
    open: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """An object of any names, each with `of`; `zero` when absent."""

    of: Shape
    zero: bytes = b"null"


@dataclass(frozen=True, slots=True)
class Pointer:
    """`of`, or `zero` when absent."""

    of: Shape
    zero: bytes = b"null"


@dataclass(frozen=True, slots=True)
class Many:
    """An array of `of`; `zero` when absent."""

    of: Shape
    zero: bytes = b"null"


Shape: TypeAlias = Leaf | Struct | Named | Pointer | Many

TEXT = Leaf(b'""', b'"', "string")
NUMBER = Leaf(b"0", b"-0123456789", "number")
FLAG = Leaf(b"false", b"tf", "bool")
ANY = Leaf(b"null")


def shaped(raw: bytes, shape: Shape, path: str = "") -> bytes:
    """`raw` (valid JSON text; empty for nothing) in `shape`. Raises BadShape."""
    raw = raw.strip()
    if raw == b"null":
        raw = b""
    match shape:
        case Leaf():
            return _leaf(raw, shape, path)
        case Pointer():
            return shaped(raw, shape.of, path) if raw else shape.zero
        case Many():
            if not raw:
                return shape.zero
            found = [shaped(bytes(item), shape.of, path) for item in _read(_elements, raw, path)]
            return b"[%b]" % b",".join(found)
        case Named():
            if not raw:
                return shape.zero
            members = _read(_members, raw, path).items()
            pairs = ((http_body.quoted(k), shaped(bytes(v), shape.of, path)) for k, v in members)
            return b"{%b}" % b",".join(b"%b:%b" % pair for pair in sorted(pairs))
        case Struct():
            return _struct(raw, shape, path)


def _leaf(raw: bytes, shape: Leaf, path: str) -> bytes:
    if not raw:
        return shape.zero
    if shape.first and raw[:1] not in {shape.first[i : i + 1] for i in range(len(shape.first))}:
        raise BadShape(f"{path}: is no {shape.kind}")
    return http_body.compact(raw)


def _struct(raw: bytes, shape: Struct, path: str) -> bytes:
    given = dict(_read(_members, raw, path)) if raw else {}
    _fold(given, shape)
    parts = []
    for name, of in shape.members.items():
        key = name.removesuffix("?")
        if key not in given and isinstance(of, Leaf) and of.is_needed:
            raise BadShape(f"{path}.{key}: is missing")
        text = shaped(bytes(given.pop(key, b"")), of, f"{path}.{key}" if path else key)
        if name == key or text not in (b'""', b"0", b"false", b"null", b"[]"):
            parts.append(b'"%b":%b' % (key.encode(), text))
    if shape.open:
        rest = ((http_body.quoted(k), http_body.compact(bytes(v))) for k, v in given.items())
        parts += [b"%b:%b" % pair for pair in rest]
    return b"{%b}" % b",".join(parts)


def _fold(given: dict[str, msgspec.Raw], shape: Struct) -> None:
    """Give members that are written in another case their own name, as Go finds them."""
    known = {name.removesuffix("?") for name in shape.members}
    if given.keys() <= known:
        return
    by_case = {name.lower(): name for name in known}
    for name in list(given):
        if name not in known and (own := by_case.get(name.lower())) is not None:
            given[own] = given.pop(name)


def _read(read: Callable[[bytes], _T], raw: bytes, path: str) -> _T:
    try:
        return read(raw)
    except msgspec.MsgspecError:
        raise BadShape(f"{path or 'the value'}: has another type") from None
