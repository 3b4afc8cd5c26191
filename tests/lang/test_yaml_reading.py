"""What YAML texts mean: the words, numbers and structures of YAML 1.1 as go-yaml v2 reads them.

The recorded answers of the reference are compared elsewhere; here is each rule by name.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from lang import yaml
from lang.errors import ErrorKind, LangError


def value(text: str) -> Any:
    return yaml.load(f"k: {text}\n")["k"]


def refused(text: str, *, strict: bool = False) -> LangError:
    with pytest.raises(LangError) as caught:
        yaml.load_all(text, strict=strict)
    return caught.value


@pytest.mark.parametrize("word", ["y", "Y", "yes", "Yes", "YES", "on", "On", "true", "TRUE"])
def test_words_that_are_true(word: str) -> None:
    assert value(word) is True


@pytest.mark.parametrize("word", ["n", "N", "no", "No", "NO", "off", "Off", "false", "FALSE"])
def test_words_that_are_false(word: str) -> None:
    assert value(word) is False


@pytest.mark.parametrize("word", ["", "~", "null", "Null", "NULL"])
def test_words_that_are_null(word: str) -> None:
    assert value(word) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-0", 0),
        ("+12", 12),
        ("010", 8),
        ("0o10", 8),
        ("0x1F", 31),
        ("0b101", 5),
        ("1_000", 1000),
        ("9223372036854775807", 9223372036854775807),
        ("18446744073709551615", 18446744073709551615),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e-3", -0.0015),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
    ],
)
def test_numbers(text: str, number: float) -> None:
    found = value(text)
    assert found == number
    assert type(found) is type(number)


def test_not_a_number() -> None:
    assert math.isnan(value(".nan"))


@pytest.mark.parametrize(
    "text",
    [
        "1:30",
        "2001-12-14",
        "2001-12-14T21:59:43Z",
        "yEs",
        "tRUE",
        "nil",
        "None",
        "0x",
        "1.2.3",
        "=",
        "1e",
        "v1",
        "08:00",
        "x{{workflow.name}}",
    ],
)
def test_texts_that_look_like_something_else(text: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize("text", ["'yes'", '"yes"', "!!str yes", "! yes"])
def test_quotes_and_tags_keep_a_text(text: str) -> None:
    assert value(text) == "yes"


def test_tags() -> None:
    assert value("!!int '5'") == 5
    assert value("!!float 5") == 5.0
    assert value("!!binary aGVsbG8=") == "hello"
    assert value("!unknown x") == "x"
    error = refused("a: 1\nb: !!int x\n")
    assert (error.kind, error.position) == (ErrorKind.TYPE, 8)


def test_keys_are_texts() -> None:
    assert yaml.load("1: a\ntrue: b\n1.5: c\nyes please: d\n") == {
        "1": "a",
        "true": "b",
        "1.5": "c",
        "yes please": "d",
    }
    for text in ("a: 1\n? [x]\n: 2\n", "a: 1\n? {b: c}\n: 2\n", "a: 1\n~: 2\n"):
        error = refused(text)
        assert error.kind is ErrorKind.TYPE
        assert error.position in (5, 7)


def test_block_texts() -> None:
    text = "a: |\n  x\n   y\n\nb: >-\n  x\n  y\n\n  z\nc: |+\n  x\n\n"
    assert yaml.load(text) == {"a": "x\n y\n", "b": "x y\nz", "c": "x\n\n"}


def test_the_later_of_two_equal_keys_stands_unless_strict() -> None:
    text = "a: 1\nb:\n  c: 1\n  c: 2\na: 3\n"
    assert yaml.load(text) == {"a": 3, "b": {"c": 2}}
    error = refused(text, strict=True)
    assert 'line 4: key "c" already set in map' in error.message
    assert 'line 5: key "a" already set in map' in error.message
    place = yaml.where(text, error)
    assert place is not None
    assert (place.line, place.column) == (4, 3)


def test_an_alias_is_a_copy() -> None:
    found = yaml.load("a: &x {b: [1]}\nc: *x\nd: &x 2\ne: *x\n")
    assert found == {"a": {"b": [1]}, "c": {"b": [1]}, "d": 2, "e": 2}
    found["a"]["b"].append(2)
    assert found["c"] == {"b": [1]}


def test_anchors_end_with_their_document() -> None:
    error = refused("a: &x 1\n---\nb: *x\n")
    assert error.kind is ErrorKind.NAME
    assert error.position == 15


@pytest.mark.parametrize("text", ["a: &x [*x]\n", "a: &x {b: *x}\n", "a: &x {<<: *x}\n"])
def test_an_anchor_cannot_hold_itself(text: str) -> None:
    assert "contains itself" in refused(text).message


def test_merges() -> None:
    text = (
        "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\n"
        "one: {<<: *x, b: 3}\nmany: {<<: [*x, *y], d: 3}\nquoted: {'<<': 1}\n"
    )
    found = yaml.load(text)
    assert found["one"] == {"a": 1, "b": 3}
    assert found["many"] == {"a": 1, "b": 1, "c": 2, "d": 3}
    assert found["quoted"] == {"<<": 1}


@pytest.mark.parametrize("source", ["1", "[1]", "[[{a: 1}]]", "null"])
def test_only_maps_can_be_merged(source: str) -> None:
    error = refused(f"b: 1\na: {{<<: {source}}}\n")
    assert "map merge requires map or sequence of maps" in error.message
    assert error.position is not None
    assert error.position >= 12


def test_documents() -> None:
    text = "# first\n---\na: 1\n...\n---\n---\n# nothing\n---\n- b\n--- c\n"
    assert [each.value for each in yaml.load_all(text)] == [{"a": 1}, ["b"], "c"]
    assert yaml.load("") is None
    assert yaml.load_all("---\n---\n") == []


def test_an_error_of_a_later_document_is_found() -> None:
    text = "a: 1\n---\nb: [\n"
    assert yaml.load(text) == {"a": 1}
    assert refused(text).kind is ErrorKind.SYNTAX


def test_json_is_yaml() -> None:
    document = {"a": [1, 2.5, None, True, "x\ty\u00e4"], "b": {"c": {}}}
    assert yaml.load(json.dumps(document)) == document


def test_line_ends_and_byte_order_marks() -> None:
    assert yaml.load("\ufeffa: 1\r\nb:\r\n- x\r\n") == {"a": 1, "b": ["x"]}


def test_what_aliases_and_merges_bring_in_is_where_it_was_written() -> None:
    text = "x: &x\n  a: 1\nb: *x\nc:\n  <<: *x\n  d: 2\ne: [{f: 3}]\n"
    [document] = yaml.load_all(text)
    assert document.value["c"] == {"a": 1, "d": 2}
    for path, line in (
        (("b",), 3),
        (("b", "a"), 2),
        (("c", "a"), 2),
        (("c", "d"), 6),
        (("c", "unknown"), 4),
        (("e", 0, "f"), 7),
        ((), 1),
    ):
        place = document.position(path)
        assert place is not None
        assert place.line == line, path


def test_an_error_can_be_placed() -> None:
    text = "a: 1\nb: [x\nc: 2\n"
    error = refused(text)
    place = yaml.where(text, error)
    assert place is not None
    assert place.line in (2, 3)
    assert yaml.where(text, LangError(ErrorKind.VALUE, "x")) is None
