"""gjson paths over parsed JSON: `friends.#(age>40)#.name|@reverse`.

Owns the grammar (keys, `*` and `?`, indexes, `#`, queries, `|`, modifiers, multipaths, literals)
and the result with its text forms. Paths are compiled once and cached. Semantics: gjson 1.19.
Callers: dataKey, filters' paths, contextKey.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lang import gjson_modifiers, gjson_query, gojson, strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "MISSING", "__slots__": ()})()
Step = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What a path found. `type` is Null, False, True, Number, String or JSON."""

    exists: bool
    type: str
    value: Any
    written: str | None = None  # the text, where the value cannot carry it

    @property
    def raw(self) -> str:
        """As JSON text; empty for nothing."""
        if self.written is not None:
            return self.written
        return raw_of(self.value) if self.exists else ""

    @property
    def string(self) -> str:
        """As text: strings without quotes, numbers as Go prints them, JSON as it is."""
        match self.type:
            case "String":
                return str(self.value)
            case "Number":
                return number_text(self.value)
            case "Null":
                return ""
            case "True" | "False":
                return self.type.lower()
            case _:
                return self.raw


NOTHING = Result(False, "Null", None)


def result_of(value: Any) -> Result:
    """A value as a result; MISSING is nothing."""
    match value:
        case bool():
            return Result(True, "True" if value else "False", value)
        case str():
            return Result(True, "String", value)
        case int() | float():
            return Result(True, "Number", value)
        case None:
            return Result(True, "Null", None)
        case dict() | list():
            return Result(True, "JSON", value)
        case _:
            return NOTHING


def raw_of(value: Any) -> str:
    """A value as JSON text: as it was written where the value knows, else compact."""
    raw = getattr(value, "raw", None)
    if raw is not None:
        return str(raw)
    match value:
        case list():
            return "[" + ",".join(map(raw_of, value)) + "]"
        case dict():
            pairs = (f"{gojson.dumps(str(k))}:{raw_of(v)}" for k, v in value.items())
            return "{" + ",".join(pairs) + "}"
        case _:
            return gojson.dumps(value)


def truth(found: Result) -> bool:
    """gjson's Bool()."""
    match found.value:
        case bool():
            return found.value
        case str():
            return strconv.parse_bool(found.value.lower()) or False
        case int() | float():
            return found.value != 0
        case _:
            return False


def float_text(found: Result) -> str:
    """gjson's Float(), as Go prints it."""
    match found.value:
        case bool():
            return "1" if found.value else "0"
        case str():
            number = strconv.parse_float(found.value)
            return strconv.format_float(number or 0.0)
        case int() | float():
            return strconv.format_float(float(found.value))
        case _:
            return "0"


def get(document: Any, path: str) -> Result:
    """What `path` finds in a parsed document. Never raises for odd paths: they find nothing.

    Raises LangError(LIMIT) for a path that is too long or too deeply nested.
    """
    if len(path) > DEFAULT_LIMITS.source:
        raise LangError(ErrorKind.LIMIT, "path is too long", 0)
    return result_of(compiled(path)(document))


def number_text(value: float) -> str:
    """A number as gjson's String(): the digits as written when they are an integer."""
    raw = gojson.dumps(value)
    digits = raw[1:] if raw.startswith("-") else raw
    if digits.isdigit() or not digits:
        return raw
    return strconv.format_float(float(value))


@functools.lru_cache(maxsize=4096)
def compiled(path: str) -> Step:
    """The path as a function of a value."""
    return _Compiler(path, 0).steps()


@dataclass(slots=True)
class _Part:
    """One component: its text without escapes, whether it is a pattern, what follows it."""

    text: str
    pattern: bool
    separator: str  # "", "." or "|"
    rest: str
    query: str = ""
    all: bool = False
    each: bool = False


class _Compiler:
    """From path text to steps, part by part, from the left."""

    def __init__(self, path: str, depth: int) -> None:
        if depth > DEFAULT_LIMITS.nesting:
            raise LangError(ErrorKind.LIMIT, "path is nested too deeply", 0)
        self._path = path
        self._depth = depth

    def _rest(self, path: str) -> Step:
        return _Compiler(path, self._depth + 1).steps()

    def steps(self) -> Step:
        path = self._path
        if path.startswith("@"):
            found = self._modifier(path)
            if found is not None:
                return found
        if path[:1] in {"{", "["}:
            found = self._multipath(path)
            if found is not None:
                return found
        if path.startswith("!"):
            return self._literal(path)
        if path.startswith("..") and len(path) > 2:
            return self._lines(path)
        part = split(path)
        if part.each or part.query:
            return self._array(part)
        return self._member(part)

    # -- plain components -------------------------------------------------------------------

    def _member(self, part: _Part) -> Step:
        key, pattern = part.text, part.pattern
        then = self._rest(part.rest) if part.separator else None
        if pattern and then is not None and part.separator == ".":
            return _any_match(key, then)

        def step(value: Any) -> Any:
            found = _child(value, key, pattern=pattern)
            return found if then is None or found is MISSING else then(found)

        return step

    def _array(self, part: _Part) -> Step:
        test = gjson_query.compile_query(part.query, self._rest) if part.query else None
        if test is not None and not part.all:
            then = self._rest(part.rest) if part.separator else None

            def first(value: Any) -> Any:
                if not isinstance(value, list):
                    return MISSING
                found = next((item for item in value if test(item)), MISSING)
                return found if then is None or found is MISSING else then(found)

            return first
        return self._every(part, test)

    def _every(self, part: _Part, test: Callable[[Any], bool] | None) -> Step:
        """`#`, `#.x`, `#(…)#`, `#(…)#.x`; what follows a `|` works on the resulting list."""
        below, after = "", ""
        if part.separator == ".":
            below, after = split_pipe(part.rest)
        elif part.separator == "|":
            after = part.rest
        each = self._rest(below) if part.separator == "." else None
        then = self._rest(after) if after else None
        counts = test is None and each is None

        def step(value: Any) -> Any:
            if not isinstance(value, list):
                return (
                    MISSING if not (isinstance(value, dict) and counts) else value.get("#", MISSING)
                )
            if counts:
                found: Any = len(value)
            else:
                found = value if test is None else [item for item in value if test(item)]
                if each is not None:
                    found = [x for x in map(each, found) if x is not MISSING]
            return found if then is None else then(found)

        return step

    # -- modifiers, multipaths, literals, lines ---------------------------------------------

    def _modifier(self, path: str) -> Step | None:
        name, argument, separator, rest = gjson_modifiers.split(path)
        modifier = gjson_modifiers.TABLE.get(name)
        if modifier is None:
            return None
        then = self._rest(rest) if separator else None
        run = gjson_modifiers.bind(modifier, argument, self._rest)

        def step(value: Any) -> Any:
            found = run(value)
            return found if then is None or found is MISSING else then(found)

        return step

    def _multipath(self, path: str) -> Step | None:
        end = closing(path, 0)
        if end < 0:
            return None
        entries = [_entry(text) for text in split_top(path[1:end])]
        rest = path[end + 1 :]
        then = self._rest(rest[1:]) if rest[:1] in {".", "|"} else None
        selectors = [(name, self._rest(inner)) for name, inner in entries if inner]
        as_object = path[0] == "{"

        def step(value: Any) -> Any:
            parts = [(name, select(value)) for name, select in selectors]
            present = [(name, part) for name, part in parts if part is not MISSING]
            found: Any = dict(present) if as_object else [part for _, part in present]
            return found if then is None else then(found)

        return step

    def _literal(self, path: str) -> Step:
        text = path[1:]
        end = closing(path, 1) if text[:1] in {"{", "["} else -1
        if end < 0:
            end = len(path) - 1
            for at, character in enumerate(text):
                if character in ".|" and not _inside_quotes(text, at):
                    end = at
                    break
        literal, rest = path[1 : end + 1], path[end + 1 :]
        try:
            constant = gojson.parse(literal)
        except LangError:
            return lambda _: MISSING
        then = self._rest(rest[1:]) if rest[:1] in {".", "|"} else None
        return (lambda _: constant) if then is None else (lambda _: then(constant))

    def _lines(self, path: str) -> Step:
        rest = path[2:]
        then = self._rest(rest) if rest else None

        def step(value: Any) -> Any:
            lines = value if isinstance(value, list) else [value]
            return lines if then is None else then(lines)

        return step


def _any_match(pattern: str, then: Step) -> Step:
    """The first key that fits and under which the rest of the path finds something."""
    match = gjson_query.matcher(pattern)

    def step(value: Any) -> Any:
        if not isinstance(value, dict):
            return MISSING
        found = (then(item) for key, item in value.items() if match(key))
        return next((item for item in found if item is not MISSING), MISSING)

    return step


def _child(value: Any, key: str, *, pattern: bool) -> Any:
    if isinstance(value, dict):
        if not pattern:
            return value.get(key, MISSING)
        match = gjson_query.matcher(key)
        return next((v for k, v in value.items() if match(k)), MISSING)
    if isinstance(value, list) and key.isascii() and key.isdigit():
        index = int(key) if len(key) < 19 else len(value)
        return value[index] if index < len(value) else MISSING
    return MISSING


def split(path: str) -> _Part:
    """The first component of a path and what follows."""
    if path.startswith("#"):
        return _hash(path)
    text: list[str] = []
    pattern = False
    i = 0
    while i < len(path):
        character = path[i]
        if character == "\\" and i + 1 < len(path):
            following = path[i + 1]
            text.append("\\" + following if following in "*?\\" and pattern else following)
            if following in "*?" and not pattern:
                text[-1] = following
            i += 2
            continue
        if character in ".|":
            return _Part("".join(text), pattern, _separator(path, i), path[i + 1 :])
        if character in "*?":
            pattern = True
        text.append(character)
        i += 1
    return _Part("".join(text), pattern, "", "")


def _separator(path: str, at: int) -> str:
    """A dot before a modifier works like a pipe."""
    return "|" if path[at] == "." and path[at + 1 : at + 2] in {"@", "!"} else path[at]


def _hash(path: str) -> _Part:
    if len(path) == 1:
        return _Part("#", False, "", "", each=True)
    following = path[1]
    if following in ".|":
        return _Part("#", False, following, path[2:], each=True)
    if following in "([":
        end = closing(path, 1)
        if end < 0:
            return _Part(path, False, "", "")
        query, rest = path[2:end], path[end + 1 :]
        every = rest.startswith("#")
        rest = rest[1:] if every else rest
        separator = rest[:1] if rest[:1] in {".", "|"} else ""
        return _Part("#", False, separator, rest[1:], query=query or " ", all=every)
    end = next((i for i, c in enumerate(path) if c in ".|"), len(path))
    return _Part(path[:end], False, path[end : end + 1], path[end + 1 :])


def closing(path: str, start: int) -> int:
    """Where the bracket at `start` is closed, -1 if it is not."""
    depth = 0
    quoted = False
    i = start
    while i < len(path):
        character = path[i]
        if character == "\\":
            i += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            if character in "([{":
                depth += 1
            elif character in ")]}":
                depth -= 1
                if depth == 0:
                    return i
        i += 1
    return -1


def split_pipe(path: str) -> tuple[str, str]:
    """Before and after the first `|` outside of brackets and quotes."""
    depth = 0
    i = 0
    while i < len(path):
        character = path[i]
        if character == "\\":
            i += 1
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif (character == "|" and depth <= 0) or (
            character == "." and depth <= 0 and path[i + 1 : i + 2] == "@"
        ):
            return path[:i], path[i + 1 :]
        i += 1
    return path, ""


def split_top(text: str) -> list[str]:
    """The parts between commas that are in no bracket and no quote."""
    parts, depth, start, quoted = [], 0, 0, False
    i = 0
    while i < len(text):
        character = text[i]
        if character == "\\":
            i += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            if character in "([{":
                depth += 1
            elif character in ")]}":
                depth -= 1
            elif character == "," and depth == 0:
                parts.append(text[start:i])
                start = i + 1
        i += 1
    parts.append(text[start:])
    return parts


def _entry(text: str) -> tuple[str, str]:
    """A selector of a multipath: its name (given, or the last key) and its path."""
    depth = 0
    quoted = False
    for i, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted:
            if character in "([{":
                depth += 1
            elif character in ")]}":
                depth -= 1
            elif character == ":" and depth == 0 and not text.startswith("@"):
                name = text[:i]
                if name.startswith('"') and name.endswith('"') and len(name) > 1:
                    name = str(gojson.parse(name))
                return name, text[i + 1 :]
    return _last_name(text), text


def _last_name(path: str) -> str:
    start = 0
    for at, character in enumerate(path):
        if character in ".|" and path[at - 1 : at] != "\\":
            start = at + 1
    last = path[start:]
    return "_" if not last or last[0] in "#@!{[" or last.endswith(")") else last


def _inside_quotes(text: str, at: int) -> bool:
    return text[:at].replace('\\"', "").count('"') % 2 == 1
