"""What is written down about events, and under which keys.

Keys in the bus's table `records` (tokens, see `events.bus.subjects.token`):

    out.<event>.=                                  sensors whose filters left the event out
    out.<event>.<sensor uid>.<dependency>.<trigger>  what became of it there
    join.<sensor uid>.<trigger>.<dependency>       an event that waits for others
    fire.<firing key>                              a firing that is not over
    dead.<firing key>                              a firing that was given up, with the reason

One unit of the books is (event, sensor, dependency, trigger); a filtered event is one unit for
its dependency. received = fired + filtered + pending + dead holds over these keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from events.bus import subjects

TABLE = "records"
DURABLE = "sensors"
"""Name of the subscription whose position says how far events were decided."""


class State(StrEnum):
    """What became of an event."""

    PENDING = "pending"
    FIRED = "fired"
    FILTERED = "filtered"
    DEAD = "dead"


class Arrived(msgspec.Struct, frozen=True):
    """An event that passed a dependency. `event` is the (transformed) CloudEvent as JSON."""

    event: msgspec.Raw
    id: str
    sequence: int
    stored_at: float
    traceparent: str = ""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """One unit's state. `effect` names what was made, `reason` says why it was not.

    `sensor_uid` stands in the key and is filled in by who reads it there.
    """

    state: State
    namespace: str
    sensor: str
    dependency: str
    at: float
    trigger: str = ""
    firing: str = ""
    effect: str = ""
    reason: str = ""
    attempts: int = 0
    event_source: str = ""
    event_name: str = ""
    sequence: int = 0
    traceparent: str = ""
    sensor_uid: str = ""


class Firing(msgspec.Struct, omit_defaults=True):
    """A trigger's firing: the events that caused it, and how far it got.

    `events` holds all events handed to the trigger, by dependency.
    """

    key: str
    namespace: str
    sensor: str
    sensor_uid: str
    trigger: str
    generation: int
    events: dict[str, Arrived]
    created: float
    attempts: int = 0
    due: float = 0.0
    reason: str = ""


def firing_key(event_ids: Iterable[str], sensor_uid: str, trigger: str, generation: int) -> str:
    """32 hex digits: the same events, sensor, trigger and generation give the same key."""
    parts = [*sorted(event_ids), sensor_uid, trigger, str(generation)]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:%b" % (len(part.encode()), part.encode()))
    return digest.hexdigest()[:32]


def out_key(event_id: str, sensor_uid: str, dependency: str, trigger: str) -> str:
    """The key of one unit."""
    t = subjects.token
    return f"out.{t(event_id)}.{t(sensor_uid)}.{t(dependency)}.{t(trigger)}"


def unit_pattern(sensor_uid: str, trigger: str) -> str:
    """The keys of all units of one trigger."""
    return f"out.*.{subjects.token(sensor_uid)}.*.{subjects.token(trigger)}"


def filtered_key(event_id: str) -> str:
    """The key under which all filtered units of an event stand."""
    return f"out.{subjects.token(event_id)}.="


def join_key(sensor_uid: str, trigger: str, dependency: str) -> str:
    """The key of a waiting event."""
    t = subjects.token
    return f"join.{t(sensor_uid)}.{t(trigger)}.{t(dependency)}"


encode = msgspec.json.encode
decode_outcome = msgspec.json.Decoder(Outcome).decode
decode_filtered = msgspec.json.Decoder(list[Outcome]).decode
decode_firing = msgspec.json.Decoder(Firing).decode
decode_arrived = msgspec.json.Decoder(Arrived).decode
