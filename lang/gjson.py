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

from lang import gjson_modifiers, gjson_path, gjson_query, gojson, strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "MISSING", "__slots__": ()})()
Step = Callable[[Any], Any]
Containers = (dict, list)


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


class _Compiler:
    """From path text to steps, part by part, from the left."""

    def __init__(self, path: str, depth: int, *, inside: bool = False) -> None:
        if depth > DEFAULT_LIMITS.nesting:
            raise LangError(ErrorKind.LIMIT, "path is nested too deeply", 0)
        self._path = path
        self._depth = depth
        self._inside = inside

    def _rest(self, path: str, *, inside: bool = False) -> Step:
        return _Compiler(path, self._depth + 1, inside=inside).steps()

    def steps(self) -> Step:
        return self._component() if self._inside else self._beginning()

    def _beginning(self) -> Step:
        """At the start and behind a pipe a path may be more than keys."""
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
        return self._component()

    def _component(self) -> Step:
        part = gjson_path.split(self._path)
        if part.each or part.query:
            return self._array(part)
        return self._member(part)

    # -- plain components -------------------------------------------------------------------

    def _member(self, part: gjson_path.Part) -> Step:
        key, pattern = part.text, part.pattern
        then = self._rest(part.rest, inside=part.separator == ".") if part.separator else None
        if pattern and then is not None and part.separator == ".":
            return _any_match(key, then)

        piped = part.separator == "|"
        escaped = self._path.startswith("\\")  # then it is no index

        def step(value: Any) -> Any:
            found = child(value, key, pattern=pattern)
            if escaped and isinstance(value, list):
                found = MISSING
            if then is None or _ends(found, value, piped=piped):
                return found
            return then(found)

        return step

    def _array(self, part: gjson_path.Part) -> Step:
        test = gjson_query.compile_query(part.query, self._rest) if part.query else None
        if test is not None and not part.all:
            then = self._rest(part.rest) if part.separator else None

            piped = part.separator == "|"

            def first(value: Any) -> Any:
                items = value if isinstance(value, list) else ()
                found = next((item for item in items if test(item)), MISSING)
                if then is None or _ends(found, value, piped=piped):
                    return found
                return then(found)

            return first
        return self._every(part, test)

    def _every(self, part: gjson_path.Part, test: Callable[[Any], bool] | None) -> Step:
        """`#`, `#.x`, `#(…)#`, `#(…)#.x`; what follows a `|` works on the resulting list."""
        below, after = "", ""
        if part.separator == ".":
            below, after = gjson_path.split_pipe(part.rest)
        elif part.separator == "|":
            after = part.rest
        each = self._rest(below) if part.separator == "." else None
        then = self._rest(after) if after else None
        counts = test is None and each is None

        def step(value: Any) -> Any:
            if not isinstance(value, list):
                member = isinstance(value, dict) and counts
                found: Any = value.get("#", MISSING) if member else MISSING
            elif counts:
                found = len(value)
            else:
                found = value if test is None else [item for item in value if test(item)]
                if each is not None:
                    found = [x for x in map(each, found) if x is not MISSING]
            return then(found) if then is not None and isinstance(value, Containers) else found

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
            return found if then is None else then(found)

        return step

    def _multipath(self, path: str) -> Step | None:
        end = gjson_path.closing(path, 0)
        if end < 0:
            return None
        texts = gjson_path.split_top(path[1:end])
        entries = [gjson_path.entry(text) if path[0] == "{" else ("", text) for text in texts]
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
        end = gjson_path.closing(path, 1) if text[:1] in {"{", "["} else -1
        if end < 0:
            end = len(path) - 1
            for at, character in enumerate(text):
                if character in ".|" and not gjson_path.inside_quotes(text, at):
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
            lines = [] if value is MISSING else [value]
            return lines if then is None else then(lines)

        return step


def _ends(found: Any, value: Any, *, piped: bool) -> bool:
    """Nothing was found; behind a pipe out of a container the path goes on all the same."""
    return found is MISSING and not (piped and isinstance(value, Containers))


def _any_match(pattern: str, then: Step) -> Step:
    """The first key that fits and under which the rest of the path finds something."""
    match = gjson_query.matcher(pattern)

    def step(value: Any) -> Any:
        if not isinstance(value, dict):
            return MISSING
        found = (then(item) for key, item in value.items() if match(key))
        return next((item for item in found if item is not MISSING), MISSING)

    return step


def child(value: Any, key: str, *, pattern: bool) -> Any:
    """The member or item that a key names, MISSING where there is none."""
    if isinstance(value, dict):
        if not pattern:
            return value.get(key, MISSING)
        match = gjson_query.matcher(key)
        return next((v for k, v in value.items() if match(k)), MISSING)
    if isinstance(value, list) and key.isascii() and key.isdigit():
        index = int(key) if len(key) < 19 else len(value)
        return value[index] if index < len(value) else MISSING
    return MISSING
