"""The state of one run: the environment, `let` values, what `#` stands for, steps left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError


class Frame:
    """Mutable, one for each evaluation; predicates save and restore `item` and its kin."""

    __slots__ = ("accumulator", "env", "index", "item", "locals", "steps")

    def __init__(self, env: Mapping[str, Any]) -> None:
        self.env = env
        self.locals: dict[int, Any] = {}
        self.item: Any = None
        self.index = 0
        self.accumulator: Any = None
        self.steps = DEFAULT_LIMITS.steps

    def spend(self, steps: int) -> None:
        """Count steps. Raises LangError(LIMIT) when they are used up."""
        self.steps -= steps
        if self.steps < 0:
            raise LangError(ErrorKind.LIMIT, "step budget exceeded")


Closure = Callable[[Frame], Any]
