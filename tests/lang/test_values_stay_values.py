"""Values put into templates are never scanned and never become structure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lang import inputs, tag_text, tags
from lang.errors import LangError

HOSTILE = [
    "{{secret}}",
    "{{=secret}}",
    '"},"secret":"{{secret}}',
    "}}{{secret}}{{",
    "{{",
    "\x00\x1b[0m\u2028",
    "\\",
    '"',
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_arrives_as_it_is(value: str) -> None:
    scope = {"a": value, "secret": "s3cr3t"}
    tree = {"x": "<{{a}}>", "y": ["{{ a }}", {"{{a}}": 1}]}
    assert tags.render(tree, scope) == {"x": f"<{value}>", "y": [value, {value: 1}]}


@pytest.mark.parametrize("value", HOSTILE)
def test_a_bound_value_is_not_scanned_by_a_later_pass(value: str) -> None:
    template = tags.compile("{{a}}/{{b}}").bind({"a": value})
    assert template.render({"b": "B", "secret": "s3cr3t"}) == f"{value}/B"


@pytest.mark.parametrize("value", HOSTILE)
def test_an_argument_is_not_scanned_when_inputs_are_resolved(value: str) -> None:
    template = {
        "name": "t",
        "inputs": {"parameters": [{"name": "p"}]},
        "container": {"image": "i", "args": ["{{inputs.parameters.p}}", "{{secret}}"]},
    }
    arguments = {"parameters": [{"name": "p", "value": value}]}
    resolved = inputs.resolve(template, arguments, inputs.Surroundings({"secret": "s3cr3t"}))
    assert resolved.tree()["container"]["args"] == [value, "s3cr3t"]
    assert resolved.tree()["inputs"]["parameters"] == [{"name": "p", "value": value}]


def test_an_inner_value_names_what_is_read_but_opens_no_tag() -> None:
    template = tags.compile("{{in.{{which}}}}")
    assert template.render({"which": "a", "in.a": "1"}) == "1"
    assert template.render({"which": "a}} {{secret", "secret": "s"}, allow_unresolved=True) == (
        "{{in.a}} {{secret}}"
    )


def test_an_inner_value_never_becomes_an_expression() -> None:
    rendered = tags.render("{{{a}}{=1}}{{b.{{c}}}}", {"{a": "", "c": "d"}, allow_unresolved=True)
    assert rendered.endswith("{{b.d}}")


def test_a_tag_over_the_end_of_a_string_is_not_replaced() -> None:
    text = '{"a":"{{x","b":"y}}"}'
    assert tag_text.replace(text, {'x","b":"y': "boo"}, allow_unresolved=True) == text


def test_a_member_of_a_json_object_can_be_named() -> None:
    scope = {"inputs.parameters.batch": '{"start": 10, "deep": {"k": ["v"]}, "s": "t"}'}
    tree = ["{{inputs.parameters.batch.start}}", "{{inputs.parameters.batch.deep.k}}"]
    assert tags.render(tree, scope) == ["10", '["v"]']
    with pytest.raises(LangError):
        tags.render("{{inputs.parameters.batch.nope}}", scope)


@given(st.text(), st.text())
def test_any_value_renders_to_itself(first: str, second: str) -> None:
    template: Any = {"k": ["{{a}}{{b}}", "{{b}}"]}
    expected = {"k": [first + second, second]}
    assert tags.render(template, {"a": first, "b": second}) == expected
    assert tags.compile(template).bind({"a": first}).render({"b": second}) == expected
