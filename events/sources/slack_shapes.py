"""Interactions and slash commands of Slack in the shape of the reference.

Members that Slack sends and the reference's types do not know are kept, at the end of their
object. Source of the names: Slack's documentation of interaction payloads, and recordings.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from events.sources import go_shape, http_body
from events.sources.go_shape import (
    ANY,
    FLAG,
    NUMBER,
    TEXT,
    Leaf,
    Many,
    Named,
    Pointer,
    Shape,
    Struct,
)
from events.sources.slack_files import FILE

_VALUE = Struct({"value": TEXT, "creator": TEXT, "last_set": NUMBER}, open=True)
_TOPICS = {"topic": _VALUE, "purpose": _VALUE}
_CHANNEL_FLAGS = (
    "is_open is_group is_shared is_im is_ext_shared is_org_shared is_global_shared"
    " is_pending_ext_shared is_private is_read_only is_mpim is_user_deleted"
)
_PROFILE = (
    "real_name real_name_normalized display_name display_name_normalized avatar_hash image_24"
    " image_32 image_48 image_72 image_192 image_512"
)
_USER_FLAGS = (
    "is_bot is_admin is_owner is_primary_owner is_restricted is_ultra_restricted is_stranger"
    " is_app_user is_connector_bot is_workflow_bot is_invited_user is_email_confirmed"
)


def _each(names: str, shape: Shape) -> dict[str, Shape]:
    return dict.fromkeys(names.split(), shape)


_TEAM = Struct(_each("id name domain", TEXT), open=True)
_CHANNEL = Struct(
    {
        "id": TEXT,
        "created": NUMBER,
        **_each(_CHANNEL_FLAGS, FLAG),
        "unlinked": NUMBER,
        "name_normalized": TEXT,
        "num_members": NUMBER,
        "priority": NUMBER,
        **_each("user name creator", TEXT),
        "is_archived": FLAG,
        "members": ANY,
        **_TOPICS,
        **_each("is_channel is_general is_member", FLAG),
        "locale": TEXT,
        "properties": ANY,
    },
    open=True,
)
_ENTERPRISE_USER = Struct(
    {
        **_each("id enterprise_id enterprise_name", TEXT),
        **_each("is_admin is_owner is_primary_owner", FLAG),
        "teams": ANY,
    },
    open=True,
)
_USER = Struct(
    {
        **_each("id team_id name username?", TEXT),
        "deleted": FLAG,
        **_each("color real_name tz_label", TEXT),
        "tz_offset": NUMBER,
        "profile": Struct(
            {**_each(f"{_PROFILE} team", TEXT), "fields": Leaf(b"{}")},
            open=True,
        ),
        **_each(_USER_FLAGS, FLAG),
        "two_factor_type": ANY,
        "has_files": FLAG,
        **_each("presence locale", TEXT),
        "updated": NUMBER,
        "enterprise_user": _ENTERPRISE_USER,
    },
    open=True,
)
_MESSAGE = Struct(
    {
        **_each("replace_original delete_original", FLAG),
        "metadata": Struct({"event_type": TEXT, "event_payload": ANY}, open=True),
        "attachments?": Many(Struct({"blocks": ANY}, open=True)),
        "files?": Many(FILE),
        "blocks": ANY,
    },
    open=True,
)
_OPTION = Struct({"text": ANY, "value": TEXT}, open=True)
_OPTIONS = Many(_OPTION)
_ACTION = Struct(
    {
        **_each("action_id block_id type", TEXT),
        "text": Struct(_each("type text", TEXT), open=True),
        "value": TEXT,
        "files": Many(FILE),
        "action_ts": TEXT,
        "selected_option": _OPTION,
        "selected_options": _OPTIONS,
        "selected_user": TEXT,
        "selected_users": ANY,
        "selected_channel": TEXT,
        "selected_channels": ANY,
        "selected_conversation": TEXT,
        "selected_conversations": ANY,
        **_each("selected_date selected_time", TEXT),
        "selected_date_time": NUMBER,
        "timezone": TEXT,
        "initial_option": _OPTION,
        **_each("initial_user initial_channel initial_conversation", TEXT),
        **_each("initial_date initial_time", TEXT),
        "rich_text_value": Struct({"type": TEXT, "elements": ANY}, open=True),
    },
    open=True,
)
_STATE = Struct({"values": Named(Named(_ACTION))}, open=True)
_BLOCK_STATE = Pointer(_STATE, b"{}")
_ATTACHMENT_OPTION = Struct(_each("text value", TEXT), open=True)
_ATTACHMENT_ACTION = Struct(
    {**_each("name text type", TEXT), "selected_options?": Many(_ATTACHMENT_OPTION)}, open=True
)
_VIEW = Struct(
    {
        "ok": FLAG,
        **_each("error warning", TEXT),
        "response_metadata": Struct(
            {"next_cursor": TEXT, "messages": ANY, "warnings": ANY}, open=True
        ),
        **_each("id team_id type", TEXT),
        **_each("title close submit blocks", ANY),
        **_each("private_metadata callback_id", TEXT),
        "state": Pointer(_STATE),
        "hash": TEXT,
        **_each("clear_on_close notify_on_close", FLAG),
        **_each("root_view_id previous_view_id app_id external_id bot_id", TEXT),
        "app_installed_team_id": TEXT,
    },
    open=True,
)
_CONTAINER = Struct(
    {
        **_each("type view_id message_ts", TEXT),
        "attachment_id": Leaf(b"0"),
        "channel_id": TEXT,
        **_each("is_ephemeral is_app_unfurl", FLAG),
    },
    open=True,
)
_COMMAND = (
    "token",
    "team_id",
    "team_domain",
    "enterprise_id",
    "enterprise_name",
    "is_enterprise_install",
    "channel_id",
    "channel_name",
    "user_id",
    "user_name",
    "command",
    "text",
    "response_url",
    "trigger_id",
    "api_app_id",
)
_WHEN_GIVEN = ("enterprise_id", "enterprise_name")
_BLOCK_ACTIONS = "block_actions"


class _Head(msgspec.Struct):
    type: str = ""
    trigger_id: str | None = None
    actions: list[dict[str, msgspec.Raw]] | None = None


_head = msgspec.json.Decoder(_Head).decode


def interaction(body: bytes) -> tuple[bytes, str]:
    """The data of an interaction, and its trigger's id. Raises go_shape.BadShape, BadBody."""
    body = http_body.whole_pairs(http_body.compact(body))
    try:
        head = _head(body)
    except msgspec.MsgspecError as error:
        raise go_shape.BadShape(str(error)) from None
    of_blocks = [a for a in head.actions or () if bytes(a.get("block_id", b""))[:1] == b'"']
    action = _ACTION if of_blocks else _ATTACHMENT_ACTION
    members: dict[str, Shape] = {
        **_each("type token callback_id response_url trigger_id action_ts", TEXT),
        "team": _TEAM,
        "channel": _CHANNEL,
        "user": _USER,
        "original_message": _MESSAGE,
        "message": _MESSAGE,
        **_each("name value message_ts attachment_id", TEXT),
        "actions": Many(action, b"[]"),
        "view": _VIEW,
        **_each("action_id api_app_id block_id", TEXT),
        "container": _CONTAINER,
        "enterprise": Struct(_each("id name", TEXT), open=True),
        "is_enterprise_install": FLAG,
        "submission": Pointer(Leaf(b"null")),
        "hash": TEXT,
        "is_cleared": FLAG,
    }
    is_block = head.type == _BLOCK_ACTIONS
    members["state" if is_block else "state?"] = _BLOCK_STATE if is_block else ANY
    return go_shape.shaped(body, Struct(members, open=True)), head.trigger_id or ""


def command(fields: Mapping[str, list[str]]) -> bytes:
    """The data of a slash command."""
    parts = []
    for name in _COMMAND:
        value = fields.get(name, [""])[0]
        if name == "is_enterprise_install":
            text = b"true" if value == "true" else b"false"
        elif value or name not in _WHEN_GIVEN:
            text = http_body.quoted(value)
        else:
            continue
        parts.append(b'"%b":%b' % (name.encode(), text))
    return b"{%b}" % b",".join(parts)
