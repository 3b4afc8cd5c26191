"""kill -9 at every named point between the webhook and the end of the workflow.

After each: the event that was accepted (or is delivered again, as GitHub does after a broken
connection) has made exactly one workflow, that workflow has succeeded, no step ran twice, and the
books balance.
"""

from __future__ import annotations

import pytest

from kube import crashpoints
from tests.acceptance.local_cluster import LocalCluster, counting_workflow, eventing, push

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


@pytest.mark.parametrize("point", crashpoints.POINTS)
async def test_nothing_is_lost_and_nothing_happens_twice(
    local: LocalCluster, port: int, point: str
) -> None:
    await local.start(crash_at=point)
    local.apply(*eventing(port, counting_workflow(local.scratch)))
    await local.deployed()
    status = await push(port, {"ref": "refs/heads/main"}, "delivery-1")
    assert status in {0, 200}
    await local.died()
    await local.start()
    await local.deployed()
    if status != 200:
        assert await push(port, {"ref": "refs/heads/main"}, "delivery-1") == 200
    found = await local.finished()
    books = await local.books()
    assert [w["status"]["phase"] for w in found] == ["Succeeded"]
    assert found[0]["spec"]["arguments"]["parameters"][0]["value"] == "refs/heads/main"
    runs = {step: (local.scratch / step).read_text() for step in ("first", "second")}
    assert runs == {"first": "run\n", "second": "run\n"}
    assert books.balanced
    assert books.received == 1
