"""Lua inside the worker process: a fresh state for each program, values both ways.

Texts are bytes in Lua, here Latin-1 strings; what leaves is UTF-8 again.
"""

from __future__ import annotations

import codecs
import math
import re
from typing import Any

from lang import gojson, lua_dialect
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

_MEMORY = 256 << 20
_HIGHEST_INDEX = 1 << 26  # beyond it gopher-lua's tables have keys only
# All of `os` that a script may know; the worker has no environment, so `getenv` finds nothing.
_OS = ("clock", "date", "difftime", "getenv", "time")
_GONE = (
    *("os", "io", "load", "loadstring", "loadfile", "dofile", "require", "module", "package"),
    *("debug", "python", "collectgarbage", "newproxy"),
)


def evaluate(script: str, document: dict[str, Any], action: str) -> Any:
    """A bool for "filter", a JSON value for "transform". Raises LangError."""
    import lupa.lua51 as lua

    runtime = lua.LuaRuntime(
        encoding="latin-1",
        register_eval=False,
        register_builtins=False,
        unpack_returned_tuples=True,
        max_memory=_MEMORY,
        attribute_filter=_deny,
    )
    names = runtime.globals()
    harmless = runtime.table_from({name: names.os[name] for name in _OS})
    for name in _GONE:
        names[name] = None
    names["os"] = harmless
    names.string.dump = None
    names["event"] = _to_table(runtime, document)
    try:
        value = _last(_executed(runtime, script))
    except lua.LuaSyntaxError as error:
        raise LangError(ErrorKind.SYNTAX, _syntax(_outside(str(error)), script)) from None
    except lua.LuaMemoryError:
        raise LangError(ErrorKind.LIMIT, "the lua program used up its memory") from None
    except lua.LuaError as error:
        raise LangError(ErrorKind.VALUE, _outside(str(error))) from None
    if action == "filter":
        return value is True
    if lua.lua_type(value) != "table":
        text = "transformation script output type is not of lua table"
        raise LangError(ErrorKind.TYPE, text)
    return _Converter(lua, runtime).value(value, 0)


def _executed(runtime: Any, script: str) -> Any:
    import lupa.lua51 as lua

    if not lua_dialect.needed(script):
        return runtime.execute(" " + _inside(script), name="=<string>")  # never byte code
    runtime.execute(lua_dialect.DIALECT, name="=[G]")(_upper, _lower)
    source = lua_dialect.HEAD + _inside(lua_dialect.with_joints(script))
    try:
        program = runtime.compile(source, name="=<string>")
    except lua.LuaSyntaxError:  # its text shall be about the script as it is
        program = runtime.compile(lua_dialect.HEAD + _inside(script), name="=<string>")
    return program()


def _inside(text: str) -> str:
    """A text as Lua holds it: a character for each byte."""
    return text if text.isascii() else text.encode(errors="replace").decode("latin-1")


def _outside(text: str) -> str:
    """A text of Lua; each byte that is no UTF-8 becomes U+FFFD, as Go's encoder writes it."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "lua-text")


def _each_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd" * (error.end - error.start), error.end


codecs.register_error("lua-text", _each_byte)


def _upper(text: str) -> str:
    return _inside("".join(c.upper() if len(c.upper()) == 1 else c for c in _outside(text)))


def _lower(text: str) -> str:
    return _inside("".join(c.lower() if len(c.lower()) == 1 else c for c in _outside(text)))


def _deny(_object: Any, name: Any, _setting: bool) -> Any:
    raise AttributeError(f"no access to {name}")


def _last(value: Any) -> Any:
    if isinstance(value, tuple):
        return value[-1] if value else None
    return value


def _to_table(runtime: Any, value: Any, *, inside_list: bool = False) -> Any:
    match value:
        case dict():
            table = runtime.table()
            for key, item in value.items():
                converted = _to_table(runtime, item)
                if converted is not None:
                    table[_inside(key)] = converted
            return table
        case list() if inside_list:
            return None
        case list():
            table = runtime.table()
            count = 0
            for item in value:
                converted = _to_table(runtime, item, inside_list=True)
                if converted is not None:
                    count += 1
                    table[count] = converted
            return table
        case str():
            return _inside(value)
        case bool() | None:
            return value
        case _:
            return gojson.float64(value)


class _Converter:
    def __init__(self, lua: Any, runtime: Any) -> None:
        self._type = lua.lua_type
        self._metatable = runtime.globals().getmetatable
        self._rawget = runtime.globals().rawget
        self._steps = DEFAULT_LIMITS.steps

    def value(self, value: Any, depth: int) -> Any:
        if depth > DEFAULT_LIMITS.nesting:
            raise LangError(ErrorKind.LIMIT, "the returned table is nested too deeply")
        kind = self._type(value)
        if kind == "table":
            return self._table(value, depth)
        if kind is not None:
            text = "json: unsupported type: lua.LGFunction" if kind == "function" else kind
            raise LangError(ErrorKind.TYPE, text)
        if isinstance(value, str):
            return _outside(value)
        return _number(value) if isinstance(value, float) else value

    def _table(self, table: Any, depth: int) -> Any:
        pairs = list(table.items())
        self._steps -= len(pairs) + 1
        if self._steps < 0:
            raise LangError(ErrorKind.LIMIT, "the returned table is too large")
        indexes = [int(k) for k, _ in pairs if _is_index(k)]
        if indexes:
            highest = max(indexes)
            if highest > DEFAULT_LIMITS.steps:
                raise LangError(ErrorKind.LIMIT, "the returned table is too large")
            items = {int(k): item for k, item in pairs if _is_index(k)}
            return [self.value(items.get(i), depth + 1) for i in range(1, highest + 1)]
        if not pairs and self._is_array(table):
            return []
        return {_key(key): self.value(item, depth + 1) for key, item in pairs}

    def _is_array(self, table: Any) -> bool:
        meta = self._metatable(table)
        return self._type(meta) == "table" and self._rawget(meta, "__is_array") is True


def _is_index(key: Any) -> bool:
    number = isinstance(key, (int, float)) and not isinstance(key, bool)
    return number and 1 <= key <= _HIGHEST_INDEX and float(key).is_integer()


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    return _outside(str(key))


def _number(value: float) -> int | float:
    if not math.isfinite(value):
        shown = "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
        raise LangError(ErrorKind.VALUE, f"json: unsupported value: {shown}")
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _syntax(message: str, script: str) -> str:
    """Where the syntax error is, in gopher-lua's words."""
    match = re.search(r":(\d+): .* near '(.*)'", message, re.DOTALL)
    if match is None or match.group(2) == "<eof>":
        return "<string> at EOF:   syntax error\n"
    line, near = int(match.group(1)), match.group(2)
    lines = script.split("\n")
    text = lines[line - 1] if line <= len(lines) else ""
    column = text.find(near) + len(near)
    return f"<string> line:{line}(column:{column}) near '{near}':   syntax error\n"
