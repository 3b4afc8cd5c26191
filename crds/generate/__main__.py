"""`python -m crds.generate [--check]`: write the generated files, or say which are stale."""

from __future__ import annotations

import sys
from pathlib import Path

from crds.generate import files

HOUSE = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Exit status 1 when `--check` finds a stale file."""
    stale = [path for path, text in files.generated().items() if _stale(HOUSE / path, text)]
    if "--check" not in arguments:
        for path in stale:
            (HOUSE / path).parent.mkdir(parents=True, exist_ok=True)
            (HOUSE / path).write_bytes(files.generated()[path])
    for path in stale:
        sys.stdout.write(f"{path}\n")
    return int(bool(stale) and "--check" in arguments)


def _stale(path: Path, text: bytes) -> bool:
    return not path.exists() or path.read_bytes() != text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
