"""String functions. Source: sprig `strings.go`, Masterminds/goutils, huandu/xstrings."""

from __future__ import annotations

import hashlib
import re
import zlib
from typing import Any

from lang import strconv
from lang.gotypes import StringMap, Strings
from lang.sprig import cases, casting, wrapping
from lang.sprig.registry import Table, bounded, fail, takes


def _trunc(count: int, text: str) -> str:
    data = text.encode(errors="replace")
    if count < 0 and len(data) + count > 0:
        return data[count:].decode(errors="replace")
    if 0 <= count < len(data):
        return data[:count].decode(errors="replace")
    return text


def _abbrev(width: int, text: str) -> str:
    if width < 4 or len(text) <= width:
        return text
    return text[: width - 3] + "..."


def _abbrev_both(left: int, right: int, text: str) -> str:
    if right < 4 or (left > 0 and right < 7) or len(text) <= right:
        return text
    left = min(left, len(text))
    if len(text) - left <= right - 3:
        return "..." + text[len(text) - (right - 3) :]
    if left <= 4:
        return text[: right - 3] + "..."
    if left + right - 3 < len(text):
        return "..." + _abbrev(right - 3, text[left:])
    return "..." + text[len(text) - (right - 3) :]


def _substr(start: int, end: int, text: str) -> str:
    data = text.encode(errors="replace")
    size = len(data)
    if start < 0:
        if end > size or end < 0:
            raise fail(f"runtime error: slice bounds out of range [:{end}] with length {size}")
        return data[:end].decode(errors="replace")
    if end < 0 or end > size:
        if start > size:
            raise fail(f"runtime error: slice bounds out of range [{start}:{size}]")
        return data[start:].decode(errors="replace")
    if start > end:
        raise fail(f"runtime error: slice bounds out of range [{start}:{end}]")
    return data[start:end].decode(errors="replace")


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
    return "".join(word[0] for word in text.split())


def _digest(name: str, text: str) -> str:
    return hashlib.new(name, text.encode(errors="replace"), usedforsecurity=False).hexdigest()


TABLE: Table = {
    "hello": takes("", lambda: "Hello!"),
    "upper": takes("s", str.upper),
    "lower": takes("s", str.lower),
    "title": takes("s", cases.title),
    "untitle": takes("s", cases.untitle),
    "swapcase": takes("s", cases.swap),
    "snakecase": takes("s", lambda text: cases.joined(text, "_")),
    "kebabcase": takes("s", lambda text: cases.joined(text, "-")),
    "camelcase": takes("s", cases.camel),
    "trim": takes("s", lambda text: text.strip(" \t\n\v\f\r\x85\xa0")),
    "trimAll": takes("ss", lambda cut, text: text.strip(cut) if cut else text),
    "trimall": takes("ss", lambda cut, text: text.strip(cut) if cut else text),
    "trimSuffix": takes("ss", lambda end, text: text.removesuffix(end)),
    "trimPrefix": takes("ss", lambda start, text: text.removeprefix(start)),
    "nospace": takes("s", lambda text: re.sub(r"\s+", "", text)),
    "initials": takes("s", _initials),
    "trunc": takes("is", _trunc),
    "abbrev": takes("is", _abbrev),
    "abbrevboth": takes("iis", _abbrev_both),
    "substr": takes("iis", _substr),
    "repeat": takes("is", _repeat),
    "replace": takes("sss", _replace),
    "wrap": takes("is", lambda width, text: wrapping.wrap(text, width, "\n", long_words=False)),
    "wrapWith": takes("iss", lambda width, mark, text: wrapping.wrap(text, width, mark or "\n")),
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
    "sortAlpha": takes("a", lambda value: Strings(sorted(casting.texts(value)))),
    "sha1sum": takes("s", lambda text: _digest("sha1", text)),
    "sha256sum": takes("s", lambda text: _digest("sha256", text)),
    "sha512sum": takes("s", lambda text: _digest("sha512", text)),
    "adler32sum": takes("s", lambda text: str(zlib.adler32(text.encode(errors="replace")))),
}
