"""Events of Slack's Events API whose members Slack leaves out where the reference prints a zero.

Sensors ask for `thread_ts` and the like also of what is in no thread. Everything that Slack sent is
kept; events of other types, and of a shape nobody expects, stay as they came. Called by `slack`.
"""

from __future__ import annotations

from events.sources import go_shape
from events.sources.go_shape import ANY, TEXT, Shape, Struct


def _event(texts: str, *lists: str) -> Struct:
    members: dict[str, Shape] = {"type": TEXT}
    members |= dict.fromkeys(texts.split(), TEXT) | dict.fromkeys(lists, ANY)
    return Struct(members, open=True)


_REACTION = _event("user reaction item_user event_ts")
_SHAPES = {
    "message": _event(
        "client_msg_id user text thread_ts ts channel channel_type event_ts", "blocks"
    ),
    "app_mention": _event("user text ts thread_ts channel event_ts", "blocks"),
    "app_home_opened": _event("user channel event_ts tab"),
    "emoji_changed": _event("subtype event_ts"),
    "link_shared": _event("user ts channel message_ts thread_ts event_ts", "links"),
    "member_joined_channel": _event("user channel channel_type team inviter event_ts"),
    "member_left_channel": _event("user channel channel_type team event_ts"),
    "reaction_added": _REACTION,
    "reaction_removed": _REACTION,
}


def shaped(kind: str, data: bytes) -> bytes:
    """The inner event `data` (JSON text) of type `kind`."""
    shape = _SHAPES.get(kind)
    if shape is None:
        return data
    try:
        return go_shape.shaped(data, shape)
    except go_shape.BadShape:
        return data
