"""`calendar` in virtual time: ticks, days of rest, the ConfigMap, catching up, outages."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from crds import decode
from crds.eventsource_local import CalendarEventSource
from events.sources.calendar import _plan
from events.sources.contract import SourceError
from headrace.local.apiserver.inprocess import InProcessCluster
from kube.errors import NotFound
from kube.resources import CONFIGMAPS
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving
from tests.kube.fake import ManualClock

START = 1_000_000.0  # 1970-01-12 13:46:40
KEEP = {"configMap": {"name": "ticks", "createIfNotExist": True}, "catchup": {"enabled": True}}

SOON = {"enabled": True, "maxDuration": "soon"}


def times(bus: WatchedBus) -> list[str]:
    return [data["eventTime"] for data in bus.data()]


async def test_ticks_come_at_their_moments() -> None:
    bus, clock = WatchedBus(), ManualClock()
    async with serving({}, clock=clock) as served:
        given = {"schedule": "50 * * * *", "metadata": {"x": "y"}}
        await served.serve(bus, "calendar", "c", given)
        await clock.advance(199)
        assert bus.events() == []
        await clock.advance(3601)
    assert bus.data()[0] == {"eventTime": "1970-01-12 13:50:00 +0000 UTC", "metadata": {"x": "y"}}
    assert times(bus)[1:] == ["1970-01-12 14:50:00 +0000 UTC"]
    assert bus.events()[0].type == "calendar"


async def test_an_interval_counts_from_the_start() -> None:
    bus, clock = WatchedBus(), ManualClock()
    async with serving({}, clock=clock) as served:
        await served.serve(bus, "calendar", "c", {"interval": "90s"})
        await clock.advance(200)
    assert [time[11:19] for time in times(bus)] == ["13:48:10", "13:49:40"]


async def test_the_zone_and_days_of_rest_count() -> None:
    bus, clock = WatchedBus(), ManualClock()
    given = {
        "schedule": "0 9 * * *",
        "timezone": "Asia/Tokyo",
        "exclusionDates": ["EXDATE:19700113T000000Z", "19700115"],
    }
    async with serving({}, clock=clock) as served:
        await served.serve(bus, "calendar", "c", given)
        await clock.advance(4 * 86_400)
    assert [time[:16] for time in times(bus)] == ["1970-01-14 00:00", "1970-01-16 00:00"]


async def test_what_is_left_out_by_the_filter_is_done() -> None:
    bus, clock = WatchedBus(), ManualClock()
    given = {"interval": "1m", "filter": {"expression": 'eventTime contains ":48:"'}}
    async with serving({}, clock=clock) as served:
        await served.serve(bus, "calendar", "c", given)
        await clock.advance(200)
    assert [time[11:16] for time in times(bus)] == ["13:48"]


async def test_a_tick_is_kept_and_what_was_missed_follows_once(
    cluster: InProcessCluster,
) -> None:
    bus, clock = WatchedBus(), ManualClock()
    given = {"interval": "1m", "persistence": KEEP}
    async with serving({}, clock=clock, cluster=cluster) as served:
        await served.serve(bus, "calendar", "c", given)
        await clock.advance(61)
        await bus.holds(1)
        await eventually_kept(cluster, "13:47:40")
        await served.stop()
        await clock.advance(180)
        await served.serve(bus, "calendar", "c", given)
        await bus.holds(4)
        await eventually_kept(cluster, "13:50:40")
        await served.stop()
        await served.serve(bus, "calendar", "c", given)
        await clock.advance(60)
        await bus.holds(5)
    found = [time[11:19] for time in times(bus)]
    assert found == ["13:47:40", "13:48:40", "13:49:40", "13:50:40", "13:51:40"]


async def eventually_kept(cluster: InProcessCluster, moment: str) -> None:
    while True:
        found = await cluster.get(CONFIGMAPS, "argo", "ticks")
        if moment in (found.get("data") or {}).get("hooks.c", ""):
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("kept", "catchup", "expected"),
    [
        ("1970-01-12 13:43:40.5 +0000 UTC m=+0.01", {"enabled": True}, ["44", "45", "46"]),
        ("1970-01-12 14:44:40 +0100 CET", {"enabled": True}, ["45", "46"]),
        ("1970-01-12 13:43:40 +0000 UTC", {"enabled": True, "maxDuration": "90s"}, ["46"]),
        ("1970-01-12 13:43:40 +0000 UTC", {"enabled": False}, []),
        ("2026-01-12 13:43:40 +0000 UTC", {"enabled": True}, []),
    ],
)
async def test_catching_up_begins_where_it_should(
    cluster: InProcessCluster, kept: str, catchup: dict[str, Any], expected: list[str]
) -> None:
    value = json.dumps({"eventTime": kept, "metadata": None})
    body = {"metadata": {"name": "ticks"}, "data": {"hooks.c": value, "other": "stays"}}
    await cluster.create(CONFIGMAPS, "argo", body)
    bus, clock = WatchedBus(), ManualClock()
    persistence = {"configMap": {"name": "ticks"}, "catchup": catchup}
    async with serving({}, clock=clock, cluster=cluster) as served:
        given = {"schedule": "* * * * *", "persistence": persistence}
        await served.serve(bus, "calendar", "c", given)
        await bus.holds(len(expected))
        await clock.advance(20)  # 13:47:00
        await bus.holds(len(expected) + 1)
    assert [time[14:16] for time in times(bus)] == [*expected, "47"]
    assert (await cluster.get(CONFIGMAPS, "argo", "ticks"))["data"]["other"] == "stays"


async def test_an_outage_of_the_bus_loses_no_tick() -> None:
    bus, clock = WatchedBus(), ManualClock()
    bus.away = True
    async with serving({}, clock=clock) as served:
        await served.serve(bus, "calendar", "c", {"interval": "1s"})
        await clock.advance(5)
        await bus.until(lambda: bool(bus.attempts))
        bus.away = False
        await bus.holds(5)
    assert [time[17:19] for time in times(bus)] == ["41", "42", "43", "44", "45"]


async def test_a_tick_has_the_same_id_after_a_crash() -> None:
    ids = []
    for _ in range(2):
        bus, clock = WatchedBus(), ManualClock()
        async with serving({}, clock=clock) as served:
            await served.serve(bus, "calendar", "c", {"schedule": "@hourly"})
            await clock.advance(3600)
            await bus.holds(1)
        ids.append(bus.events()[0].id)
    assert ids[0] == ids[1]


def test_a_clock_change_skips_a_tick_that_is_not_there() -> None:
    spec, _ = decode.decode(
        {"schedule": "30 2 * * *", "timezone": "Europe/Paris"}, CalendarEventSource
    )
    plan = _plan(spec, "spec.calendar.c")
    before = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()
    found = plan.next(before)
    assert found is not None
    assert datetime.fromtimestamp(found, UTC) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


async def test_a_schedule_without_a_time_says_so() -> None:
    notes = list[str]()
    async with serving({}) as served:
        given = {"schedule": "0 0 30 2 *"}
        await served.serve(WatchedBus(), "calendar", "c", given, notes=notes)
        await eventually(lambda: notes[-1] == "the schedule has no further time")


async def test_a_missing_config_map_is_named_or_made(cluster: InProcessCluster) -> None:
    given: dict[str, Any] = {"interval": "1m", "persistence": {"configMap": {"name": "none"}}}
    async with serving({}, cluster=cluster) as served:
        with pytest.raises(SourceError, match=r"configMap\.name: ConfigMap 'none' does not exist"):
            await served.serve(WatchedBus(), "calendar", "c", given)
        with pytest.raises(NotFound):
            await cluster.get(CONFIGMAPS, "argo", "none")
        given["persistence"]["configMap"]["createIfNotExist"] = True
        await served.serve(WatchedBus(), "calendar", "c", given)
    await cluster.get(CONFIGMAPS, "argo", "none")


async def test_a_value_that_is_none_is_not_passed_over(cluster: InProcessCluster) -> None:
    body = {"metadata": {"name": "ticks"}, "data": {"hooks.c": '{"eventTime": "soon"}'}}
    await cluster.create(CONFIGMAPS, "argo", body)
    async with serving({}, cluster=cluster) as served:
        given = {"interval": "1m", "persistence": KEEP}
        with pytest.raises(SourceError, match=r"persistence\.configMap: the key 'hooks\.c'"):
            await served.serve(WatchedBus(), "calendar", "c", given)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "must contain either a schedule or an interval"),
        ({"schedule": "* * *"}, "schedule: "),
        ({"schedule": "* * * * *", "timezone": "Mars/Here"}, "timezone: "),
        ({"interval": "soon"}, "interval: "),
        ({"interval": "10ms"}, "interval: must be one second"),
        ({"interval": "1m", "exclusionDates": ["EXDATE:20261301"]}, r"exclusionDates\[0\]: "),
        ({"interval": "1m", "persistence": {"configMap": {}}}, r"persistence\.configMap\.name"),
        (
            {
                "interval": "1m",
                "persistence": {**KEEP, "catchup": {"enabled": True, "maxDuration": "x"}},
            },
            r"persistence\.catchup\.maxDuration",
        ),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving({}) as served:
        with pytest.raises(SourceError, match=rf"spec\.calendar\.c(: |\.){words}"):
            await served.serve(WatchedBus(), "calendar", "c", wrong)
