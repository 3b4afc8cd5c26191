"""A push to Bitbucket Server (`repo:refs_changed`) as the settings want it.

`skipBranchRefsChangedOnOpenPR` leaves out the changes of branches whose new commit belongs to an
open pull request; `oneEventPerChange` makes an event of each change, in the reference's shape.
"""

from __future__ import annotations

import contextlib
from typing import Any

import aiohttp
import orjson

from crds.eventsource_http import BitbucketServerEventSource
from events.secrets import MissingValue
from events.sources import go_shape, http_body
from events.sources.bitbucketserver_api import BitbucketServer
from events.sources.go_shape import FLAG, NUMBER, TEXT, BadShape, Many, Struct
from events.sources.webhook_endpoint import Refused
from lang import gojson
from lang.errors import LangError

KEY = "repo:refs_changed"
_FAULTS = (MissingValue, aiohttp.ClientError, TimeoutError, ValueError, TypeError, AttributeError)

_LINKS = Many(Struct({"href": TEXT}))
_ACTOR = Struct(
    {
        "name": TEXT,
        "emailAddress": TEXT,
        "id": NUMBER,
        "displayName": TEXT,
        "active": FLAG,
        "slug": TEXT,
        "type": TEXT,
        "links": Struct({"self": _LINKS}),
    }
)
_PROJECT = Struct(
    {
        "key": TEXT,
        "id": NUMBER,
        "name": TEXT,
        "public": FLAG,
        "type": TEXT,
        "links": Struct({"self": _LINKS}),
    }
)
_REPOSITORY = Struct(
    {
        "slug": TEXT,
        "id": NUMBER,
        "name": TEXT,
        "hierarchyId": TEXT,
        "scmId": TEXT,
        "state": TEXT,
        "statusMessage": TEXT,
        "forkable": FLAG,
        "project": _PROJECT,
        "public": FLAG,
        "links": Struct({"clone": Many(Struct({"href": TEXT, "name": TEXT})), "self": _LINKS}),
    }
)
_CHANGE = Struct(
    {
        "ref": Struct({"id": TEXT, "displayId": TEXT, "type": TEXT}),
        "refId": TEXT,
        "fromHash": TEXT,
        "toHash": TEXT,
        "type": TEXT,
    }
)
_PUSH = Struct(
    {
        "eventKey": TEXT,
        "date": TEXT,
        "actor": _ACTOR,
        "repository": _REPOSITORY,
        "changes": Many(_CHANGE),
    }
)


async def events(
    api: BitbucketServer, spec: BitbucketServerEventSource, body: bytes
) -> list[bytes]:
    """The bodies of the events that `body` becomes, none perhaps. Raises Refused."""
    push = _parse(body)
    changes = push.get("changes") or []
    if spec.skip_branch_refs_changed_on_open_pr:
        changes = await _without_open(api, push, changes)
        if not changes:
            return []
    if not spec.one_event_per_change:
        return [body]
    return [orjson.dumps({**push, "changes": [change]}) for change in changes]


def _parse(body: bytes) -> dict[str, Any]:
    failed = f"decoding {KEY} webhook: "
    try:
        gojson.check(body.decode("utf-8", "replace"))
        text = go_shape.shaped(http_body.whole_pairs(http_body.compact(body)), _PUSH)
        return dict(orjson.loads(text))
    except LangError as error:
        raise Refused(400, f"{failed}{error.message}") from None
    except (BadShape, http_body.BadBody, ValueError) as error:
        raise Refused(400, f"{failed}{error}") from None


async def _without_open(
    api: BitbucketServer, push: dict[str, Any], changes: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    repository = push.get("repository") or {}
    place = ((repository.get("project") or {}).get("key") or "", repository.get("slug") or "")
    kept = []
    try:
        for change in changes:
            is_branch = (change.get("ref") or {}).get("type") == "BRANCH"
            may_be_open = is_branch and change.get("type") != "DELETE"
            if may_be_open and await _is_open(api, *place, str(change.get("toHash") or "")):
                continue
            kept.append(change)
    except _FAULTS as error:
        # Not known is not open: the sender tries again instead of the push being lost.
        why = str(error) or type(error).__name__
        raise Refused(503, f"filtering changes for open prs: {why}") from None
    return kept


async def _is_open(api: BitbucketServer, project: str, repository: str, commit: str) -> bool:
    path = ("projects", project, "repos", repository, "commits", commit, "pull-requests")
    async with api.session() as session, contextlib.aclosing(api.every(session, *path)) as found:
        async for request in found:
            if str(request.get("state") or "").upper() == "OPEN":
                return True
    return False
