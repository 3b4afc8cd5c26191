"""jq and Lua: nothing of the machine is in reach, and no program outlives its time."""

from __future__ import annotations

import time

import pytest

from lang import jq, lua, sandbox
from lang.errors import ErrorKind, LangError, Limits

FAST = Limits(wall=0.5)
LUA_LOOPS = {
    "a loop": "while true do end",
    "a loop that catches errors": "while true do pcall(function() while true do end end) end",
    "xpcall with a handler": (
        "xpcall(function() while true do end end, function() while true do end end)"
    ),
    "a coroutine": "local c = coroutine.wrap(function() while true do end end) c()",
    "a pattern": "local s = string.rep('a', 200) string.find(s, string.rep('a*', 100) .. 'b')",
    "a metamethod": (
        "local t = setmetatable({}, {__index=function(t,k) return t[k..'x'] end}) return t.a"
    ),
}
JQ_LOOPS = {
    "recursion": "def f: f; f",
    "a range": "[range(1e15)] | length",
    "repeat": "[repeat(1)]",
    "until": "1 | until(false; . + 1)",
    "doubling": '"xxxxxxxx" | until(false; . + .)',
}


@pytest.mark.parametrize("name", LUA_LOOPS)
def test_a_lua_script_that_does_not_end_is_ended(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(LangError):
        sandbox.run("lua", "filter", LUA_LOOPS[name], {}, FAST)
    assert time.monotonic() - started < 5
    assert lua.filter("return event.a == 1", {"a": 1}) is True


@pytest.mark.parametrize("name", JQ_LOOPS)
def test_a_jq_program_that_does_not_end_is_ended(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(LangError):
        sandbox.run("jq", "all", JQ_LOOPS[name], {}, FAST)
    assert time.monotonic() - started < 5
    assert jq.output(".a", {"a": 1}) == "1"


@pytest.mark.parametrize(
    "script",
    [
        "local t = {} while true do t[#t+1] = string.rep('x', 1000000) end",
        "local s = 'x' while true do s = s .. s end",
        "return {s = string.rep('x', 20 * 1024 * 1024)}",
        "local t = {} local u = t for i = 1, 5000 do u.n = {} u = u.n end return t",
        "return {[10000000] = 1}",
    ],
)
def test_a_lua_script_has_only_so_much_memory(script: str) -> None:
    with pytest.raises(LangError) as raised:
        lua.transform(script, {})
    assert raised.value.kind in {ErrorKind.LIMIT, ErrorKind.VALUE}


@pytest.mark.parametrize(
    "name",
    [
        *("os.execute", "os.exit", "os.remove", "os.rename", "os.tmpname", "os.setlocale"),
        *("io", "load", "loadstring", "loadfile", "dofile", "require", "package", "debug"),
        *("python", "collectgarbage", "string.dump", "newproxy", "module"),
    ],
)
def test_lua_reaches_nothing(name: str) -> None:
    assert lua.filter(f"return {name} == nil", {}) is True


@pytest.mark.parametrize(
    "script",
    [
        "return getmetatable('').__index.dump == nil",
        "return getfenv == nil or getfenv(0).os.execute == nil",
        'return os.getenv("PATH") == nil and os.getenv("HOME") == nil',
        "return pcall(setfenv, 0, {}) ~= nil",
    ],
)
def test_lua_finds_no_back_door(script: str) -> None:
    assert lua.filter(script, {}) is True


def test_one_script_leaves_nothing_for_the_next() -> None:
    lua.filter("leak = 1 return true", {})
    assert lua.filter("return leak == nil", {}) is True


def test_jq_sees_no_environment_and_no_files() -> None:
    assert jq.output("$ENV | length", {}) == "0"
    assert jq.output("env | length", {}) == "0"
    with pytest.raises(LangError, match="cannot load module"):
        jq.output('import "a" as a; .', {})
    with pytest.raises(LangError):
        jq.output("$__loc__", {})
    with pytest.raises(LangError):
        jq.output("input", {})


def test_a_large_document_goes_both_ways() -> None:
    document = {"items": [{"n": i, "s": "x" * 100} for i in range(20_000)]}
    assert jq.transform(".", document) == document
    assert lua.transform("return event", document) == document


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(LangError, match=r"function not defined: nope/0"):
        jq.output("nope", {})
    with pytest.raises(LangError, match="boom"):
        lua.transform('error("boom")', {})
    with pytest.raises(LangError, match="jq transformation output must be a JSON object"):
        jq.transform("1", {})
