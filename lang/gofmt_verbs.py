"""One verb of Go's fmt over one value: flags, width, precision, and what a wrong verb prints.

Owns `Verb`, a parsed `%+08.3f`, and how it prints each type. Never fails: a verb that does not fit
is noted in the text as Go does, `%!d(string=x)`. Source: Go `fmt/print.go`, `fmt/format.go`.
Caller: `lang.gofmt`, which owns plain `%v` and the layout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lang import gofmt_floats, gotime, gotypes, strconv

_MAX_RUNE = 0x10FFFF
_BASES = {"b": (2, "b", "0b"), "o": (8, "o", ""), "O": (8, "o", ""), "d": (10, "d", ""),
          "v": (10, "d", ""), "x": (16, "x", "0x"), "X": (16, "X", "0X")}  # fmt: skip
_STRINGER_VERBS = frozenset("vsxXq")
# Where a slice or map lies is nobody's business and would differ from run to run.
_ADDRESS = "0xc000000000"


@dataclass(slots=True)
class Verb:
    """A verb with its flags. `go_syntax` is `%#v`."""

    letter: str
    flags: str = ""
    width: int | None = None
    precision: int | None = None
    go_syntax: bool = False

    def show(self, value: Any) -> str:
        """The value's text."""
        if value is None:
            return self.pad("<nil>") if self.letter in "Tv" else self._wrong(value)
        if self.letter == "w":  # wraps an error, which only another function of Go's can
            return self._wrong(value)
        if self.letter == "T":
            return self._string(gotypes.name(value), "s")
        if self.letter == "p":
            return self._pointer(value)
        return self._value(value, 0)

    def has(self, flag: str) -> bool:
        return flag in self.flags

    @property
    def _zeros(self) -> bool:
        return self.has("0") and not self.has("-")

    # -- padding ----------------------------------------------------------------------------

    def pad(self, text: str, *, zeros: bool = True) -> str:
        """The text in its width, which counts characters."""
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            return text
        if self.has("-"):
            return text + " " * missing
        return ("0" if zeros and self._zeros else " ") * missing + text

    # -- values -----------------------------------------------------------------------------

    def _value(self, value: Any, depth: int) -> str:
        if value is None:
            return "interface {}(nil)" if self.go_syntax else "<nil>"
        known = _BY_TYPE.get(type(value))
        if known is not None:
            return known(self, value)
        if isinstance(value, dict):
            return self._map(value, depth)
        if isinstance(value, list):
            return self._slice(value, depth)
        if isinstance(value, bytes):
            return self._slice(list(value), depth)
        return self._named(value)

    def _named(self, value: Any) -> str:
        """A type of its own: its text for the verbs of strings, what it is made of otherwise."""
        if isinstance(value, datetime):
            if self.go_syntax:
                return gotime.go_string(value)
            return self._string(gotime.string(value), self.letter) if self._texts else "{}"
        printed = any("__str__" in vars(kind) for kind in type(value).__mro__[:-2])
        if printed and self._texts and not self.go_syntax:
            return self._string(str(value), self.letter)
        number = getattr(value, "nanoseconds", value)
        if isinstance(number, int):
            return self._int(int(number), value)
        if isinstance(value, str):
            return self._text(value)
        return self._wrong(value) if not self._texts else self._string(str(value), self.letter)

    @property
    def _texts(self) -> bool:
        return self.letter in _STRINGER_VERBS

    def _slice(self, items: list[Any], depth: int) -> str:
        shown = [self._value(item, depth + 1) for item in items]
        if not self.go_syntax:
            return "[" + " ".join(shown) + "]"
        if gotypes.is_nil(items):
            return gotypes.name(items) + "(nil)"
        return gotypes.name(items) + "{" + ", ".join(shown) + "}"

    def _map(self, table: dict[Any, Any], depth: int) -> str:
        pairs = sorted(table.items(), key=lambda pair: str(pair[0]))
        shown = [
            f"{self._value(key, depth + 1)}:{self._value(item, depth + 1)}" for key, item in pairs
        ]
        if not self.go_syntax:
            return "map[" + " ".join(shown) + "]"
        if gotypes.is_nil(table):
            return gotypes.name(table) + "(nil)"
        return gotypes.name(table) + "{" + ", ".join(shown) + "}"

    def _wrong(self, value: Any) -> str:
        if value is None:
            return f"%!{self.letter}(<nil>)"
        shown = Verb("v", self.flags, self.width, self.precision, self.go_syntax)._value(value, 0)
        return f"%!{self.letter}({gotypes.name(value)}={shown})"

    def _pointer(self, value: Any) -> str:
        if isinstance(value, (list, dict, bytes)):
            return self.pad("0x0" if gotypes.is_nil(value) else _ADDRESS)
        return self._wrong(value)

    # -- scalars ----------------------------------------------------------------------------

    def _bool(self, value: bool) -> str:
        if self.letter not in "tv":
            return self._wrong(value)
        return self.pad("true" if value else "false")

    def _text(self, value: str) -> str:
        if self.letter not in _STRINGER_VERBS:
            return self._wrong(value)
        return self._string(value, "q" if self.go_syntax else self.letter)

    def _string(self, text: str, letter: str) -> str:
        if letter in "xX":
            return self._bytes(text.encode(errors="replace"))
        if self.precision is not None:
            text = text[: self.precision]
        if letter == "q":
            return self.pad(self._quoted(text))
        return self.pad(text)

    def _quoted(self, text: str) -> str:
        if self.has("#") and _can_backquote(text):
            return f"`{text}`"
        return _ascii(strconv.quote(text)) if self.has("+") else strconv.quote(text)

    def _bytes(self, data: bytes) -> str:
        if self.precision is not None:
            data = data[: self.precision]
        if not data:
            return self.pad("")
        prefix = "0" + self.letter if self.has("#") else ""
        digits = (f"{byte:02{self.letter}}" for byte in data)
        if self.has(" "):
            return self.pad(" ".join(prefix + pair for pair in digits))
        return self.pad(prefix + "".join(digits))

    def _plain_int(self, value: int) -> str:
        return self._int(value, value)

    def _int(self, value: int, shown: Any) -> str:
        match self.letter:
            case "c":
                return self.pad(_rune(value))
            case "q":
                return self.pad(self._quoted_rune(value))
            case "U":
                return self.pad(self._unicode(value), zeros=False)
            case letter if letter in _BASES:
                return self._digits(value)
            case _:
                return self._wrong(shown)

    def _digits(self, value: int) -> str:
        base, letter, prefix = _BASES[self.letter]
        least = self.precision or 0
        if self.precision == 0 and value == 0:
            return self.pad("", zeros=False)
        signed = value < 0 or self.has("+") or self.has(" ")
        if self.precision is None and self._zeros and self.width is not None:
            least = self.width - signed
        text = f"{abs(value):{letter}}".rjust(least, "0")
        if self.has("#"):
            text = "0" + text if base == 8 and text[0] != "0" else prefix + text
        text = "0o" + text if self.letter == "O" else text
        return self.pad(self._sign(value < 0) + text, zeros=False)

    def _sign(self, negative: bool) -> str:
        if negative:
            return "-"
        return "+" if self.has("+") else " " if self.has(" ") else ""

    def _quoted_rune(self, value: int) -> str:
        text = strconv.quote(_rune(value))[1:-1].replace('\\"', '"').replace("'", "\\'")
        return "'" + (_ascii(text) if self.has("+") else text) + "'"

    def _unicode(self, value: int) -> str:
        code = value % (1 << 64)
        text = "U+" + f"{code:X}".rjust(max(4, self.precision or 0), "0")
        if self.has("#") and code <= _MAX_RUNE and chr(code).isprintable():
            text += f" '{chr(code)}'"
        return text

    def _float(self, value: float) -> str:
        verb = "g" if self.letter == "v" else self.letter
        if verb not in "eEfFgGxXb":
            return self._wrong(value)
        if value != value or abs(value) == float("inf"):
            return self._not_finite(value)
        text = gofmt_floats.digits(value, verb, self.precision)
        if text[0] != "-":
            text = "+" + text
        if self.has("#") and verb != "b":
            text = gofmt_floats.sharp(text, verb, self.precision)
        if self.has(" ") and text[0] == "+" and not self.has("+"):
            text = " " + text[1:]
        if text[0] == "+" and not self.has("+"):
            return self.pad(text[1:])
        if self._zeros and self.width is not None:
            return text[0] + text[1:].rjust(self.width - 1, "0")
        return self.pad(text)

    def _not_finite(self, value: float) -> str:
        text = strconv.format_float(value)
        if value != value and (self.has("+") or self.has(" ")):
            text = "+" + text
        if self.has(" ") and text[0] == "+" and not self.has("+"):
            text = " " + text[1:]
        return self.pad(text, zeros=False)


_BY_TYPE: dict[type, Callable[[Verb, Any], str]] = {
    bool: Verb._bool,
    str: Verb._text,
    int: Verb._plain_int,
    gotypes.Int64: Verb._plain_int,
    float: Verb._float,
}


def _rune(code: int) -> str:
    return chr(code) if 0 <= code <= _MAX_RUNE and not 0xD800 <= code < 0xE000 else "\ufffd"


def _can_backquote(text: str) -> bool:
    return not any(
        c == "`" or c == "\x7f" or c == "\ufeff" or (c < " " and c != "\t") for c in text
    )


def _ascii(quoted: str) -> str:
    """A quoted text with everything outside ASCII escaped."""
    return "".join(
        c if c.isascii() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"
        for c in quoted
    )
