"""`filter.expression` of an EventSource: a boolean over the payload's top-level keys.

Semantics of the reference: unknown names are nil; a top-level `-` in a name is `_`; an error or
anything but true leaves the event out while the sender is told success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import structlog

from events.languages import language
from lang import gojson
from lang.errors import LangError

_log = structlog.get_logger("events.sources.filter")


class EventFilter:
    """A compiled expression. Raises LangError when it cannot be compiled."""

    def __init__(self, expression: str) -> None:
        program = language("expr").compile(expression, site="events")
        self._evaluate: Callable[[Mapping[str, Any]], Any] = program.eval

    def passes(self, data: bytes, owner: str) -> bool:
        """Whether the event with this payload goes on the bus."""
        try:
            payload = orjson.loads(data)
        except orjson.JSONDecodeError:
            payload = gojson.parse(data.decode())
        try:
            verdict = self._evaluate(payload)
        except LangError as error:
            _log.warning("event_filter_error", owner=owner, error=error.message)
            return False
        return verdict is True
