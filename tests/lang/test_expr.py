"""expr-lang beyond the recordings: printing, limits, values, what compiled programs may share."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from lang import expr
from lang.errors import ErrorKind, LangError
from lang.expr import parser, printer
from lang.expr.nodes import Node
from tests.lang import recorded

SOURCES = sorted({case["expr"] for case in recorded.load("expr") if "error" not in case["answer"]})


def shape(value: Any) -> Any:
    """A tree without the places of its nodes; a chain is as good as what is in it."""
    if isinstance(value, Node):
        if type(value).__name__ == "Chain":
            return shape(value.inner)  # type: ignore[attr-defined]
        fields = {f.name: shape(getattr(value, f.name)) for f in dataclasses.fields(value)}
        fields.pop("position")
        return type(value).__name__, fields
    if isinstance(value, tuple):
        return tuple(map(shape, value))
    return value


@pytest.mark.parametrize("source", SOURCES)
def test_a_printed_program_reads_back_as_the_same(source: str) -> None:
    tree = parser.parse(source)
    assert shape(parser.parse(printer.source(tree))) == shape(tree)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "-" * 5000 + "1",
        "[" * 5000 + "]" * 5000,
        "not " * 5000 + "true",
        "a" + ".b" * 40_000,
        "1..100000000",
        "reduce(1..60, #acc + #acc, 'xxxxxxxxxxxxxxxx')",
        "map(1..1000, map(1..1000, map(1..1000, #)))",
        "repeat('x', 1000000000)",
        "repeat(repeat('x', 1000), 100000)",
        "'" + "x" * 70_000 + "'",
    ],
    ids=lambda source: source[:30],
)
def test_hostile_programs_end_in_a_named_error(source: str) -> None:
    with pytest.raises(LangError) as raised:
        expr.compile(source).eval({"a": {}})
    assert raised.value.kind in {ErrorKind.LIMIT, ErrorKind.VALUE}


def test_regexes_are_linear() -> None:
    env = {"s": "a" * 30_000}
    assert expr.compile('s matches "(a+)+$"').eval(env) is True
    assert expr.compile('s matches "(a|a)*b"').eval(env) is False


def test_a_program_is_checked_anew_for_values_of_other_types() -> None:
    program = expr.compile("a + 1")
    assert program.eval({"a": 1}) == 2
    with pytest.raises(LangError, match="mismatched types string and int"):
        program.eval({"a": "1"})
    assert program.eval({"a": 1.5}) == 2.5


def test_ints_and_floats_stay_apart() -> None:
    assert repr(expr.compile("a / b").eval({"a": 6, "b": 2})) == "3.0"
    assert repr(expr.compile("a * b").eval({"a": 6, "b": 2})) == "12"


def test_the_environment_is_not_changed() -> None:
    env = {"m": {"k": [1, 2]}}
    expr.compile("let x = m; concat(x.k, [3])").eval(env)
    assert env == {"m": {"k": [1, 2]}}


def test_lone_surrogates_are_text() -> None:
    assert expr.compile("len(a)").eval({"a": "\ud800"}) == 1


def test_an_unknown_place_is_an_error() -> None:
    with pytest.raises(LangError, match="no expressions stand at"):
        expr.compile("1", site="nowhere")
