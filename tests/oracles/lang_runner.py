"""Answers cases of the recorded language answers: JSON lines in, JSON lines out.

    python tests/oracles/lang_runner.py < cases.jsonl

Each line is a case without its answer; each answer carries the case's `id`. Only public functions
of the houses are called. A case that makes one crash is answered with an error, and the next one
is answered all the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lang.errors import LangError
from tests.oracles.lang_ops import (
    conditions,
    expressions,
    filters,
    names,
    objects,
    queries,
    schedules,
    scripts,
    tags,
    templates,
)

Case = dict[str, Any]
OPS: dict[str, Callable[[Case], Case]] = {
    **conditions.OPS,
    **expressions.OPS,
    **filters.OPS,
    **names.OPS,
    **objects.OPS,
    **queries.OPS,
    **schedules.OPS,
    **scripts.OPS,
    **tags.OPS,
    **templates.OPS,
}


def answer(case: Case) -> Case:
    """The answer to one case."""
    try:
        return OPS[case["op"]](case)
    except LangError as error:
        return {"error": error.message}
    except Exception as error:  # the runner must outlive any case
        return {"error": f"crash: {type(error).__name__}: {error}"}


def main() -> None:
    """Answer every line of standard input."""
    for line in sys.stdin:
        if line.strip():
            case = json.loads(line)
            found = {"id": case.get("id"), **answer(case)}
            print(json.dumps(found, ensure_ascii=True), flush=True)


if __name__ == "__main__":
    main()
