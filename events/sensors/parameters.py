"""Trigger parameters: what is taken from the events (`src`), and where it is put (`dest`).

A value is only ever a value: it is set with sjson, once, never scanned again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from events.cloudevent import CloudEvent
from events.sensors.payload import Payload
from events.sensors.source_text import SourceText
from lang import gjson, gojson, gotemplate, sjson
from lang.errors import LangError

Events = Mapping[str, CloudEvent]
"""The events of a firing, by dependency name."""


class ParameterError(Exception):
    """A parameter could not be resolved or put in place: the firing fails."""


class Resolved(NamedTuple):
    """A value: its text, and its raw JSON when it is anything but text."""

    text: str
    type: str
    raw: str

    @property
    def is_text(self) -> bool:
        """Whether `useRawData` makes no difference."""
        return self.type == "String"


def _text(value: str) -> Resolved:
    return Resolved(value, "String", gojson.dumps(value))


def resolve(src: Mapping[str, Any], events: Events) -> Resolved | None:
    """The value of `src`; None when the dependency has no event and there is no default.

    Raises ParameterError.
    """
    name = str(src.get("dependencyName") or "")
    default = src.get("value")
    event = events.get(name)
    if event is None:
        return None if default is None else _text(str(default))
    try:
        if src.get("dataKey") or src.get("dataTemplate"):
            return _select(src, "data", Payload(event).as_json().source)
        if src.get("contextKey") or src.get("contextTemplate"):
            return _select(src, "context", SourceText(gojson.dumps(event.context())))
    except _Unresolved as error:
        if default is not None:
            return _text(str(default))
        what = f"unable to resolve '{name}' parameter value. err: {error}"
        raise ParameterError(what) from None
    except LangError as error:
        if default is not None:
            return _text(str(default))
        raise ParameterError(error.message) from None
    if default is not None:
        return _text(str(default))
    return _text(_whole(event))


class _Unresolved(Exception):
    """Neither template nor key gave a value."""


def _select(src: Mapping[str, Any], prefix: str, source: SourceText) -> Resolved:
    """The template's result, else the key's."""
    fault: str = "<nil>"
    if template := src.get(f"{prefix}Template"):
        try:
            rendered = gotemplate.compile(str(template)).render({"Input": source.floats})
            if rendered not in ("", "<no value>"):
                return _text(rendered)
            fault = f"template evaluated to empty string or no value: {template}"
        except LangError as error:
            fault = error.message
    if key := src.get(f"{prefix}Key"):
        found = source.find(str(key))
        if found.exists:
            text, raw = source.texts(found)
            return Resolved(text, found.type, raw)
    raise _Unresolved(fault)


def _whole(event: CloudEvent) -> str:
    """The event as text: attributes and the data as base64, keys as the reference orders them."""
    context = event.context()
    return gojson.dumps({"context": context, "data": base64.b64encode(event.data).decode()})


def apply(
    document: Any,
    parameters: Sequence[Mapping[str, Any]],
    events: Events,
    source: SourceText | None = None,
) -> Any:
    """A new document with every parameter put in place. Raises ParameterError.

    `source` is what `document` was parsed from, for those who append to how it was written.
    """
    for parameter in parameters or ():
        src = parameter.get("src")
        if src is None:
            raise ParameterError("src: is required")
        value = resolve(src, events)
        if value is None:
            continue
        dest, operation = str(parameter.get("dest") or ""), str(parameter.get("operation") or "")
        match operation:
            case "" | "overwrite":
                pass
            case "append" | "prepend":
                value = _joined(document, dest, value, operation, source)
            case _:
                raise ParameterError(f"unsupported trigger parameter operation: {operation}")
        document = _set(document, dest, value, raw=bool(src.get("useRawData")))
    return document


def _joined(
    document: Any, dest: str, value: Resolved, operation: str, source: SourceText | None
) -> Resolved:
    """The text at `dest` and the value, put together; the value alone where there is none."""
    current = gjson.get(document, dest)
    if not current.exists:
        return value
    text = current.string
    if source is not None and current.type == "JSON" and current.written is None:
        text = source.written(current.value)
    both = (text, value.text)
    return _text("".join(both if operation == "append" else both[::-1]))


def apply_text(text: str, parameters: Sequence[Mapping[str, Any]], events: Events) -> str:
    """As `apply`, on JSON text. Raises ParameterError, LangError."""
    source = SourceText(text or "null")  # an empty text: there is no document yet
    changed = apply(source.document, parameters, events, source)
    return gojson.dumps(changed) if text or changed is not None else ""


def apply_object(
    obj: Mapping[str, Any], parameters: Sequence[Mapping[str, Any]], events: Events
) -> dict[str, Any]:
    """As `apply`, for an object that goes to an API: plain JSON values only."""
    if not parameters:
        return dict(obj)
    changed = apply(dict(obj), parameters, events)
    plain: dict[str, Any] = json.loads(gojson.dumps(changed))
    return plain


def _set(document: Any, dest: str, value: Resolved, *, raw: bool) -> Any:
    if not dest:
        raise ParameterError("path cannot be empty")
    try:
        if raw and not value.is_text:
            return sjson.set_raw(document, dest, value.raw)
        return sjson.set(document, dest, value.text)
    except LangError as error:
        raise ParameterError(error.message) from None


def payload(parameters: Sequence[Mapping[str, Any]], events: Events) -> str:
    """The body that a trigger's `payload` makes, as JSON text (or bare text for an empty dest).

    Raises ParameterError.
    """
    document: Any = None  # no document yet: the first dest decides what it is
    for position, parameter in enumerate(parameters or ()):
        src = parameter.get("src")
        if src is None:
            raise ParameterError(f"payload[{position}].src: is required")
        value = resolve(src, events)
        dest = str(parameter.get("dest") or "")
        raw = bool(src.get("useRawData"))
        if value is None:
            continue
        if not dest:
            return value.text
        document = _set(document, dest, value, raw=raw)
    return "" if document is None else gojson.dumps(document)
