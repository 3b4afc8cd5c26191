"""withSequence: the list of texts it stands for.

Owns counting up and down, `format` (Go's Sprintf with one int) and the bounds that keep a huge
count harmless. Semantics: Argo's `expandSequence`; `end` wins over `count`. Caller: loops.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lang import gojson, sequence_format, strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError, Limits


def expand(with_sequence: Mapping[str, Any], limits: Limits = DEFAULT_LIMITS) -> list[str]:
    """The items as texts. `count`, `start`, `end` are ints or decimal texts.

    Raises LangError(VALUE) for a bad number or format, LIMIT beyond `limits.steps` items or
    `limits.result` bytes.
    """
    start, end = _bounds(with_sequence)
    if start is None or end is None:
        return []
    if abs(end - start) >= limits.steps:
        message = f"withSequence has more than {limits.steps} items"
        raise LangError(ErrorKind.LIMIT, message)
    numbers = range(start, end + 1) if start <= end else range(start, end - 1, -1)
    pattern = str(with_sequence.get("format") or "")
    if not pattern:
        return [str(number) for number in numbers]
    return _formatted(pattern, numbers, limits)


def _bounds(spec: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """First and last number, both inclusive; None for an empty sequence."""
    start = _integer(spec["start"]) if spec.get("start") is not None else 0
    if spec.get("end") is not None:
        return start, _integer(spec["end"])
    if spec.get("count") is not None:
        count = _integer(spec["count"])
        return (None, None) if count == 0 else (start, start + count - 1)
    raise LangError(ErrorKind.VALUE, "neither end nor count was specified in withSequence")


def _integer(value: int | str) -> int:
    return strconv.atoi(value) if isinstance(value, str) else int(value)


def _formatted(pattern: str, numbers: range, limits: Limits) -> list[str]:
    items: list[str] = []
    size = 0
    for number in numbers:
        text = sequence_format.render(pattern, number)
        size += len(text)
        if size > limits.result:
            message = f"withSequence is larger than {limits.result} bytes"
            raise LangError(ErrorKind.LIMIT, message)
        # The reference pastes the text between quotes and reads that as JSON.
        items.append(_as_json_string(text))
    return items


def _as_json_string(text: str) -> str:
    value = gojson.parse(f'"{text}"')
    return str(gojson.dumps(value))[1:-1] if "\\" in text else text
