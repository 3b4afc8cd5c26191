"""The recorded answers of the reference and how an answer is compared with one.

`outcome`: the same values, and an error where there is one. `exact`: error texts too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lang.errors import LangError
from tests.oracles.lang_runner import OPS

Case = dict[str, Any]
FOLDER = Path(__file__).parent.parent / "oracles" / "lang"
# Answers that are not given, for the reasons in docs/decisions/004-language-safety.md.
SAFER = frozenset(
    {
        ("process-args", "args-018"),
        ("filter-template", "template-035"),
        ("lua", "filter-050"),
        ("lua", "filter-051"),
        ("sjson", "doc-028"),
    }
)

_TEXTS = ("error", "panic", "validateError")
_SIDE = ("stage", "missing")
_MERGES = ("join", "templatedefaults", "podspecpatch", "processargs")
_EMPTY = (
    *("name", "resources", "inputs", "outputs", "metadata", "arguments", "status"),
    *("spec", "containers"),
)


def load(file: str) -> list[Case]:
    """The cases of a file that are to be answered as recorded."""
    cases: list[Case] = json.loads((FOLDER / f"{file}.json").read_text(encoding="utf-8"))
    return [case for case in cases if (file, case["id"]) not in SAFER]


def answer(case: Case) -> Case:
    try:
        return OPS[case["op"]](case)
    except LangError as error:
        return {"error": error.message}


def exact(case: Case, given: Case) -> bool:
    wanted = case["answer"]
    return "error" in given if "panic" in wanted else same(wanted, given)


def outcome(case: Case, given: Case) -> bool:
    wanted = case["answer"]
    if "panic" in wanted:
        return "error" in given
    if any((text in wanted) != (text in given) for text in ("error", "validateError")):
        return False
    left, right = (_values(side, case["op"]) for side in (wanted, given))
    return same(left, right)


def _values(side: Case, op: str) -> Any:
    kept = {key: value for key, value in side.items() if key not in _TEXTS + _SIDE}
    return trim(kept) if op in _MERGES else kept


def trim(value: Any) -> Any:
    """Without the empty fields that Go structures print unasked."""
    if isinstance(value, list):
        return [trim(item) for item in value]
    if isinstance(value, dict):
        kept = {key: trim(inner) for key, inner in value.items()}
        return {k: v for k, v in kept.items() if not (k in _EMPTY and v in ("", {}, None))}
    return value


def same(left: Any, right: Any) -> bool:
    """Equal in value and in type: 1, 1.0 and true are three things."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def failures(file: str, agrees: Callable[[Case, Case], bool]) -> Iterator[str]:
    for case in load(file):
        if not agrees(case, answer(case)):
            yield case["id"]
