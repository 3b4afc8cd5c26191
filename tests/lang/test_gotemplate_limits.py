"""Templates that would run for ever, or fill the memory, end in a LIMIT error instead.

The dangerous ones are small in memory: values that hold another value twice, forty times over.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lang import gotemplate, sprig, treesize
from lang.errors import ErrorKind, LangError

LISTS = "{{ $l := list 1 }}{{ range until 40 }}{{ $l = list $l $l }}{{ end }}"
PAIRS = (
    "{{ $l := list 1 }}{{ $m := list 1 }}"
    "{{ range until 40 }}{{ $l = list $l $l }}{{ $m = list $m $m }}{{ end }}"
)
DICTS = '{{ $l := dict "a" 1 }}{{ range until 40 }}{{ $l = dict "a" $l "b" $l }}{{ end }}'
CYCLE = '{{ $d := dict }}{{ $_ := set $d "x" $d }}'


@pytest.mark.parametrize(
    "source",
    [
        LISTS + "{{ $l }}",
        LISTS + "{{ toJson $l }}",
        LISTS + "{{ toPrettyJson $l }}",
        LISTS + '{{ printf "%d" $l }}',
        LISTS + '{{ printf "%#v" $l }}',
        LISTS + "{{ quote $l }}",
        LISTS + '{{ join "," $l }}',
        PAIRS + "{{ deepEqual $l $m }}",
        PAIRS + "{{ has $l (list $m) }}",
        PAIRS + "{{ uniq (list $l $m) }}",
        PAIRS + "{{ without (list $l) $m }}",
        DICTS + "{{ range $l }}{{ . }}{{ end }}",
        DICTS + '{{ merge (dict) (dict "x" $l) }}',
        CYCLE + "{{ $d }}",
        CYCLE + "{{ toJson $d }}",
        "{{ $l := list 1 }}{{ range until 50000 }}{{ $l = list $l }}{{ end }}{{ $l }}",
        "{{ $l := list 1 }}{{ range until 60 }}{{ $l = concat $l $l }}{{ end }}",
        "{{ $l := until 900000 }}{{ range until 100000 }}{{ $x := append $l 1 }}{{ end }}",
        '{{ range until 300000 }}{{ $x := printf "%999999d" 1 }}{{ end }}',
        '{{ $s := repeat 16000000 "a" }}{{ range until 100000 }}{{ $x := sha512sum $s }}{{ end }}',
        '{{ snakecase (repeat 8000000 "aB") }}',
        '{{ $s := repeat 900000 "ab" }}{{ $x := regexFindAll "a" $s -1 }}{{ regexMatch "a" $s }}',
        '{{ date (repeat 5000 "2006") (toDate "2006" "2024") }}',
        '{{ indent 100000 (repeat 100000 "\\n") }}',
    ],
    ids=range(24),
)
def test_what_would_never_end_ends(source: str) -> None:
    with pytest.raises(LangError) as raised:
        gotemplate.compile(source).render({})
    assert raised.value.kind is ErrorKind.LIMIT


@pytest.mark.parametrize(
    "source",
    [
        "{{ len (uniq (until 50000)) }}",
        '{{ len (uniq (splitList "," (repeat 20000 "a,b"))) }}',
        "{{ len (without (until 50000) " + " ".join(map(str, range(2000))) + ") }}",
    ],
)
def test_long_lists_are_not_compared_item_by_item(source: str) -> None:
    assert int(gotemplate.compile(source).render({})) > 1


def test_a_value_of_ordinary_size_may_be_shared() -> None:
    shared = {"a": [1, 2, 3]}
    treesize.check([shared] * 1000)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(sprig.FUNCTIONS)), st.data())
def test_a_function_gives_a_value_or_a_lang_error(name: str, data: Any) -> None:
    function = sprig.FUNCTIONS[name]
    count = len(function.parameters) + (2 if function.rest else 0)
    arguments = [data.draw(VALUES) for _ in range(count)]
    with suppress(LangError):
        function(*arguments)


@given(st.text("{}.|$()\"'`ab1 -:=,", max_size=40))
def test_any_action_is_a_template_or_a_lang_error(text: str) -> None:
    with suppress(LangError):
        gotemplate.compile("{{" + text + "}}").render({"a": {"b": [1, "x"]}})
