"""Every recorded exchange with a real Kubernetes API server, replayed against the embedded one.

The exchanges build on each other, so they are one test. What varies (uids, versions, times,
generated names) is masked on both sides; a case compares the whole answer or the listed paths.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from headrace.local.apiserver.server import ApiServer, Settings

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "transcript.json").read_text())
MASKED = {
    "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time",
    "lastTransitionTime", "lastHeartbeatTime", "lastUpdateTime", "startTime", "acquireTime",
    "renewTime", "continue", "firstTimestamp", "lastTimestamp", "eventTime", "remainingItemCount",
}  # fmt: skip
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
GENERATED = re.compile(r"([a-z0-9-]*gen-)[a-z0-9]{5}\b")


def masked(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: masked(v, k) for k, v in value.items() if k != "managedFields"}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if key in MASKED and value not in (None, ""):
        return f"<{key}>"
    if isinstance(value, str):
        value = GENERATED.sub(r"\1XXXXX", value)
        value = re.sub(rf"\(?{UUID}\)?", "<uid>", value)
        value = re.sub(
            r"UID in precondition: \S+, UID in object meta: \S+",
            "UID in precondition: <uid>, UID in object meta: <uid>",
            value,
        )
    return value


def dig(value: Any, path: str) -> Any:
    for part in (p for p in re.split(r"\.|\[(\d+)\]", path) if p):
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else "<missing>"
        elif isinstance(value, dict):
            value = value.get(part, "<missing>")
        else:
            return "<missing>"
    return value


class Replay:
    """One session, with the values that earlier answers saved for later requests."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._saved: dict[str, Any] = {}

    def filled(self, value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"\$\{(\w+)\}", lambda m: str(self._saved[m.group(1)]), value)
        if isinstance(value, dict):
            return {k: self.filled(v) for k, v in value.items()}
        return [self.filled(v) for v in value] if isinstance(value, list) else value

    async def request(self, step: dict[str, Any]) -> tuple[int, Any]:
        body = self.filled(step.get("body"))
        headers = {"Accept": "application/json", "Authorization": "Bearer t"}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = body if isinstance(body, str) else json.dumps(body)
        headers.update(step.get("headers") or {})
        path = self.filled(step["path"])
        async with self._session.request(
            step["method"], path, data=body, headers=headers
        ) as answer:
            text = await answer.text()
            try:
                return answer.status, json.loads(text) if text else None
            except ValueError:
                return answer.status, text

    async def watch(self, case: dict[str, Any]) -> list[Any]:
        events: list[Any] = []
        headers = {"Accept": "application/json", "Authorization": "Bearer t"}
        opened = asyncio.Event()

        async def read() -> None:
            async with self._session.get(self.filled(case["watch"]), headers=headers) as answer:
                opened.set()
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] != "BOOKMARK":
                        events.append(event)
                    if len(events) >= case["events"]:
                        return

        reading = asyncio.ensure_future(read())
        await asyncio.wait_for(opened.wait(), 5)
        for step in case.get("during") or ():
            await self.request(step)
        await asyncio.wait({reading}, timeout=case.get("timeout", 6))
        reading.cancel()
        return [
            {
                "type": event["type"],
                "kind": event["object"].get("kind"),
                "name": event["object"]["metadata"].get("name"),
                "labels": event["object"]["metadata"].get("labels"),
                "annotations": event["object"]["metadata"].get("annotations"),
            }
            for event in events
        ]

    async def problem(self, case: dict[str, Any]) -> str:
        """What is different, empty when nothing is."""
        if "watch" in case:
            status, body = 200, await self.watch(case)
        else:
            status, body = await self.request(case)
            for name, path in (case.get("save") or {}).items():
                self._saved[name] = dig(body, path)
        body = masked(body)
        if status != case["want_status"]:
            return f"{case['name']}: status {status}, not {case['want_status']}: {body}"
        if "paths" in case:
            got: Any = {path: dig(body, path) for path in case["paths"]}
        else:
            got = None if case.get("status_only") else body
        return "" if got == case["want"] else f"{case['name']}: {got} is not {case['want']}"


@pytest.mark.timeout(60)
async def test_every_recorded_exchange(tmp_path: Path) -> None:
    server = ApiServer(Settings(tmp_path, token="t", insecure_http=True))
    await server.start()
    server.set_ready()
    try:
        async with aiohttp.ClientSession(server.url) as session:
            replay = Replay(session)
            problems = []
            for case in CASES:
                if case["name"] == "crs-gone-with-their-crd":
                    await until_not_found(replay, case)
                problems.append(await replay.problem(case))
    finally:
        await server.stop()
    assert len(problems) == 171
    assert list(filter(None, problems)) == []


async def until_not_found(replay: Replay, case: dict[str, Any]) -> None:
    """The recording waited for the definition's objects to go; here it is asked."""
    async with asyncio.timeout(5):
        while (await replay.request(case))[0] != 404:
            await asyncio.sleep(0.02)
