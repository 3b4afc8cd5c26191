"""Messages on the wire agree with the examples of the encoding guide, and survive a round trip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import protobuf

FIELDS = st.lists(
    st.tuples(
        st.integers(1, 1 << 20),
        st.one_of(st.binary(min_size=1, max_size=300), st.integers(1, (1 << 64) - 1)),
    )
)


def test_the_examples_of_the_guide() -> None:
    assert protobuf.encode([(1, 150)]) == bytes.fromhex("089601")
    assert protobuf.encode([(2, "testing")]) == bytes.fromhex("120774657374696e67")
    nested = protobuf.encode([(3, protobuf.encode([(1, 150)]))])
    assert nested == bytes.fromhex("1a03089601")
    assert protobuf.encode([(1, -2)]) == bytes.fromhex("08feffffffffffffffff01")


def test_defaults_are_left_out() -> None:
    assert protobuf.encode([(1, 0), (2, ""), (3, b""), (4, False)]) == b""


def test_fixed_width_fields_are_bytes() -> None:
    assert protobuf.decode(b"\x0d\1\2\3\4\x11\1\2\3\4\5\6\7\x08") == {
        1: [b"\1\2\3\4"],
        2: [b"\1\2\3\4\5\6\7\x08"],
    }


@given(FIELDS)
def test_what_was_written_is_read(fields: list[tuple[int, protobuf.Value]]) -> None:
    expected: dict[int, list[protobuf.Value]] = {}
    for number, value in fields:
        expected.setdefault(number, []).append(value)
    assert protobuf.decode(protobuf.encode(fields)) == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(raw: bytes) -> None:
    try:
        protobuf.decode(raw)
    except protobuf.BadMessage:
        return


@pytest.mark.parametrize("raw", ["0a05616263", "08ff", "0b", "0d0102", "08" + "ff" * 10 + "01"])
def test_what_is_cut_or_unknown_is_refused(raw: str) -> None:
    with pytest.raises(protobuf.BadMessage):
        protobuf.decode(bytes.fromhex(raw))


def test_kinds_are_told_apart() -> None:
    fields = protobuf.decode(protobuf.encode([(1, 5), (2, b"x")]))
    assert protobuf.last_int(fields, 1) == 5
    assert protobuf.last_bytes(fields, 2) == b"x"
    assert protobuf.last_bytes(fields, 9) == b""
    with pytest.raises(protobuf.BadMessage):
        protobuf.last_bytes(fields, 1)
    with pytest.raises(protobuf.BadMessage):
        protobuf.last_int(fields, 2)
