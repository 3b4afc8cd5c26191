"""`log`: one log line per event of the firing, at most one in `intervalSeconds`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from events.triggers.contract import FiringContext

_MAX_DATA = 4096


class LogTrigger:
    """See `Trigger`. One object serves all log triggers of the process."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("events.triggers.log")
        self._last: dict[tuple[str, str, str], float] = {}

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """Anything goes."""
        return None

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Write the lines."""
        place = (context.namespace, context.sensor, context.trigger)
        now = context.services.clock.now()
        interval = float(spec.get("intervalSeconds") or 0)
        if interval and now - self._last.get(place, float("-inf")) < interval:
            return "log (within the interval)"
        self._last[place] = now
        for dependency, event in sorted(context.events.items()):
            self._log.info(
                "event",
                sensor=f"{context.namespace}/{context.sensor}",
                trigger=context.trigger,
                dependency=dependency,
                context=event.context(),
                data=event.data[:_MAX_DATA].decode("utf-8", "replace"),
            )
        return "log"
