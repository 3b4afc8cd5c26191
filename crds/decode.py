"""From plain JSON to the typed kinds and back.

`decode` reads an object as Go's decoder reads it for Argo: field names are case-sensitive, `null`
is absent, whole numbers may be written `2.0`, parameter values may be numbers or booleans. All
wrong types are found in one pass, and every unknown field is reported with its path. `encode` is
the way back: `decode(encode(x)) == x`, and with what was written, unknown fields too.
"""

from __future__ import annotations

import copy
import functools
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec

from crds import kubernetes, scalars
from crds.errors import CrdError, FieldError
from crds.scalars import Findings, Path
from crds.shape import Kubernetes, Scalar, Shape

S = TypeVar("S", bound=Shape)
Reader = Callable[[Any, Path, Findings], Any]


def decode(value: object, kind: type[S], *, fold: bool = False) -> tuple[S, list[str]]:
    """`value` as `kind`, and the paths of fields the kind does not have, in document order.

    `fold` also takes field names written in another case (what lint without `--strict` takes).
    Raises CrdError with every wrong type found. The given value is never changed, and the typed
    one shares nothing with it but raw JSON items.
    """
    findings = Findings(fold=fold)
    typed = _read(value, kind, findings)
    if findings.errors:
        raise CrdError(findings.errors)
    return typed, findings.unknown


def inspect(value: object, kind: type[Shape]) -> tuple[list[FieldError], list[str]]:
    """All wrong types and all unknown fields, without raising."""
    findings = Findings()
    _read(value, kind, findings)
    return findings.errors, findings.unknown


def _read(value: object, kind: type[Shape], findings: Findings) -> Any:
    try:
        return _shape(kind)(value, None, findings)
    except RecursionError:
        return findings.wrong(None, "less deeply nested", value, kind())


def encode(typed: Shape, written: object = None) -> dict[str, Any]:
    """The plain JSON of a typed object; what is absent or at its default is left out.

    `written`: what it was decoded from. Fields of it that the kind does not have are put back
    where they were, as far as that place still exists: nothing that a newer version knows is lost
    by reading, changing and writing an object.
    """
    plain: dict[str, Any] = msgspec.to_builtins(typed)
    if written is not None:
        findings = Findings()
        _read(written, type(typed), findings)
        for path in findings.unknown_at:
            _put_back(plain, written, scalars.steps(path))
    return plain


def _put_back(plain: Any, written: Any, steps: list[str | int]) -> None:
    *parents, last = steps
    for step in parents:
        written = written[step]
        if isinstance(plain, dict) and isinstance(step, str):
            # An object of which nothing else is known is left out as a default.
            plain = plain.setdefault(step, {}) if isinstance(written, dict) else plain.get(step)
        elif isinstance(plain, list) and isinstance(step, int) and step < len(plain):
            plain = plain[step]
        else:
            return
    if isinstance(plain, dict):
        plain.setdefault(last, copy.deepcopy(written[last]))


@functools.cache
def _shape(kind: type[Shape]) -> Reader:
    """The reader of one type. Field readers are made on first use: types may hold each other."""
    fields = functools.cache(lambda: _fields(kind))

    def read(value: Any, path: Path, findings: Findings) -> Any:
        if value is None:
            return kind()
        if not isinstance(value, dict):
            return findings.wrong(path, "an object", value, kind())
        readers = fields()
        found = {}
        for key, item in value.items():
            known = readers.get(key) or (_folded(readers, key) if findings.fold else None)
            if known is None:
                findings.unknown_field(path, key)
            elif item is not None:
                found[known[0]] = known[1](item, (path, key), findings)
        return kind(**found)

    return read


def _folded(readers: dict[str, tuple[str, Reader]], key: object) -> tuple[str, Reader] | None:
    wanted = str(key).lower()
    return next((known for name, known in readers.items() if name.lower() == wanted), None)


def _fields(kind: type[Shape]) -> dict[str, tuple[str, Reader]]:
    hints = typing.get_type_hints(kind, include_extras=True)
    names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    return {name: (attribute, _reader(hints[attribute])) for attribute, name in names}


@functools.cache
def _reader(hint: Any) -> Reader:
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return _marked(hint.__metadata__)
    if origin in (types.UnionType, typing.Union):
        [present] = [each for each in typing.get_args(hint) if each is not types.NoneType]
        return _reader(present)
    if origin is list:
        return scalars.list_of(_reader(typing.get_args(hint)[0]))
    if origin is dict:
        return scalars.map_of(_reader(typing.get_args(hint)[1]))
    if isinstance(hint, type) and issubclass(hint, Shape):
        return _shape(hint)
    return scalars.PLAIN.get(hint, _raw)


def _marked(marks: tuple[Any, ...]) -> Reader:
    for mark in marks:
        if isinstance(mark, Scalar):
            return scalars.MARKED[mark]
        if isinstance(mark, Kubernetes):
            return _kubernetes(mark.type)
    raise TypeError(f"no reader for {marks}")


@functools.cache
def _kubernetes(kind: str) -> Reader:
    """The reader of a Kubernetes type: the same JSON without unknown fields and nulls."""
    kind = kind.removesuffix("!")
    if kind.startswith("[]"):
        return scalars.list_of(_kubernetes(kind[2:]))
    if kind.startswith("{}"):
        return scalars.map_of(_kubernetes(kind[2:]))
    if kind in scalars.KUBERNETES:
        return scalars.KUBERNETES[kind]
    readers: dict[str, Reader] = {}

    def read(value: Any, path: Path, findings: Findings) -> Any:
        if value is None:
            return {}
        if not isinstance(value, dict):
            return findings.wrong(path, "an object", value, {})
        if not readers:
            readers.update({k: _kubernetes(v) for k, v in kubernetes.fields(kind).items()})
        found = {}
        for key, item in value.items():
            known = readers.get(key)
            if known is None:
                findings.unknown_field(path, key)
            elif item is not None:
                found[key] = known(item, (path, key), findings)
        return found

    return read


def _raw(value: Any, path: Path, findings: Findings) -> Any:
    return value
