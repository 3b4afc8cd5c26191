"""Laws that hold for every input: printing and reading back, order, merges."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lang import (
    cron,
    duration,
    gjson,
    gjson_text,
    gojson,
    quantity,
    selector,
    sjson,
    sjson_text,
    strategic_merge,
    yaml,
)
from lang.errors import LangError
from lang.govaluate import lexer

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20)
TREES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
SPECS = st.sampled_from(
    ["* * * * *", "*/7 3-5 * * *", "30 2 * * *", "0 0 29 2 *", "0 0 13 * 5", "15,45 */6 1 */3 *"]
)
ZONES = st.sampled_from(
    ["", "Europe/Paris", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Tehran"]
)
MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)


@given(SPECS, ZONES, MOMENTS)
def test_the_next_instant_is_later_and_the_first(spec: str, zone: str, moment: datetime) -> None:
    schedule = cron.parse(spec, zone)
    found = schedule.next(moment)
    assert found is not None
    assert found > moment
    again = schedule.next(found)
    assert again is None or again > found
    assert schedule.next(found - timedelta(seconds=1)) == found or zone


@given(SPECS, MOMENTS)
def test_previous_and_next_meet(spec: str, moment: datetime) -> None:
    schedule = cron.parse(spec)
    assert isinstance(schedule, cron.Schedule)
    before = schedule.previous(moment)
    if before is not None:
        assert before < moment
        after = schedule.next(before)
        assert after is not None
        assert after >= moment.replace(microsecond=0)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_durations_read_back(nanoseconds: int) -> None:
    assert duration.parse_go_ns(duration.format_ns(nanoseconds)) == nanoseconds


@given(st.integers(0, 10**15), st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3"]))
def test_canonical_quantities_mean_the_same(number: int, suffix: str) -> None:
    parsed = quantity.parse_quantity(f"{number}{suffix}")
    assert quantity.parse(parsed.canonical()) == parsed.amount


def test_quantities_are_exact() -> None:
    assert quantity.parse("1.5Gi") == Decimal(1610612736)
    assert quantity.parse("100m") + quantity.parse("0.9") == 1


@given(TREES)
def test_json_reads_back(tree: Any) -> None:
    assert gojson.parse(gojson.dumps(tree)) == tree


@given(st.dictionaries(st.text("abcxyz019_-. ", min_size=1, max_size=8), SCALARS, max_size=5))
def test_yaml_reads_back(tree: dict[str, Any]) -> None:
    assert yaml.load(yaml.to_yaml(tree)) == tree


@pytest.mark.parametrize(
    "text", ["yes", "010", "1:30", "null", "~", "0x1F", "2024-01-02", " x ", ""]
)
def test_texts_that_look_like_values_are_quoted(text: str) -> None:
    assert yaml.load(yaml.to_yaml({"k": text})) == {"k": text}


def test_positions_name_line_and_column_of_every_node() -> None:
    text = "a: 1\nspec:\n  list:\n  - x\n  - z: 2\n---\nb: 3\n"
    first, second = yaml.load_all(text)
    places = {path: (p.line, p.column) for path, p in first.positions.items()}
    assert places[("spec", "list")] == (3, 3)
    assert places[("spec", "list", 1, "z")] == (5, 5)
    assert second.value == {"b": 3}
    position = second.position(("b", "nothing"))
    assert position is not None
    assert position.line == 7


def test_a_selector_matches_labels() -> None:
    chosen = selector.parse("app in (web, api), tier != cache, !old, replicas > 2")
    assert chosen.matches({"app": "web", "replicas": "3"})
    assert not chosen.matches({"app": "web", "replicas": "2"})
    assert not chosen.matches({"app": "web", "replicas": "3", "old": ""})


CONTAINERS = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abc"), "image": st.text("xyz", max_size=3)}),
    max_size=3,
    unique_by=lambda container: container["name"],
)


@given(CONTAINERS, CONTAINERS)
def test_merging_changes_neither_input_and_twice_is_once(base: Any, patch: Any) -> None:
    original = {"containers": [dict(container) for container in base]}
    change = {"containers": [dict(container) for container in patch]}
    once = strategic_merge.pod_spec(original, change)
    assert original == {"containers": base}
    assert change == {"containers": patch}
    assert {c["name"]: c for c in once["containers"]} == {c["name"]: c for c in [*base, *patch]}
    again = strategic_merge.pod_spec(once, change)
    assert sorted(again["containers"], key=str) == sorted(once["containers"], key=str)


KEYS = st.text("abcd1-_é ", min_size=1, max_size=5).filter(
    lambda key: not key.lstrip("-").isdigit()
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("zone", ["Pacific/Apia", "Pacific/Fakaofo"])
def test_a_zone_that_left_out_a_day_is_passed(zone: str) -> None:
    schedule = cron.parse("0 0 30 12 *", zone)
    found = schedule.next(datetime(2011, 6, 1, tzinfo=UTC))
    assert found is not None
    assert found.year == 2012
    earlier = schedule.previous(found)
    assert earlier is not None
    assert earlier.year == 2010


@given(
    st.dictionaries(KEYS, DOCUMENTS, max_size=4), st.lists(KEYS, min_size=1, max_size=4), st.text()
)
def test_what_was_set_is_what_is_got(document: Any, keys: list[str], value: str) -> None:
    path = ".".join(keys)
    before = copy.deepcopy(document)
    try:
        changed = sjson.set(document, path, value)
    except LangError:
        return  # a key under a list
    assert gjson.get(changed, path).value == value
    assert document == before
    assert gjson_text.get(sjson_text.set(json.dumps(document), path, value), path).value == value


OPERANDS = st.sampled_from(["1", "0x1f", ".5", "a", "[b c]", "'q\\'q'", '"x]"', "true", "c\\-d"])
OPERATORS = st.sampled_from(
    ["+", "-", "==", "!=", "&&", "||", "<", "in", "=~", "??", "?", ":", ","]
)
SHAPES = st.recursive(
    OPERANDS,
    lambda inner: (
        st.tuples(inner, OPERATORS, inner).map(" ".join) | inner.map(lambda text: f"({text})")
    ),
    max_leaves=8,
)


@given(SHAPES)
def test_printed_expressions_read_as_the_same_tokens(source: str) -> None:
    tokens = lexer.tokenize(source)
    again = lexer.tokenize(lexer.to_source(tokens))
    assert [(t.kind, t.value) for t in again] == [(t.kind, t.value) for t in tokens]
