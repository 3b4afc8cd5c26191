"""Registering webhooks at GitLab: found or made per project and group, removed again.

A hook with our URL is ours. Semantics: GitLab's REST API v4, "Project webhooks" and "Group
webhooks". Called by the `gitlab` source.
"""

from __future__ import annotations

from urllib.parse import quote

import aiohttp
import structlog
from yarl import URL

from crds.eventsource_http import GitlabEventSource
from events.sources import hook_keeping, http_body
from events.sources.contract import SourceContext

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


class Hooks:
    """The hooks of one `gitlab` event; see `hook_keeping.Hooks`."""

    def __init__(self, context: SourceContext, spec: GitlabEventSource, url: str) -> None:
        self._context = context
        self._spec = spec
        self._url = url

    def places(self) -> list[str]:
        """Projects and groups, as paths of the API."""
        spec = self._spec
        projects = [*(spec.projects or ()), *filter(None, (spec.project_id,))]
        names = [("projects", name) for name in projects]
        names += [("groups", name) for name in spec.groups or ()]
        return [f"{kind}/{quote(name, safe='')}" for kind, name in names]

    async def ensure(self, place: str) -> None:
        """Find our hook or make it."""
        async with await self._session() as session:
            if await self._find(session, place) is not None:
                return
            reference = self._context.spec.get("secretToken")
            token = await hook_keeping.secret(self._context, reference, "secretToken")
            body = http_body.marshal(self._wanted(place) | ({"token": token} if token else {}))
            async with session.post(self._at(place), data=body) as answer:
                await hook_keeping.answer("GitLab", answer)
                _log.info("gitlab_hook_made", place=place)

    async def remove(self, place: str) -> None:
        """Delete our hook."""
        async with await self._session() as session:
            hook = await self._find(session, place)
            if hook is None:
                return
            async with session.delete(self._at(place, f"/{hook}")) as answer:
                await hook_keeping.answer("GitLab", answer, okay=(404,))
                _log.info("gitlab_hook_removed", place=place)

    def _wanted(self, place: str) -> dict[str, object]:
        known = EVENTS if place.startswith("groups/") else _COMMON
        wanted: dict[str, object] = {EVENTS[name]: False for name in _SAID}
        wanted |= {known[name]: True for name in self._spec.events or () if name in known}
        wanted["url"] = self._url
        wanted["enable_ssl_verification"] = self._spec.enable_ssl_verification
        return wanted

    async def _find(self, session: aiohttp.ClientSession, place: str) -> int | None:
        page: str | None = "1"
        while page:
            async with session.get(self._at(place, f"?per_page=100&page={page}")) as answer:
                for hook in await hook_keeping.answer("GitLab", answer) or ():
                    if hook.get("url") == self._url:
                        return int(hook["id"])
                page = answer.headers.get("X-Next-Page")
        return None

    def _at(self, place: str, rest: str = "") -> URL:
        base = self._spec.gitlab_base_url.rstrip("/").removesuffix("/api/v4")
        return URL(f"{base}/api/v4/{place}/hooks{rest}", encoded=True)

    async def _session(self) -> aiohttp.ClientSession:
        reference = self._context.spec.get("accessToken")
        token = await hook_keeping.secret(self._context, reference, "accessToken")
        headers = {
            "Private-Token": token,
            "Content-Type": "application/json",
            "User-Agent": "headrace",
        }
        return aiohttp.ClientSession(headers=headers, timeout=hook_keeping.TIMEOUT)
