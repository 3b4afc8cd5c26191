"""Recovery: the run of a workflow from its object and what is known of its leaves.

Crashing at any point and rebuilding reaches the same end: rows of the status are adopted, leaves
are asked for again under the same names (which the runtime finds again), waiting things wait
again from the moments the status holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.advance import advance
from engine.core.decisions import Decision
from engine.core.facts import LeafChanged, Submitted
from engine.core.run import Run


def rebuild(
    submitted: Submitted, leaves: Iterable[LeafChanged], now: float
) -> tuple[Run, list[Decision]]:
    """The run, and what it asks for now. `submitted.workflow` holds the last written status."""
    run = Run()
    decisions = advance(run, submitted, now)
    for fact in leaves:
        decisions += advance(run, fact, now)
    return run, decisions
