"""Go's fmt: `%v` of JSON values, `Sprint`, `Sprintf` with flags, widths and its `%!d(...)` notes.

Owns plain `%v` and the reading of a layout; single verbs are `gofmt_verbs`. Knows the types that
JSON, dates and sprig can give. Source: Go `fmt`. Callers: Go templates, sprig, messages of expr.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lang import gotime, gotypes, strconv, treesize
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.gofmt_verbs import Verb

type_name = gotypes.name
_FLAGS = frozenset("-+# 0")
_DIGITS = frozenset("0123456789")
_LARGEST = 1_000_000  # a width beyond it is none, as in Go


def v(value: Any) -> str:
    """As `%v` prints it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case float():
            return strconv.format_float_g(value)
        case list() | dict():
            treesize.check(value)
            return _composite(value)
        case complex():
            imaginary = v(value.imag)
            sign = "" if imaginary[0] in "+-" else "+"
            return f"({v(value.real)}{sign}{imaginary}i)"
        case bytes():
            return "[" + " ".join(map(str, value)) + "]"
        case datetime():
            return gotime.string(value)
        case _:
            return str(value)


def _composite(value: Any) -> str:
    if isinstance(value, list):
        return "[" + " ".join(map(_inner, value)) + "]"
    pairs = sorted(value.items(), key=lambda pair: str(pair[0]))
    return "map[" + " ".join(f"{v(key)}:{_inner(item)}" for key, item in pairs) + "]"


def _inner(value: Any) -> str:
    """A value in one whose size was checked."""
    return _composite(value) if isinstance(value, (list, dict)) else v(value)


def sharp_v(value: Any) -> str:
    """As `%#v` prints it: Go syntax."""
    treesize.check(value)
    return Verb("v", go_syntax=True).show(value)


def sprint(*values: Any) -> str:
    """`fmt.Sprint`: a blank between two operands when neither is a string."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(v(value))
    return "".join(parts)


def sprintln(*values: Any) -> str:
    """`fmt.Sprintln`."""
    return " ".join(map(v, values)) + "\n"


def sprintf(layout: str, *values: Any) -> str:
    """`fmt.Sprintf`: never fails on a wrong verb, notes it as Go does. Raises LangError(LIMIT)."""
    return _Printer(layout, values).run()


class _Printer:
    def __init__(self, layout: str, values: tuple[Any, ...]) -> None:
        self._layout, self._values = layout, values
        self._at = 0
        self._next = 0
        self._reordered = False
        self._indexed = False  # an explicit index stands right before
        self._good = True
        self._out: list[str] = []
        self._size = 0

    def run(self) -> str:
        layout = self._layout
        while self._at < len(layout):
            start = layout.find("%", self._at)
            if start < 0:
                self._write(layout[self._at :])
                break
            self._write(layout[self._at : start])
            self._at = start + 1
            self._directive()
        rest = self._values[self._next :]
        if rest and not self._reordered:
            extra = ("<nil>" if x is None else f"{type_name(x)}={v(x)}" for x in rest)
            self._write("%!(EXTRA " + ", ".join(extra) + ")")
        return "".join(self._out)

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > DEFAULT_LIMITS.result:
            raise LangError(ErrorKind.LIMIT, "the printed text is too large")
        self._out.append(text)

    def _directive(self) -> None:
        start = self._at
        while self._layout[self._at : self._at + 1] in _FLAGS:
            self._at += 1
        verb = Verb("", self._layout[start : self._at])
        self._good, self._indexed = True, False
        self._index()
        self._width(verb)
        self._precision(verb)
        if not self._indexed:
            self._index()
        verb.letter = self._layout[self._at : self._at + 1]
        self._at += 1
        self._write(self._applied(verb))

    def _applied(self, verb: Verb) -> str:
        if not verb.letter:
            return "%!(NOVERB)"
        if verb.letter == "%":
            return "%"
        if not self._good:
            return f"%!{verb.letter}(BADINDEX)"
        if self._next >= len(self._values):
            return f"%!{verb.letter}(MISSING)"
        if verb.letter in "vw":  # `+` and `#` mean fields and Go syntax here, not signs
            verb.go_syntax = verb.has("#")
            verb.flags = verb.flags.replace("#", "").replace("+", "")
        value = self._values[self._next]
        self._next += 1
        treesize.check(value)
        return verb.show(value)

    def _index(self) -> None:
        """An explicit `[2]`."""
        if self._layout[self._at : self._at + 1] != "[":
            return
        self._reordered = True
        end = self._layout.find("]", self._at)
        if end < 0:
            self._good = False
            self._at += 1
            return
        text = self._layout[self._at + 1 : end]
        self._at = end + 1
        if not text.isascii() or not text.isdigit() or len(text) > 7:
            self._good = False
            return
        self._indexed = True
        if 0 < int(text) <= len(self._values):
            self._next = int(text) - 1
        else:
            self._good = False

    def _width(self, verb: Verb) -> None:
        if self._layout[self._at : self._at + 1] != "*":
            verb.width = self._number()
            if verb.width is not None and self._indexed:
                self._good = False
            return
        width = self._star()
        if width is None:
            self._write("%!(BADWIDTH)")
        elif width < 0:
            width, verb.flags = -width, verb.flags.replace("0", "") + "-"
        verb.width = width

    def _precision(self, verb: Verb) -> None:
        if self._layout[self._at : self._at + 1] != ".":
            return
        self._at += 1
        if self._indexed:
            self._good = False
        self._index()
        if self._layout[self._at : self._at + 1] != "*":
            verb.precision = self._number() or 0
            return
        precision = self._star()
        if precision is None or precision < 0:
            precision = None
            self._write("%!(BADPREC)")
        verb.precision = precision

    def _star(self) -> int | None:
        """A width from the arguments."""
        self._at += 1
        self._indexed = False
        if self._next >= len(self._values):
            return None
        value = self._values[self._next]
        self._next += 1
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
            return None
        return int(value)

    def _number(self) -> int | None:
        start = self._at
        while self._layout[self._at : self._at + 1] in _DIGITS and self._at < len(self._layout):
            self._at += 1
        text = self._layout[start : self._at]
        if not text:
            return None
        if len(text) > 7 or int(text) > _LARGEST:
            self._at = len(self._layout)
            return None
        return int(text)
