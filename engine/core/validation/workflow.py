"""The whole workflow: entrypoint, arguments, templates by name, hooks."""

from __future__ import annotations

from engine.core.run import Run


def check(run: Run) -> None:
    """Raise SpecError for the first mistake."""
