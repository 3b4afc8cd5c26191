"""Lua inside the worker process: a fresh state for each program, values both ways."""

from __future__ import annotations

import math
import re
from typing import Any

from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

_MEMORY = 256 << 20
_GONE = (
    *("os", "io", "load", "loadstring", "loadfile", "dofile", "require", "module", "package"),
    *("debug", "python", "collectgarbage", "newproxy", "print"),
)


def evaluate(script: str, document: dict[str, Any], action: str) -> Any:
    """A bool for "filter", a JSON value for "transform". Raises LangError."""
    import lupa.lua51 as lua

    runtime = lua.LuaRuntime(
        register_eval=False,
        register_builtins=False,
        unpack_returned_tuples=True,
        max_memory=_MEMORY,
        attribute_filter=_deny,
    )
    names = runtime.globals()
    for name in _GONE:
        names[name] = None
    names.string.dump = None
    names["event"] = _to_table(runtime, document)
    try:
        value = _last(runtime.execute(script))
    except lua.LuaSyntaxError as error:
        raise LangError(ErrorKind.SYNTAX, _syntax(str(error), script)) from None
    except lua.LuaMemoryError:
        raise LangError(ErrorKind.LIMIT, "the lua program used up its memory") from None
    except lua.LuaError as error:
        raise LangError(ErrorKind.VALUE, _runtime(str(error))) from None
    except UnicodeDecodeError:
        raise LangError(ErrorKind.VALUE, "the script returned a text that is no UTF-8") from None
    if action == "filter":
        return value is True
    if lua.lua_type(value) != "table":
        text = "transformation script output type is not of lua table"
        raise LangError(ErrorKind.TYPE, text)
    return _Converter(lua, runtime).value(value, 0)


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
                    table[key] = converted
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
        case bool() | str() | None:
            return value
        case _:
            return float(value)


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
    return number and key >= 1 and float(key).is_integer()


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    return str(key)


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


def _runtime(message: str) -> str:
    text = re.sub(r'^\[string ".*?"\]', "<string>", message, flags=re.DOTALL)
    return re.sub(r'\[string ".*?"\]', "<string>", text)
