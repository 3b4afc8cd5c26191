"""Node tables of every size: stored, read back after a restart, and shown whole."""

from __future__ import annotations

from typing import Any

import pytest

from crds import paging
from engine.runtime.packing import Limits
from headrace.cli import finding
from kube import resources
from kube.cluster import Object
from tests.engine.rig import Rig, phase_of
from tests.engine.scripted import Ending

FORMS = {
    "plain": Limits(),
    "compressed": Limits(plain=2_000),
    "paged": Limits(plain=2_000, compressed=500, rows=20),
}


def spec(width: int) -> dict[str, Any]:
    one = {"name": "one", "container": {"image": "alpine", "command": ["true"]}}
    item = {"name": "item", "template": "one", "withSequence": {"count": str(width)}}
    gate = {"name": "gate", "template": "gate"}
    after = {"name": "after", "template": "one"}
    return {
        "templates": [
            {"name": "main", "steps": [[item], [gate], [after]]},
            one,
            {"name": "gate", "suspend": {"duration": "2"}},
        ],
        "podGC": {"strategy": "OnPodCompletion", "deleteDelayDuration": "0s"},
    }


async def table(rig: Rig, workflow: Object) -> dict[str, Object]:
    listed = await rig.cluster.list(resources.CONFIGMAPS, "default")
    pages = {o["metadata"]["name"]: o for o in listed.items}
    return paging.table(workflow, pages.get)


def gate_is_open_to_be(workflow: Object) -> bool:
    return str((workflow.get("status") or {}).get("progress")) == "60/61"


@pytest.mark.parametrize("form", FORMS)
async def test_a_table_of_any_form_survives_a_restart(rig: Rig, form: str) -> None:
    limits = FORMS[form]
    await rig.up(packing=limits)
    await rig.submit(spec(60))
    half = await rig.until(resources.WORKFLOWS, "wf", gate_is_open_to_be)
    await rig.down()
    assert rig.kubelet is not None
    ran = len(rig.kubelet.seen)
    assert ran == 60
    await rig.up(packing=limits)
    done = await rig.ended()
    rows = await table(rig, done)
    assert phase_of(done) == "Succeeded"
    assert len(rows) == 1 + 3 + 60 + 1 + 1
    assert {row["phase"] for row in rows.values()} == {"Succeeded"}
    assert len(rig.kubelet.seen) == ran + 1
    status = half["status"]
    assert ("nodes" in status, "compressedNodes" in status, bool(paging.generations(half))) == (
        form == "plain",
        form == "compressed",
        form == "paged",
    )


async def test_old_pages_go_and_the_rest_goes_with_the_workflow(rig: Rig) -> None:
    await rig.up(lambda _: Ending(), packing=FORMS["paged"])
    await rig.submit(spec(60))
    await rig.until(resources.WORKFLOWS, "wf", gate_is_open_to_be)
    listed = await rig.cluster.list(resources.CONFIGMAPS, "default")
    pages = [o for o in listed.items if paging.LABEL in (o["metadata"].get("labels") or {})]
    assert 4 <= len(pages) <= 3 * 4
    assert all(p["metadata"]["ownerReferences"][0]["name"] == "wf" for p in pages)


async def test_the_command_line_shows_a_paged_table_whole(rig: Rig) -> None:
    await rig.up(packing=FORMS["paged"])
    await rig.submit(spec(60))
    done = await rig.ended()
    assert "nodes" not in done["status"]

    class Connected:
        cluster = rig.cluster
        namespace = "default"

    connection: Any = Connected()
    shown = await finding.whole(connection, done)
    assert len(shown["status"]["nodes"]) == 66
    stale = {
        **done,
        "status": {**done["status"], "offloadNodeStatusVersion": "headrace-pages/99999"},
    }
    assert (await finding.whole(connection, stale))["status"] == shown["status"]
