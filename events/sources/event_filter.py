"""`filter.expression` of an EventSource: a boolean over the payload's top-level keys.

Semantics of the reference: unknown names are nil; a top-level `-` in a name is `_`; an error or
anything but true leaves the event out while the sender is told success.
"""

from __future__ import annotations

import structlog

from lang import expr_places
from lang.errors import LangError

_log = structlog.get_logger("events.sources.filter")


class EventFilter:
    """A compiled expression. Raises LangError when it cannot be compiled."""

    def __init__(self, expression: str) -> None:
        self._passes = expr_places.filter_program(expression)
        self._errors = 0

    def passes(self, data: bytes, owner: str) -> bool:
        """Whether the event with this payload goes on the bus."""
        try:
            return self._passes(expr_places.filter_payload(data.decode("utf-8", "replace")))
        except LangError as error:
            self._errors += 1
            if str(self._errors).rstrip("0") == "1":  # the first, tenth, hundredth…: no flood
                total = self._errors
                _log.warning("event_filter_error", owner=owner, error=error.message, total=total)
            return False
