"""Secrets stay known while somebody needs them, however seldom he asks."""

from __future__ import annotations

import gc
import hashlib
import hmac
from typing import Any, cast

from events.bus import memory
from events.secrets import Secrets, key
from kube.clock import SystemClock
from kube.cluster import Cluster
from tests import ports
from tests.events.support import SecretsOnly, request, serving

REFERENCE = {"name": "gh", "key": "key"}


class MovedClock(SystemClock):
    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Holder:
    pass


async def test_a_kept_secret_outlives_idle_hours_and_goes_with_its_holder() -> None:
    clock = MovedClock()
    store = Secrets(cast("Cluster", SecretsOnly({"gh": {"key": "x"}})), clock)
    holder = Holder()
    await store.value("argo", REFERENCE, "spec")
    store.keep(holder, "argo", REFERENCE)
    clock.ahead += 7200.0
    await store.refresh()
    assert store.cached("argo", REFERENCE) == b"x"
    del holder
    gc.collect()
    clock.ahead += 7200.0
    await store.refresh()
    assert store.cached("argo", REFERENCE) is None


async def test_an_endpoint_without_requests_for_hours_still_knows_its_secret() -> None:
    clock = MovedClock()
    port = ports.free_port()
    spec: dict[str, Any] = {
        "organizations": ["acme"],
        "webhook": {"port": str(port), "endpoint": "/gh", "authSecret": REFERENCE},
        "webhookSecret": {"name": "gh", "key": "hook"},
    }
    signature = "sha256=" + hmac.new(b"s3cret", b"{}", hashlib.sha256).hexdigest()
    headers = [
        ("Authorization", "Bearer x"),
        ("Content-Type", "application/json"),
        ("X-Hub-Signature-256", signature),
    ]
    async with serving({"gh": {"key": "x", "hook": "s3cret"}}, clock=clock) as served:
        await served.serve(memory.MemoryBus(), "github", "gh", spec)
        clock.ahead += 7200.0
        await served.services.secrets.refresh()
        gc.collect()
        assert (await request(port, "POST", "/gh", headers, b"{}")).status == 200


def test_a_key_loses_one_newline_and_nothing_else() -> None:
    assert key(b" a b \n") == b" a b "
    assert key(b"a\n\n") == b"a\n"
    assert key(b"a") == b"a"
    assert [key(value) for value in (b"", b"\n", b" \n", None)] == [b""] * 4
