"""jq and Lua over an event's data: transforms and script filters.

The languages live in `lang.jq` and `lang.lua`, which need the `scripts` extra; without it a
Sensor that uses them gets a condition that names the extra.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from events.cloudevent import JSON, CloudEvent
from events.sensors.payload import Payload
from lang import gojson, jq, lua
from lang.errors import ErrorKind, LangError


def _object(payload: Payload) -> dict[str, Any] | None:
    """The data as an object. Raises LangError with Go's words."""
    value = gojson.parse(payload.text)
    if value is not None and not isinstance(value, dict):
        kind = gojson.type_name(value)
        what = f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        raise LangError(ErrorKind.TYPE, what)
    return value


def lua_filter(script: str, payload: Payload) -> bool:
    """Whether the script's last value is true. Raises LangError."""
    if not payload.event.data:
        return True
    return bool(lua.filter(script, _object(payload)))


def transform(spec: Mapping[str, Any] | None, event: CloudEvent) -> CloudEvent:
    """`event` with its data changed by `jq` or else `script`. Raises LangError."""
    if not spec:
        return event
    program, script = spec.get("jq") or "", spec.get("script") or ""
    if not program and not script:
        return event
    value = _object(Payload(event))
    changed = jq.transform(program, value) if program else lua.transform(script, value)
    data = changed.encode() if isinstance(changed, str) else gojson.marshal(changed).encode()
    return msgspec.structs.replace(event, data=data, datacontenttype=JSON)
