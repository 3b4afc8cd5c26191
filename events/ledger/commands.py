"""Commands to the sensors of a bus travel over the bus: durable, in order, from any process.

The table has one writer; whoever else wants something changed there publishes it as a command.
`=control` cannot be the token of any event source.
"""

from __future__ import annotations

import re
import uuid

import msgspec

from events.bus.contract import Bus, Message

_SOURCE = "=control"
_KEY = re.compile(r"[0-9a-f]{32}\Z")


class _Redrive(msgspec.Struct):
    key: str = ""


def is_command(subject: str) -> bool:
    """Whether a message on `subject` is a command."""
    return subject.split(".")[1:2] == [_SOURCE]


async def redrive(bus: Bus, prefix: str, key: str = "") -> None:
    """Put the dead letter of firing `key` (empty: all of them) back to work."""
    body = msgspec.json.encode(_Redrive(key))
    await bus.publish(Message(f"{prefix}.{_SOURCE}.redrive", uuid.uuid4().hex, body))


def redrive_pattern(message: Message) -> str | None:
    """Keys of the table the command means; None when it is no such command."""
    if message.subject.split(".")[2:] != ["redrive"]:
        return None
    try:
        key = msgspec.json.decode(message.data, type=_Redrive).key
    except msgspec.MsgspecError:
        return None
    if not key:
        return "dead.*"
    return f"dead.{key}" if _KEY.match(key) else None
