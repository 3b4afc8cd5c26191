"""Go templates beyond the recordings: limits, values stay values, data is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from lang import gofmt, gotemplate, gotime, sprig
from lang.errors import ErrorKind, LangError

DATA: dict[str, Any] = {"Input": {"name": "{{ .Input.secret }}", "secret": "s", "n": 3.0}}


def render(source: str, data: Any = None) -> str:
    return gotemplate.compile(source).render(DATA if data is None else data)


@pytest.mark.parametrize(
    "source",
    [
        "{{ if true }}" * 500 + "{{ end }}" * 500,
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        '{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}',
        "{{ repeat 1000000000 .Input.name }}",
        "{{ range until 2000000 }}{{ end }}",
        "{{ range until 2000 }}{{ range until 2000 }}{{ end }}{{ end }}",
        "{{ indent 100000000 .Input.name }}",
        "{{ randAlpha 999999999 }}",
        '{{ $s := "xxxxxxxxxxxxxxxx" }}{{ range until 40 }}{{ $s = print $s $s }}{{ end }}{{ $s }}',
        '{{ regexReplaceAll "a*" (repeat 100000 "b") (repeat 1000 "c") }}',
        "x" * 70_000,
    ],
    ids=lambda source: source[:40],
)
def test_hostile_templates_end_in_a_named_error(source: str) -> None:
    with pytest.raises(LangError) as raised:
        render(source)
    assert raised.value.kind in {ErrorKind.LIMIT, ErrorKind.VALUE}


def test_a_value_is_never_read_as_a_template() -> None:
    assert render("{{ .Input.name }}") == "{{ .Input.secret }}"


def test_the_data_is_left_as_it_is() -> None:
    data = {"Input": {"a": {"b": 1}}}
    assert render('{{ set .Input "c" 2 | toJson }}', data) == '{"a":{"b":1},"c":2}'
    assert render('{{ unset .Input.a "b" | toJson }}', data) == "{}"
    assert data == {"Input": {"a": {"b": 1}}}


def test_a_template_sees_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "abc")
    assert render('[{{ env "SECRET_TOKEN" }}][{{ expandenv "$SECRET_TOKEN" }}]') == "[][]"
    assert "env" not in sprig.FUNCTIONS


@pytest.mark.parametrize(
    ("layout", "values", "text"),
    [
        ("%5d|%-5d|%05d|%+d", (42, 42, 42, 42), "   42|42   |00042|+42"),
        ("%x %X %o %b %#x", (255, 255, 8, 5, 255), "ff FF 10 101 0xff"),
        ("%s %q %x", ("a", "b", "hi"), 'a "b" 6869'),
        ("%v %v %v", (1.5, None, [1, "a"]), "1.5 <nil> [1 a]"),
        ("%d", ("x",), "%!d(string=x)"),
        ("%d %d", (1,), "1 %!d(MISSING)"),
        ("%s", (1, 2), "%!s(int=1)%!(EXTRA int=2)"),
        ("%6.2f|%e|%g", (3.14159, 1e6, 1e-7), "  3.14|1.000000e+06|1e-07"),
        ("%t %v", (True, False), "true false"),
        ("%c%U", (65, 0x1F600), "AU+1F600"),
        ("%*d", (5, 42), "   42"),
        ("%.2s|%.3v", ("hello", "hello"), "he|hel"),
        ("%999999999d", (1,), "%!(NOVERB)%!(EXTRA int=1)"),
        ("%[2]d %[1]d %d", (1, 2), "2 1 2"),
        ("%[3]d|%[x]d", (1, 2), "%!d(BADINDEX)|%!d(BADINDEX)"),
        ("%-6d|%+.2e|% d", (7, 1234.5, 3), "7     |+1.23e+03| 3"),
        ("%x|%X|%b", (2.5, -1.0, 1.0), "0x1.4p+01|-0X1P+00|4503599627370496p-52"),
        (
            "%#v %#v",
            ([1, "a", None], {"a": 1.5}),
            '[]interface {}{1, "a", interface {}(nil)} map[string]interface {}{"a":1.5}',
        ),
        ("%5t|%q|%#q|%+q", (True, "a`b", "ab", "é"), ' true|"a`b"|`ab`|"\\u00e9"'),
        ("%s %d", ([1, "a"], ["x"]), "[%!s(int=1) a] [%!d(string=x)]"),
        ("%*d|%-*d|%.*f", (4, 1, 4, 2, 1, 2.55), "   1|2   |2.5"),
        ("%#g|%#.3g|%08.3f", (1.0, 2.0, -3.14159), "1.00000|2.00|-003.142"),
        ("%!|%", (), "%!!(MISSING)|%!(NOVERB)"),
    ],
)
def test_printf_prints_as_go(layout: str, values: tuple[Any, ...], text: str) -> None:
    assert gofmt.sprintf(layout, *values) == text


@pytest.mark.parametrize(
    "layout",
    [
        gotime.RFC3339,
        "Mon Jan _2 15:04:05 2006",
        "Monday, 02-Jan-06 15:04:05 MST",
        "02 Jan 06 15:04 -0700",
        "2006-01-02 03:04:05 PM",
        "20060102150405",
    ],
)
def test_a_printed_time_reads_back(layout: str) -> None:
    moment = gotime.parse("2024-02-03T16:05:06Z", gotime.RFC3339)
    again = gotime.parse(gotime.format(moment, layout), layout)
    assert gotime.format(again, layout) == gotime.format(moment, layout)


@pytest.mark.parametrize(
    ("constraint", "version", "fits"),
    [
        ("^1.2.3", "1.9.0", True),
        ("^1.2.3", "2.0.0", False),
        ("~1.2.3", "1.2.9", True),
        ("~1.2.3", "1.3.0", False),
        (">=1.2, <2 || 3.x", "3.1.4", True),
        ("1.2 - 1.4", "1.4.9", True),
        ("^0.2.3", "0.3.0", False),
        (">1.0.0", "2.0.0-rc.1", False),
        ("!=1.0.0", "1.0.1", True),
        ("*", "1.2.3", True),
    ],
)
def test_semver_constraints(constraint: str, version: str, fits: bool) -> None:
    assert sprig.FUNCTIONS["semverCompare"](constraint, version) is fits
