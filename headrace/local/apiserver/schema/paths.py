"""Paths inside an object: cheap to extend while walking, written out only for a finding."""

from __future__ import annotations

from typing import Any

Path = tuple[Any, str | int] | None
"""Nested pairs, the last element outside."""


def text_of(path: Path) -> str:
    """`spec.templates[2].name`; map keys stand behind a dot too, as Kubernetes writes them."""
    parts: list[str] = []
    while path is not None:
        path, last = path
        parts.append(f"[{last}]" if isinstance(last, int) else f".{last}")
    return "".join(reversed(parts)).removeprefix(".")
