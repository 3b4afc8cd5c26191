"""Argo's kinds on the embedded API server over HTTP, against recorded answers of a real one.

The schema engine alone is tried in tests/crds; here are also the codes, warnings, names of reasons,
tables and discovery. Messages are compared only where the recording has one cause.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import jsonpatch
import pytest

from crds import definitions
from headrace.local.apiserver.server import ApiServer, Settings
from kube import resources

RECORDED = json.loads(
    (Path(__file__).parent.parent / "crds" / "data" / "api-server.json").read_text()
)
ROOT = "/apis/argoproj.io/v1alpha1"
SERVER_FIELDS = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
AS_TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
_WARNING = re.compile(r'299 - ("(?:[^"\\]|\\.)*")')
_AGE = re.compile(r"\d+[smhdy]\S*|<unknown>")

CLUSTER_WIDE = "clusterworkflowtemplates"


def collection(plural: str) -> str:
    return f"{ROOT}/{plural}" if plural == CLUSTER_WIDE else f"{ROOT}/namespaces/default/{plural}"


async def posted(session: aiohttp.ClientSession, case: dict[str, Any]) -> dict[str, Any]:
    """What the server answers; what it made is deleted."""
    path = collection(case["plural"])
    query = f"?{case['query']}" if case.get("query") else ""
    async with session.post(path + query, json=case["object"]) as answer:
        text = await answer.text()
        found: dict[str, Any] = {
            "code": answer.status,
            "body": json.loads(text) if text.startswith("{") else text,
            "warnings": [
                json.loads(quoted)
                for header in answer.headers.getall("Warning", [])
                for quoted in _WARNING.findall(header)
            ],
        }
    if answer.status == 201:
        name = found["body"]["metadata"]["name"]
        async with session.delete(f"{path}/{name}") as deleted:
            assert deleted.status == 200
    return found


async def listed(session: aiohttp.ClientSession, table: dict[str, Any]) -> dict[str, Any]:
    """The table of its objects, made anew."""
    path = collection(table["plural"])
    [kind] = [r["kind"] for r in RECORDED["discovery"] if r["name"] == table["plural"]]
    for each in table["objects"]:
        made = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": kind,
            "metadata": {"name": each["name"]},
            **SPECS.get(table["plural"], {"spec": {}}),
        }
        if each.get("status") is not None:
            made["status"] = each["status"]
        async with session.post(path, json=made) as answer:
            assert answer.status == 201, await answer.text()
    async with session.get(path, headers=AS_TABLE) as answer:
        found: dict[str, Any] = await answer.json()
    return found


_RUN = {"templates": [{"name": "main", "container": {"image": "alpine"}}], "entrypoint": "main"}
SPECS: dict[str, dict[str, Any]] = {
    "cronworkflows": {"spec": {"schedules": ["@daily"], "workflowSpec": _RUN}},
    "workfloweventbindings": {"spec": {"event": {"selector": "true"}}},
    "workflowtaskresults": {},
}


async def ask(folder: Path) -> dict[str, Any]:
    server = ApiServer(Settings(folder, token="t", insecure_http=True))
    await server.start()
    try:
        for definition in definitions.load():
            await server.cluster.create(resources.CRDS, None, definition)
        headers = {"Authorization": "Bearer t"}
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(server.url, headers=headers, timeout=timeout) as session:
            cases = {case["id"]: await posted(session, case) for case in RECORDED["cases"]}
            tables = {t["plural"]: await listed(session, t) for t in RECORDED["tables"]}
            async with session.get(ROOT) as answer:
                discovery = (await answer.json())["resources"]
        return {"cases": cases, "tables": tables, "discovery": discovery}
    finally:
        await server.stop()


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with asyncio.Runner() as runner:
        return runner.run(ask(tmp_path_factory.mktemp("api")))


def causes(status: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = status.get("details", {}).get("causes") or []
    return sorted((each["field"], each["reason"], each["message"]) for each in found)


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: case["id"])
def test_an_object_is_answered_as_recorded(answers: dict[str, Any], case: dict[str, Any]) -> None:
    given = answers["cases"][case["id"]]
    assert given["code"] == case["code"]
    assert sorted(given["warnings"]) == sorted(case.get("warnings") or [])
    body = given["body"]
    if case["code"] == 201:
        for field in SERVER_FIELDS:
            body["metadata"].pop(field, None)
        assert body == jsonpatch.apply_patch(case["object"], case["stored"])
    elif case["code"] == 422:
        assert body["reason"] == case["reason"]
        wanted = [(c["field"], c["reason"], c["message"]) for c in case.get("causes") or []]
        assert causes(body) == sorted(wanted)
        if len(wanted) == 1:
            assert body["message"] == case["message"]
    elif case["code"] == 400:
        assert (body["reason"], body["message"]) == (case["reason"], case["message"])


@pytest.mark.parametrize("table", RECORDED["tables"], ids=lambda table: table["plural"])
def test_a_table_is_that_recorded(answers: dict[str, Any], table: dict[str, Any]) -> None:
    given = answers["tables"][table["plural"]]
    columns = [
        {key: column[key] for key in ("format", "name", "priority", "type")}
        for column in given["columnDefinitions"]
    ]
    assert columns == table["columns"]
    ages = [n for n, column in enumerate(columns) if column["name"] == "Age"]
    for row, wanted in zip(given["rows"], table["rows"], strict=True):
        cells = list(row["cells"])
        for at in ages:
            if wanted[at] == "<age>" and _AGE.fullmatch(str(cells[at])):
                cells[at] = "<age>"
        assert cells == wanted


def test_discovery_is_that_recorded(answers: dict[str, Any]) -> None:
    def key(each: dict[str, Any]) -> tuple[Any, ...]:
        names = ("name", "kind", "singularName", "namespaced", "shortNames")
        return (*map(each.get, names), sorted(each["verbs"]), each.get("categories"))

    assert sorted(map(str, map(key, answers["discovery"]))) == sorted(
        map(str, map(key, RECORDED["discovery"]))
    )
