"""Setting by path in JSON text: what is not touched keeps its blanks, order and equal keys.

Owns the splicing; paths are `sjson`'s. Broken documents are taken as far as they can be read.
Caller: whoever must give back the text it was given.
"""

from __future__ import annotations

from collections.abc import Iterator

from lang import gjson_text, gojson, sjson, sjson_places
from lang.errors import ErrorKind, LangError
from lang.sjson import Part

_BLANKS = " \t\r\n"


def set(text: str, path: str, value: str) -> str:
    """The document with a string at `path`. `text` "": there is none yet. Raises LangError."""
    return set_raw(text, path, _quoted(value))


def set_raw(text: str, path: str, json_text: str) -> str:
    """The document with JSON text at `path`, put in as it is. Raises LangError."""
    parts, query = sjson.parse(path)
    if query:
        return _set_matches(text, path, json_text)
    return _put(text, parts, json_text)


def _quoted(value: str) -> str:
    text = gojson.dumps(value)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _put(text: str, parts: list[Part], raw: str) -> str:
    if not parts:
        return raw
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] == "{":
        return _in_object(text, start, parts, raw)
    if text[start : start + 1] == "[":
        return _in_array(text, start, parts, raw)
    return _built(parts, raw, instead=True)


def _in_object(text: str, start: int, parts: list[Part], raw: str) -> str:
    key, rest = parts[0].text, parts[1:]
    for name, low, high in _members(text, start):
        if name == key:
            return text[:low] + _put(text[low:high], rest, raw) + text[high:]
    end = text.rfind("}")
    if end < start:
        raise LangError(ErrorKind.SYNTAX, "unexpected end of JSON input", len(text))
    body = text[start:end]
    comma = "," if body[1:].strip() else ""
    return body + comma + _quoted(key) + ":" + _built(rest, raw) + "}"


def _in_array(text: str, start: int, parts: list[Part], raw: str) -> str:
    part, rest = parts[0], parts[1:]
    spans = [(low, high) for _, low, high in _members(text, start)]
    index = sjson.item_index(part, len(spans))
    if 0 <= index < len(spans):
        low, high = spans[index]
        return text[:low] + _put(text[low:high], rest, raw) + text[high:]
    end = text.rfind("]")
    if end < start:
        raise LangError(ErrorKind.SYNTAX, "unexpected end of JSON input", len(text))
    items, comma = text[start + 1 : end], "," if spans else ""
    if part.text != "-1":  # then the reference writes the items anew, without blanks
        items = ",".join(text[low:high] for low, high in spans)
    missing = 0 if index < 0 else sjson.padding(index, len(spans))
    return text[:start] + "[" + items + comma + "null," * missing + _built(rest, raw) + "]"


def _built(parts: list[Part], raw: str, *, instead: bool = False) -> str:
    """A new value around `raw`: lists for indexes, else objects (so, too, for -1 on a scalar)."""
    if not parts:
        return raw
    part, inner = parts[0], _built(parts[1:], raw)
    index = sjson.index_of(part)
    if index is None or (instead and index < 0):
        return "{" + _quoted(part.text) + ":" + inner + "}"
    return "[" + "null," * sjson.padding(max(index, 0), 0) + inner + "]"


def _members(text: str, start: int) -> Iterator[tuple[str | None, int, int]]:
    """Key (None in arrays) and span of every member of the container at `start`."""
    reader = gjson_text.Reader(text, start + 1)
    closing = "}" if text[start] == "{" else "]"
    while reader.skip_to_member(closing):
        key = str(reader.string()) if closing == "}" else None
        if closing == "}" and not reader.skip_to_value():
            return
        low = reader.at
        reader.value()
        yield key, low, reader.at


def _set_matches(text: str, path: str, raw: str) -> str:
    """Replace what gjson finds; a path through `|` or a modifier finds no place to write to."""
    for place in sjson_places.find(gjson_text.parse(text).value, path):
        text = _spliced(text, place, raw)
    return text


def _spliced(text: str, place: sjson_places.Place, raw: str) -> str:
    """The text with `raw` instead of what stands at a place that it has."""
    if not place:
        return raw
    start = len(text) - len(text.lstrip())
    for index, (key, low, high) in enumerate(_members(text, start)):
        if place[0] in (key, index):
            return text[:low] + _spliced(text[low:high], place[1:], raw) + text[high:]
    return text
