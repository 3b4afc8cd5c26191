"""Content types as Go's `mime` package takes and refuses them."""

from __future__ import annotations

import pytest

from events.sources import hexadecimal, media_type


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        (" application/json ", "application/json"),
        ("application/json;", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ('application/json; Charset="a;b\\"c" ; x=y', "application/json"),
        ('application/json; a=""', "application/json"),
        ("application/json; a=1; A=1", "application/json"),
        ("application", "application"),
    ],
)
def test_a_media_type_is_read(header: str, kind: str) -> None:
    assert media_type.parse(header) == kind


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "mime: no media type"),
        (" ", "mime: no media type"),
        (";", "mime: no media type"),
        ("/json", "mime: no media type"),
        ("é/json", "mime: no media type"),
        ("a b/c", "mime: expected slash after first token"),
        ("application/", "mime: expected token after slash"),
        ("application/json, text/plain", "mime: unexpected content after media subtype"),
        ("application/json; charset", "mime: invalid media parameter"),
        ("application/json;;", "mime: invalid media parameter"),
        ("application/json; =a", "mime: invalid media parameter"),
        ('application/json; a="b', "mime: invalid media parameter"),
        ("application/json; a=ü", "mime: invalid media parameter"),
        ("application/json; a=1; a=2", "mime: duplicate parameter name"),
    ],
)
def test_what_is_none_is_named_in_the_references_words(header: str, words: str) -> None:
    with pytest.raises(media_type.BadMediaType) as error:
        media_type.parse(header)
    assert str(error.value) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0g", "encoding/hex: invalid byte: U+0067 'g'"),
        ("00 ", "encoding/hex: invalid byte: U+0020 ' '"),
        ("\u0661\u0661", "encoding/hex: invalid byte: U+0661 '\u0661'"),
        ("abc", "encoding/hex: odd length hex string"),
    ],
)
def test_hexadecimal_is_ascii_and_strict(text: str, words: str) -> None:
    with pytest.raises(hexadecimal.BadHex) as error:
        hexadecimal.decode(text)
    assert str(error.value) == words
    assert hexadecimal.decode("fFeE") == b"\xff\xee"
