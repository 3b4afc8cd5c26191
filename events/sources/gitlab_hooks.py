"""Registering webhooks at GitLab: found or made per project and group, removed again.

A hook with our URL is ours; its events, settings and token are made those of the EventSource.
GitLab does not show the token, so it is written once per start, and when it changes. Semantics:
GitLab's REST API v4, "Project webhooks" and "Group webhooks". Called by the `gitlab` source.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import structlog
from yarl import URL

from crds.eventsource_http import GitlabEventSource
from events.sources import hook_keeping, hook_list, http_body
from events.sources.contract import SourceContext
from events.sources.hook_list import Found

_log = structlog.get_logger("events.sources.gitlab")
_COMMON = {
    "ConfidentialIssuesEvents": "confidential_issues_events",
    "ConfidentialNoteEvents": "confidential_note_events",
    "DeploymentEvents": "deployment_events",
    "EmojiEvents": "emoji_events",
    "FeatureFlagEvents": "feature_flag_events",
    "IssuesEvents": "issues_events",
    "JobEvents": "job_events",
    "MergeRequestsEvents": "merge_requests_events",
    "MilestoneEvents": "milestone_events",
    "NoteEvents": "note_events",
    "PipelineEvents": "pipeline_events",
    "PushEvents": "push_events",
    "ReleasesEvents": "releases_events",
    "ResourceAccessTokenEvents": "resource_access_token_events",
    "TagPushEvents": "tag_push_events",
    "VulnerabilityEvents": "vulnerability_events",
    "WikiPageEvents": "wiki_page_events",
}
_OF_GROUPS = {"SubGroupEvents": "subgroup_events", "MemberEvents": "member_events"}
EVENTS = _COMMON | _OF_GROUPS
"""Names in `events`, as Argo Events has them, to the fields of GitLab's API."""

# Said to be off when not wanted: GitLab turns some of them on otherwise.
_SAID = (
    "ConfidentialIssuesEvents",
    "ConfidentialNoteEvents",
    "EmojiEvents",
    "IssuesEvents",
    "JobEvents",
    "MergeRequestsEvents",
    "NoteEvents",
    "PipelineEvents",
    "PushEvents",
    "TagPushEvents",
    "WikiPageEvents",
)


def places(spec: GitlabEventSource) -> list[str]:
    """Projects and groups, as paths of the API. The older form counts alone."""
    projects = spec.projects or [name for name in (spec.project_id,) if name]
    names = [("projects", name) for name in projects]
    names += [("groups", name) for name in spec.groups or ()]
    return [f"{kind}/{quote(name, safe='')}" for kind, name in names]


def _aims(spec: GitlabEventSource) -> set[tuple[str, ...]]:
    url = hook_keeping.url(spec.webhook)
    return {(_base(spec), url, place) for place in places(spec)}


def _base(spec: GitlabEventSource) -> str:
    return spec.gitlab_base_url.rstrip("/").removesuffix("/api/v4") + "/api/v4"


class Hooks:
    """The hooks of one `gitlab` event; see `hook_keeping.Hooks`."""

    def __init__(self, context: SourceContext, spec: GitlabEventSource, url: str) -> None:
        self._context = context
        self._spec = spec
        self._url = url
        self._told: dict[str, str] = {}  # the token by place

    def places(self) -> list[str]:
        """Projects and groups, as paths of the API."""
        return places(self._spec)

    def leaving(self, entry: Mapping[str, Any]) -> list[str]:
        """See `hook_keeping.Hooks`."""
        return hook_keeping.leaving(self._spec, entry, _aims)

    async def ensure(self, place: str) -> None:
        """Find our hook, make it, or make it as wanted."""
        token = (await hook_keeping.signing_secret(self._context, "secretToken")).strip()
        async with self._listed(place, token) as hooks:
            await hook_list.settle(hooks)

    async def remove(self, place: str) -> None:
        """Delete our hook."""
        async with self._listed(place, "") as hooks:
            await hook_list.clear(hooks)

    def _wanted(self, place: str) -> dict[str, object]:
        known = EVENTS if place.startswith("groups/") else _COMMON
        wanted: dict[str, object] = {EVENTS[name]: False for name in _SAID}
        wanted |= {known[name]: True for name in self._spec.events or () if name in known}
        wanted["url"] = self._url
        wanted["enable_ssl_verification"] = self._spec.enable_ssl_verification
        return wanted

    @asynccontextmanager
    async def _listed(self, place: str, token: str) -> AsyncIterator[_List]:
        reference = self._context.spec.get("accessToken")
        access = await hook_keeping.secret(self._context, reference, "accessToken")
        headers = {
            "Private-Token": access,
            "Content-Type": "application/json",
            "User-Agent": "headrace",
        }
        async with aiohttp.ClientSession(headers=headers, timeout=hook_keeping.TIMEOUT) as session:
            where = f"{_base(self._spec)}/{place}/hooks"
            yield _List(session, where, self._wanted(place), token, self._told)


@dataclass(frozen=True, slots=True)
class _List:
    """See `hook_list.HookList`. `told`: the token that each list's hook was given. Redirects are
    not followed: the access token would go along."""

    session: aiohttp.ClientSession
    where: str
    wanted: dict[str, object]
    token: str
    told: dict[str, str]

    async def ours(self) -> list[Found]:
        """Hooks with our URL, the oldest first."""
        found, page = list[Found](), "1"
        while page.isdecimal():
            async with self._asked("GET", f"?per_page=100&page={page}") as answer:
                hooks = await hook_keeping.answer("GitLab", answer) or ()
                page = answer.headers.get("X-Next-Page", "")
            for hook in hooks:
                if hook.get("url") == self.wanted["url"]:
                    found.append(Found(str(hook["id"]), self._is_right(hook)))
        return sorted(found, key=lambda hook: int(hook.id))

    def _is_right(self, hook: dict[str, Any]) -> bool:
        told = not self.token or self.told.get(self.where) == self.token
        return told and all(hook.get(name, value) == value for name, value in self.wanted.items())

    async def write(self, hook: str = "") -> None:
        """Make a hook, or make `hook` as wanted."""
        data = http_body.marshal(self.wanted | ({"token": self.token} if self.token else {}))
        method, rest = ("PUT", f"/{hook}") if hook else ("POST", "")
        async with self._asked(method, rest, data) as answer:
            await hook_keeping.answer("GitLab", answer)
        self.told[self.where] = self.token
        _log.info("gitlab_hook_written", where=self.where)

    async def drop(self, hook: str) -> None:
        """Delete it."""
        async with self._asked("DELETE", f"/{hook}") as answer:
            await hook_keeping.answer("GitLab", answer, okay=(404,))
        _log.info("gitlab_hook_removed", where=self.where)

    def _asked(
        self, method: str, rest: str, data: bytes | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        url = URL(self.where + rest, encoded=True)
        return self.session.request(method, url, data=data, allow_redirects=False)
