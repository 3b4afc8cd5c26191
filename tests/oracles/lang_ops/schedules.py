"""Schedules: cron, calendar sources, previous instants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from lang import calendar_schedule, cron

Case = dict[str, Any]


class _Next(Protocol):
    def next(self, after: datetime) -> datetime | None: ...


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _five(schedule: _Next, start: str) -> Case:
    found: list[str] = []
    now: datetime | None = datetime.fromisoformat(start)
    while len(found) < 5:
        now = schedule.next(now) if now is not None else None
        if now is None:
            break
        found.append(_text(now))
    return {"next": found}


def _calendar(case: Case) -> Case:
    parsed = calendar_schedule.parse(
        case.get("spec") or "", case.get("interval") or "", case.get("timezone") or ""
    )
    return _five(parsed, case["from"])


def _previous(case: Case) -> Case:
    moment = datetime.fromisoformat(case["from"])
    found = calendar_schedule.previous(case["spec"], moment, case.get("timezone") or "")
    return {"previous": _text(found) if found else None}


OPS: dict[str, Callable[[Case], Case]] = {
    "cron": lambda c: _five(cron.parse(c["spec"], c["timezone"]), c["from"]),
    "calendar": _calendar,
    "prev": _previous,
}
