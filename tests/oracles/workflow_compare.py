"""Compares what the engine made of recorded workflow cases with what was recorded.

    python -m tests.oracles.workflow_compare [-v] [CASE.yaml...]

Prints each difference, and the score at the end. Masked as the recordings say: a pod's
`activeDeadlineSeconds` may differ by one second, `PodRunning` may be left out.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import yaml

from tests.oracles import workflow_runner

CASES = Path(__file__).parent / "workflows" / "cases"


def differences(found: Any, wanted: Any, path: str = "") -> list[str]:
    """Where `found` differs from `wanted`, one line each."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        lines = []
        for key in sorted({*found, *wanted}):
            if key not in found:
                lines.append(f"{path}/{key}: missing, wanted {wanted[key]!r}")
            elif key not in wanted:
                lines.append(f"{path}/{key}: surplus {found[key]!r}")
            elif key == "activeDeadlineSeconds" and abs(found[key] - wanted[key]) <= 1:
                continue
            elif key == "conditions":
                lines += _conditions(found[key], wanted[key], f"{path}/{key}")
            else:
                lines += differences(found[key], wanted[key], f"{path}/{key}")
        return lines
    if found != wanted:
        return [f"{path}: {found!r}, wanted {wanted!r}"]
    return []


def _conditions(found: list[str], wanted: list[str], path: str) -> list[str]:
    if not any(c.startswith("PodRunning") for c in wanted):
        found = [c for c in found if not c.startswith("PodRunning")]
    return [] if found == wanted else [f"{path}: {found!r}, wanted {wanted!r}"]


def check(path: Path, crash_at: int = 0) -> list[str]:
    """The differences of one case."""
    wanted = yaml.safe_load(path.read_text(encoding="utf-8"))["expected"]
    return differences(workflow_runner.play(path, crash_at), wanted)


def main(words: list[str]) -> int:
    verbose = "-v" in words
    paths = [Path(w) for w in words if w != "-v"] or sorted(CASES.glob("*.yaml"))
    bad = 0
    for path in paths:
        try:
            lines = check(path)
        except Exception:
            lines = [traceback.format_exc()[-1500:] if verbose else repr(sys.exc_info()[1])]
        if lines:
            bad += 1
            print(f"== {path.stem}")
            for line in lines[: 40 if verbose else 4]:
                print("   ", line[:400])
    print(f"{len(paths) - bad} of {len(paths)} agree")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
