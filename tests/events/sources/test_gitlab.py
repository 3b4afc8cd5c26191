"""`gitlab`: hooks at a server that records; the token; what is wrong. Payloads: the recordings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.provider import Provider, provider
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import request, serving

SECRETS = {"gl": {"token": "pat\n", "secret": "hush\n", "empty": " \n"}}
URL = "https://hooks.example.com/gl"
PLACE = "/api/v4/projects/acme%2Fshop/hooks"


@pytest.fixture
async def gitlab() -> AsyncIterator[Provider]:
    async with provider(lambda hooks: hooks) as made:
        yield made


def spec(base: str, **more: Any) -> dict[str, Any]:
    return {
        "gitlabBaseURL": base,
        "events": ["PushEvents", "TagPushEvents"],
        "projects": ["acme/shop"],
        "accessToken": {"name": "gl", "key": "token"},
        "secretToken": {"name": "gl", "key": "secret"},
        "webhook": {
            "endpoint": "/gl",
            "port": str(ports.free_port()),
            "url": "https://hooks.example.com/",
        },
        **more,
    }


async def test_hooks_of_projects_and_groups_are_made_once_and_removed(gitlab: Provider) -> None:
    wanted = spec(gitlab.url, groups=["docs"], deleteHookOnFinish=True)
    wanted["events"] = ["PushEvents", "SubGroupEvents"]
    project, group = "/api/v4/projects/acme%2Fshop/hooks", "/api/v4/groups/docs/hooks"
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "gitlab", "gl", wanted)
        await gitlab.until(lambda: len(gitlab.hooks) == 2)
        [of_project] = gitlab.hooks[project]
        assert of_project["url"] == URL
        assert (of_project["push_events"], of_project["tag_push_events"]) == (True, False)
        assert of_project["token"] == "hush"
        assert "subgroup_events" not in of_project
        assert gitlab.hooks[group][0]["subgroup_events"] is True
        assert gitlab.headers("private-token") == {"pat"}
        await served.stop()
    assert gitlab.hooks == {project: [], group: []}


async def test_a_hook_that_is_there_is_not_made_again(gitlab: Provider) -> None:
    gitlab.hooks[PLACE] = [{"id": 3, "url": URL}]
    wanted = spec(f"{gitlab.url}/api/v4")
    del wanted["secretToken"]
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "gitlab", "gl", wanted)
        await gitlab.until(lambda: bool(gitlab.calls()))
        await served.stop()
    assert gitlab.calls() == [("GET", PLACE)]
    assert gitlab.hooks[PLACE] == [{"id": 3, "url": URL}]


async def test_a_hook_with_other_events_is_set_right_and_told_the_token(gitlab: Provider) -> None:
    there = {"id": 3, "url": URL, "push_events": False, "issues_events": True}
    gitlab.hooks[PLACE] = [there, {"id": 4, "url": "https://other.example.com"}]
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "gitlab", "gl", spec(gitlab.url))
        await gitlab.until(lambda: bool(gitlab.sent("PUT")))
        [hook] = [each for each in gitlab.hooks[PLACE] if each["url"] == URL]
        assert (hook["id"], hook["push_events"], hook["issues_events"]) == (3, True, False)
        assert hook["token"] == "hush"
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["gl"]["secret"] = "new"
        await served.services.secrets.refresh()
        await gitlab.until(lambda: len(gitlab.sent("PUT")) == 2)
    assert gitlab.sent("PUT")[1]["token"] == "new"
    assert gitlab.sent("POST") == []


async def test_the_access_token_follows_no_redirect(gitlab: Provider) -> None:
    async with provider(lambda hooks: hooks) as other:
        gitlab.redirect = f"{other.url}/api/v4"
        notes = list[str]()
        async with serving(SECRETS) as served:
            await served.serve(WatchedBus(), "gitlab", "gl", spec(gitlab.url), notes=notes)
            await gitlab.until(lambda: "GitLab answered 302" in notes[-1])
        assert other.calls() == []


async def test_the_older_form_counts_alone(gitlab: Provider) -> None:
    wanted = spec(gitlab.url, projectID="9")
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "gitlab", "gl", wanted)
        await gitlab.until(lambda: bool(gitlab.hooks.get(PLACE)))
    assert list(gitlab.hooks) == [PLACE]


async def test_a_refusal_is_said_while_events_are_taken(gitlab: Provider) -> None:
    gitlab.status = 403
    notes = list[str]()
    bus = WatchedBus()
    wanted = spec(gitlab.url)
    async with serving(SECRETS) as served:
        await served.serve(bus, "gitlab", "gl", wanted, notes=notes)
        await gitlab.until(lambda: "GitLab answered 403" in notes[-1])
        port = int(wanted["webhook"]["port"])
        answer = await request(port, "POST", "/gl", [("X-Gitlab-Token", "hush")], b"{}")
    assert answer.status == 200
    assert "pat" not in notes[-1]


async def test_the_token_is_checked_without_hooks_and_rotates() -> None:
    wanted = spec("https://gitlab.example.com")
    del wanted["webhook"]["url"]
    port = int(wanted["webhook"]["port"])
    bus = WatchedBus()
    async with serving(SECRETS) as served:
        await served.serve(bus, "gitlab", "gl", wanted)
        for token in ("", "hus", "hush "):
            headers = [("X-Gitlab-Token", token)] if token else []
            answer = await request(port, "POST", "/gl", headers, b"{}")
            expected = 200 if token == "hush " else 400  # blanks at the end are no part of it
            assert answer.status == expected
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["gl"]["secret"] = "new"
        await served.services.secrets.refresh()
        answer = await request(port, "POST", "/gl", [("X-Gitlab-Token", "hush")], b"{}")
        assert (answer.status, answer.body) == (400, b"token mismatch")
        answer = await request(port, "POST", "/gl", [("X-Gitlab-Token", "new")], b"{}")
        assert answer.status == 200


async def test_a_delivery_tried_again_is_one_event() -> None:
    wanted = spec("https://gitlab.example.com", projects=None)
    port = int(wanted["webhook"]["port"])
    bus = WatchedBus()
    headers = [("X-Gitlab-Token", "hush"), ("X-Gitlab-Event-UUID", "13792a34")]
    async with serving(SECRETS) as served:
        await served.serve(bus, "gitlab", "gl", wanted)
        for _ in range(2):
            assert (await request(port, "POST", "/gl", headers, b'{"n":1}')).status == 200
        assert (await request(port, "POST", "/gl", headers, b'{"n":2}')).status == 200
    assert len({event.id for event in bus.events()}) == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"events": []}, "events: is required"),
        ({"events": ["PushEvents", "Pushes"]}, r"events\[1\]: unknown event Pushes"),
        ({"gitlabBaseURL": ""}, "gitlabBaseURL: is required"),
        ({"accessToken": None}, "accessToken: is required"),
        ({"webhook": {"endpoint": "/x"}}, "webhook.port"),
        ({"secretToken": {"name": "none", "key": "x"}}, "secretToken: "),
        ({"secretToken": {}}, "secretToken: names no Secret"),
        ({"secretToken": {"name": "gl", "key": "empty"}}, "secretToken: is empty"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=rf"spec\.gitlab\.gl\.{words}"):
            await served.serve(WatchedBus(), "gitlab", "gl", spec("https://x", **wrong))
