"""String functions. Source: sprig `strings.go`, Masterminds/goutils, huandu/xstrings."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

from lang import strconv
from lang.gotypes import StringMap, Strings
from lang.sprig import cases, casting, wrapping
from lang.sprig.registry import Table, bounded, fail, takes


def _trunc(count: int, text: str) -> str:
    data = text.encode(errors="replace")
    if count < 0 and len(data) + count > 0:
        return casting.decoded(data[count:])
    if 0 <= count < len(data):
        return casting.decoded(data[:count])
    return text


def _abbrev(width: int, text: str) -> str:
    return _abbreviated(0, width, text) if width >= 4 else text


def _abbrev_both(left: int, right: int, text: str) -> str:
    if right < 4 or (left > 0 and right < 7):
        return text
    return _abbreviated(left, right, text)


def _abbreviated(offset: int, width: int, text: str) -> str:
    """At most `width` bytes; what is left out in front of `offset`, too, becomes dots."""
    data = text.encode(errors="replace")
    size, room = len(data), width - 3
    if size <= width:
        return text
    offset = min(offset, size)
    if size - offset < room:
        offset = size - room
    if offset <= 4:
        return casting.decoded(data[:room]) + "..."
    if offset + room < size:
        inner = casting.decoded(data[offset:])
        return "..." + (_abbreviated(0, room, inner) if room >= 4 else "")
    return "..." + casting.decoded(data[size - room :])


def _substr(start: int, end: int, text: str) -> str:
    data = text.encode(errors="replace")
    size = len(data)
    if start < 0:
        if end > size or end < 0:
            known = f" with length {size}" if end > 0 else ""
            raise fail(f"runtime error: slice bounds out of range [:{end}]{known}")
        return casting.decoded(data[:end])
    if end < 0 or end > size:
        if start > size:
            raise fail(f"runtime error: slice bounds out of range [{start}:{size}]")
        return casting.decoded(data[start:])
    if start > end:
        raise fail(f"runtime error: slice bounds out of range [{start}:{end}]")
    return casting.decoded(data[start:end])


def _repeat(count: int, text: str) -> str:
    if count < 0:
        raise fail("strings: negative Repeat count")
    bounded(count * len(text))
    return text * count


def _replace(old: str, new: str, text: str) -> str:
    bounded(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _indent(spaces: int, text: str) -> str:
    pad = _repeat(spaces, " ")
    return pad + _replace("\n", "\n" + pad, text)


def _quote(*values: Any) -> str:
    return " ".join(strconv.quote(casting.text(each)) for each in values if each is not None)


def _squote(*values: Any) -> str:
    return " ".join(f"'{casting.text(each)}'" for each in values if each is not None)


def _cat(*values: Any) -> str:
    return " ".join(casting.text(each) for each in values if each is not None)


def _split(separator: str, text: str) -> StringMap:
    return _numbered(_parts(separator, text))


def _splitn(separator: str, count: int, text: str) -> StringMap:
    if count == 0:
        return StringMap()
    parts = _parts(separator, text)
    if 0 < count < len(parts):
        parts = [*parts[: count - 1], separator.join(parts[count - 1 :])]
    return _numbered(parts)


def _parts(separator: str, text: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _numbered(parts: list[str]) -> StringMap:
    return StringMap({f"_{index}": part for index, part in enumerate(parts)})


def _join(separator: str, values: Any) -> str:
    parts = casting.texts(values)
    bounded(sum(map(len, parts)) + len(parts) * len(separator))
    return separator.join(parts)


def _initials(text: str) -> str:
    """The first byte of each word, as goutils takes it."""
    data = text.encode(errors="replace").decode("latin-1")
    return "".join(
        now
        for before, now in zip(" " + data, data, strict=False)
        if _is_space(before) and not _is_space(now)
    )


def _nospace(text: str) -> str:
    """Without blanks; what is beyond ASCII goes byte by byte, as goutils does."""
    data = text.encode(errors="replace").decode("latin-1")
    kept = "".join(character for character in data if not _is_space(character))
    return text if len(kept) == len(data) else kept


def _is_space(character: str) -> bool:
    return character in " \t\n\v\f\r\x85\xa0"


def _sorted(value: Any) -> Strings:
    return Strings(sorted(casting.texts(value) if value is not None else ["<nil>"]))


def _digest(name: str, text: str) -> str:
    return hashlib.new(name, text.encode(errors="replace"), usedforsecurity=False).hexdigest()


TABLE: Table = {
    "hello": takes("", lambda: "Hello!"),
    "upper": takes("s", cases.upper, pace=2),
    "lower": takes("s", cases.lower, pace=2),
    "title": takes("s", cases.title, pace=2),
    "untitle": takes("s", cases.untitle, pace=2),
    "swapcase": takes("s", cases.swap, pace=2),
    "snakecase": takes("s", lambda text: cases.joined(text, "_"), pace=2),
    "kebabcase": takes("s", lambda text: cases.joined(text, "-"), pace=2),
    "camelcase": takes("s", cases.camel, pace=2),
    "trim": takes("s", lambda text: text.strip(" \t\n\v\f\r\x85\xa0")),
    "trimAll": takes("ss", lambda cut, text: text.strip(cut) if cut else text),
    "trimall": takes("ss", lambda cut, text: text.strip(cut) if cut else text),
    "trimSuffix": takes("ss", lambda end, text: text.removesuffix(end)),
    "trimPrefix": takes("ss", lambda start, text: text.removeprefix(start)),
    "nospace": takes("s", _nospace, pace=2),
    "initials": takes("s", _initials, pace=2),
    "trunc": takes("is", _trunc),
    "abbrev": takes("is", _abbrev),
    "abbrevboth": takes("iis", _abbrev_both),
    "substr": takes("iis", _substr),
    "repeat": takes("is", _repeat),
    "replace": takes("sss", _replace),
    "wrap": takes(
        "is", lambda width, text: wrapping.wrap(text, width, "\n", long_words=False), pace=8
    ),
    "wrapWith": takes(
        "iss", lambda width, mark, text: wrapping.wrap(text, width, mark or "\n"), pace=8
    ),
    "contains": takes("ss", lambda part, text: part in text),
    "hasPrefix": takes("ss", lambda start, text: text.startswith(start)),
    "hasSuffix": takes("ss", lambda end, text: text.endswith(end)),
    "quote": takes("a*", _quote),
    "squote": takes("a*", _squote),
    "cat": takes("a*", _cat),
    "indent": takes("is", _indent),
    "nindent": takes("is", lambda spaces, text: "\n" + _indent(spaces, text)),
    "plural": takes("ssi", lambda one, many, count: one if count == 1 else many),
    "toString": takes("a", casting.text),
    "toStrings": takes("a", lambda value: Strings(casting.texts(value))),
    "split": takes("ss", _split),
    "splitList": takes("ss", lambda mark, text: Strings(_parts(mark, text))),
    "splitn": takes("sis", _splitn),
    "join": takes("sa", _join),
    "sortAlpha": takes("a", lambda value: _sorted(value)),
    "sha1sum": takes("s", lambda text: _digest("sha1", text)),
    "sha256sum": takes("s", lambda text: _digest("sha256", text)),
    "sha512sum": takes("s", lambda text: _digest("sha512", text)),
    "adler32sum": takes("s", lambda text: str(zlib.adler32(text.encode(errors="replace")))),
}
