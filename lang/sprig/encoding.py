"""JSON and base64/base32. Source: sprig `defaults.go`, `strings.go`."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from lang import gojson, gotime, gotypes, strconv, treesize
from lang.errors import LangError
from lang.gotypes import Duration
from lang.sprig import basecodes
from lang.sprig.registry import Table, bounded, fail, takes


def _plain(value: Any) -> Any:
    if gotypes.is_nil(value):
        return None
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case bool():
            return value
        case float():
            if value != value or abs(value) == float("inf"):
                raise fail(f"json: unsupported value: {strconv.format_float(value)}")
            return gojson.RawFloat(strconv.format_float_json(value))
        case Duration():
            return value.nanoseconds
        case datetime():
            return gotime.format(value, "2006-01-02T15:04:05.999999999Z07:00")
        case None | int() | str():
            return value
        case _:
            return str(value)


def _compact(value: Any) -> str:
    treesize.check(value)
    text = gojson.marshal(_plain(value))
    bounded(len(text))
    return text


def _raw(value: Any) -> str:
    treesize.check(value)
    text = gojson.dumps(_plain(value), sort_keys=True)
    bounded(len(text))
    return text


def _pretty(value: Any) -> str:
    treesize.check(value)
    tree = _whole_numbers(value)
    text = gojson.escape_html(json.dumps(tree, indent=2, ensure_ascii=False, sort_keys=True))
    bounded(len(text))
    return text


def _whole_numbers(value: Any) -> Any:
    if gotypes.is_nil(value):
        return None
    match _plain(value) if isinstance(value, float) else value:
        case dict():
            return {str(key): _whole_numbers(item) for key, item in value.items()}
        case list():
            return [_whole_numbers(item) for item in value]
        case float():
            number = float(value)
            return int(number) if number.is_integer() and abs(number) < 1e21 else number
        case _:
            return _plain(value)


def _parse(text: str) -> Any:
    return gojson.plain_floats(gojson.parse(text))


def _from_json(text: str) -> Any:
    try:
        return _parse(text)
    except LangError:
        return None


TABLE: Table = {
    **dict.fromkeys(("toJson", "mustToJson"), takes("a", _compact)),
    **dict.fromkeys(("toRawJson", "mustToRawJson"), takes("a", _raw)),
    **dict.fromkeys(("toPrettyJson", "mustToPrettyJson"), takes("a", _pretty)),
    "fromJson": takes("s", _from_json, pace=4),
    "mustFromJson": takes("s", _parse, pace=4),
    "b64enc": takes("s", lambda text: base64.b64encode(text.encode(errors="replace")).decode()),
    "b64dec": takes("s", basecodes.decode_64, pace=8),
    "b32enc": takes("s", lambda text: base64.b32encode(text.encode(errors="replace")).decode()),
    "b32dec": takes("s", basecodes.decode_32, pace=8),
}
