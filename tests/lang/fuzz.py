"""Mutates the recorded cases of every language and asks the languages again.

    python -m tests.lang.fuzz --seconds 60 [--seed 1]

Nothing but LangError may come out, and no case may take longer than five seconds. Prints how many
inputs were tried; ends with 1 and the input that broke the rule otherwise.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from lang.errors import LangError
from tests.oracles.lang_runner import OPS

FOLDER = Path(__file__).parent.parent / "oracles" / "lang"
# The text of a program, a path or a document, by the field that holds it.
FIELDS = (
    *("expr", "template", "path", "json", "filter", "conditions", "spec", "timezone", "data"),
    *("value", "text", "yaml", "script", "jq", "payload", "duration", "item"),
)
SLOW = frozenset(["transform", "luafilter", "jq"])  # each one is a trip to another process
PIECES = (
    *("(", ")", "[", "]", "{", "}", "{{", "}}", '"', "'", "`", "\\", "|", ".", "..", "?.", "#"),
    *("-1", "0", "9" * 30, "1e999", "\x00", "\ud800", "é", "²", "%", "*", "@", "$", ",", ":", ";"),
    *("let x = ", "map(", " in ", " and ", "not ", "??", "&&", "||", "==", " ", "\n", "~", "!"),
)
LONGEST = 5.0


def mutated(text: str, other: str, chance: random.Random) -> str:
    """A text a few edits away."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(text))
        match chance.randint(0, 5):
            case 0:
                text = text[:at] + chance.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randint(1, 4) :]
            case 2:
                end = chance.randint(at, len(text))
                text = text[:at] + text[at:end] * 2 + text[end:]
            case 3:
                text = text[:at] + other[chance.randint(0, len(other)) :]
            case 4:
                text = text[:at] + chr(chance.randint(1, 0x2FFF)) + text[at + 1 :]
            case _:
                text = text[::-1] if chance.random() < 0.1 else text.swapcase()
    return text[:5000]


def cases() -> list[dict[str, Any]]:
    """All recorded cases that have a text to change."""
    found = [
        {key: value for key, value in case.items() if key != "answer"}
        for path in sorted(FOLDER.glob("*.json"))
        for case in json.loads(path.read_text(encoding="utf-8"))
    ]
    return [case for case in found if fields(case)]


def fields(case: dict[str, Any]) -> list[str]:
    """The fields of a case that hold a text."""
    return [name for name in FIELDS if isinstance(case.get(name), str)]


def attempt(case: dict[str, Any]) -> str | None:
    """What is wrong with the answer to a case, None where nothing is."""
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        OPS[case["op"]](case)
    except LangError:
        return None
    except json.JSONDecodeError:
        return None  # of this harness: a document that is no JSON any more
    except Exception as error:  # the very thing that is looked for
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


class _TooLongError(Exception):
    """A case took longer than it may."""


def _too_long(_signal: int, _frame: object) -> None:
    raise _TooLongError(f"longer than {LONGEST} s")


def main() -> int:
    """Fuzz for a while; the number of broken rules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_long)
    chance = random.Random(options.seed)
    corpus = cases()
    end = time.monotonic() + options.seconds
    tried = 0
    while time.monotonic() < end:
        case = dict(chance.choice(corpus))
        if case["op"] in SLOW and chance.random() < 0.95:
            continue
        name = chance.choice(fields(case))
        other = chance.choice(corpus)
        case[name] = mutated(case[name], other[chance.choice(fields(other))], chance)
        problem = attempt(case)
        tried += 1
        if problem is not None:
            print(f"seed {options.seed}: {problem}\n{json.dumps(case)}")
            return 1
    print(f"{tried} inputs tried, seed {options.seed}: nothing but LangError")
    return 0


if __name__ == "__main__":
    sys.exit(main())
