"""Hostile input ends in LangError, and limits end in LangError of kind LIMIT, quickly."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lang import (
    calendar_schedule,
    cron,
    depends,
    duration,
    expr,
    expr_places,
    gjson,
    gjson_text,
    gojson,
    gotemplate,
    govaluate,
    items,
    jsonpath,
    loops,
    pod_patch,
    quantity,
    regex,
    selector,
    sequence,
    sjson,
    sjson_text,
    tag_text,
    tags,
    yaml,
)
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError, Limits

DEEP = 5000
BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LIMITED: dict[str, Callable[[], Any]] = {
    "yaml aliases that multiply": lambda: yaml.load_all(BOMB),
    "yaml depth": lambda: yaml.load("[" * DEEP + "]" * DEEP),
    "json depth": lambda: gojson.parse("[" * 20_000 + "]" * 20_000),
    "a sequence without end": lambda: sequence.expand({"count": 10**9}),
    "a wide format": lambda: sequence.expand({"count": 2, "format": "%999999999d"}),
    "formats that add up": lambda: sequence.expand(
        {"count": 100_000, "format": "%9999d"}, Limits(result=10_000)
    ),
    "a loop over a sequence": lambda: loops.expand(
        {"name": "t", "template": "x", "withSequence": {"count": 2_000_000}}, {}
    ),
    "when nested deeply": lambda: govaluate.when("(" * DEEP + "true" + ")" * DEEP),
    "when longer than a source": lambda: govaluate.when("1 == " + "1" * (DEFAULT_LIMITS.source)),
    "a template nested deeply": lambda: tags.compile(_nested_list(DEEP // 10)),
    "a result that grows": lambda: tags.render(["{{a}}"] * 100, {"a": "x" * DEFAULT_LIMITS.result}),
    "a quantity with a huge exponent": lambda: quantity.parse("1e999999999"),
    "a quantity of 10⁶ digits": lambda: quantity.parse("9" * 10**6),
    "a pattern that is too long": lambda: regex.compile("a" * 10**6),
    "a selector that is too long": lambda: selector.parse("a," * DEFAULT_LIMITS.source),
    "depends that is too long": lambda: depends.compile(
        {"depends": "A && " * DEFAULT_LIMITS.source}, [{"name": "A"}]
    ),
    "a schedule that is too long": lambda: cron.parse("* " * 10**5),
    "a podSpecPatch nested deeply": lambda: pod_patch.apply(
        {}, ['{"affinity":' * 500 + "{}" + "}" * 500]
    ),
}


def _nested_list(depth: int) -> list[Any]:
    tree: list[Any] = []
    for _ in range(depth):
        tree = [tree]
    return tree


@pytest.mark.parametrize("name", LIMITED)
def test_a_limit_is_a_named_error(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(LangError) as raised:
        LIMITED[name]()
    cause = raised.value.__cause__
    kinds = {raised.value.kind, cause.kind if isinstance(cause, LangError) else None}
    assert ErrorKind.LIMIT in kinds
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x"])
def test_no_pattern_makes_matching_slow(pattern: str) -> None:
    started = time.monotonic()
    govaluate.when(f'"{"a" * 20_000}" =~ "{pattern}"')
    assert time.monotonic() - started < 2


def test_long_chains_need_no_depth() -> None:
    assert govaluate.when(" + ".join(["1"] * 15_000) + " == 15000") is True
    assert depends.compile({"depends": " && ".join(["A.Succeeded"] * 4_000)}, [{"name": "A"}]).eval(
        {"A": depends.TaskResult(succeeded=True)}
    )


def test_numbers_of_many_digits_are_harmless() -> None:
    digits = "9" * 60_000
    with pytest.raises(LangError):
        duration.parse(digits)
    assert items.parse_list(f"[{digits}]")[0].text() == digits


TEXT = st.text(max_size=60) | st.text(
    "{}[]()\"'=.,:-+*/%&|!<>~?\\ \n0123456789abcetTxMi", max_size=60
)
PARSERS: dict[str, Callable[[str], Any]] = {
    "when": govaluate.when,
    "condition": lambda text: govaluate.compile_condition(text, ["a", "b"]).value(["a"]),
    "filter": lambda text: govaluate.compile_expr(text).eval({"a": 1.0, "b": "x"}),
    "tags": lambda text: tags.render({"k": text}, {"a": "1"}, allow_unresolved=True),
    "tag text": lambda text: tag_text.replace(text, {"a": "1"}, allow_unresolved=True),
    "json": gojson.parse,
    "yaml": lambda text: yaml.to_json(text),
    "yaml documents": yaml.load_all,
    "items": items.parse_list,
    "cron": cron.parse,
    "calendar": lambda text: calendar_schedule.parse(text, text),
    "duration": duration.parse,
    "quantity": lambda text: quantity.parse_quantity(text).canonical(),
    "selector": lambda text: selector.parse(text).matches({"a": "1"}),
    "regex": lambda text: regex.compile(text).search(text),
    "format": lambda text: sequence.expand({"count": 2, "format": text}),
    "depends": lambda text: depends.compile({"depends": text}, [{"name": "a"}]).check(),
    "expr": lambda text: expr.compile(text).eval({"a": 1, "b": "x", "c": [1, 2]}),
    "expr in filters": lambda text: expr_places.event_passes(text, '{"a":1,"b":[{"c":2}]}'),
    "go template": lambda text: gotemplate.compile(text).render({"Input": {"a": [1.0, "x"]}}),
    "go template action": lambda text: gotemplate.compile("{{" + text + "}}").render({"a": 1}),
    "gjson": lambda text: gjson.get({"a": [1, {"b": 2}], "c": "x"}, text).raw,
    "gjson text": lambda text: gjson_text.get(text, text).raw,
    "sjson": lambda text: sjson.set({"a": [1, {"b": 2}]}, text, "v"),
    "sjson text": lambda text: sjson_text.set(text, text, "v"),
    "sjson delete": lambda text: sjson.delete({"a": [1, {"b": 2}]}, text),
    "kubectl jsonpath": lambda text: jsonpath.render("{" + text + "}", {"a": [1, {"b": 2}]}),
    "jsonpath": lambda text: jsonpath.find({"a": [1, {"b": 2}]}, "$" + text),
    "patch": lambda text: pod_patch.apply({"containers": [{"name": "a"}]}, [text]),
}


@pytest.mark.parametrize("name", PARSERS)
@given(text=TEXT)
def test_nothing_but_lang_errors_escape(name: str, text: str) -> None:
    with contextlib.suppress(LangError):
        PARSERS[name](text)


@pytest.mark.parametrize("text", ['0x1\\"]}}"}', "0x\\g == 1", "0x1\\"])
def test_an_escape_within_a_hex_number_is_an_error_of_the_language(text: str) -> None:
    with pytest.raises(LangError):
        govaluate.when(text)
