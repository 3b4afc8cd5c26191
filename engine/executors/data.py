"""Data templates: list the keys below an artifact location and transform the list.

Source: Argo Workflows `data` templates: each expression gets the value before it as `data`; the
last value is `outputs.result`, as JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from engine.artifacts.errors import ArtifactError
from engine.artifacts.locations import Locations
from engine.core.phases import Phase
from engine.executors.inprocess import Job, LeafFailed, Outcome
from lang import expr, gojson
from lang.expr import builtins
from lang.expr.values import Strings

MOST_KEYS = 100_000
STORES = {"s3": "key", "gcs": "key", "azure": "blob"}
NOT_PLACES = frozenset({"keyFormat", "keyPrefix", "blobNameFormat"})


class DataWorker:
    """See `Worker`. `repository`: the default one, where the workflow's status holds none."""

    failed_code: str | None = "64"

    def __init__(self, locations: Locations, repository: Mapping[str, Any] | None) -> None:
        self._locations = locations
        self._repository = repository or {}

    async def run(self, job: Job) -> Outcome:
        """List, transform, and give the result."""
        spec: dict[str, Any] = job.leaf.template.get("data") or {}
        source = (spec.get("source") or {}).get("artifactPaths")
        if not source:
            raise LeafFailed("data.source.artifactPaths: is required")
        keys = await self._keys(job, source)
        sources = [str(step.get("expression") or "") for step in spec.get("transformation") or ()]
        text = await asyncio.to_thread(_transformed, keys, sources)
        return Outcome(Phase.SUCCEEDED, result=text, exit_code="0")

    async def _keys(self, job: Job, source: Mapping[str, Any]) -> list[str]:
        artifact, prefix = self._located(job, source)
        store, _ = await self._locations.open(job.namespace, artifact)
        folder = prefix.rpartition("/")[0]
        found: list[str] = []
        async for key in store.list(folder):
            if key.startswith(prefix):
                found.append(key)
                if len(found) > MOST_KEYS:
                    raise ArtifactError(f"more than {MOST_KEYS} keys below {prefix!r}")
        return sorted(found)

    def _located(self, job: Job, source: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """The artifact with the rest of its location filled in, and the prefix of the keys."""
        status = job.owner.get("status") or {}
        resolved = status.get("artifactRepositoryRef") or {}
        repository = resolved.get("artifactRepository") or self._repository
        for kind, field in STORES.items():
            if source.get(kind) is None:
                continue
            location = dict(source[kind])
            if not location.get("bucket") and not location.get("container"):
                place = repository.get(kind) or {}
                location = {k: v for k, v in place.items() if k not in NOT_PLACES} | location
            prefix = str(location.get(field) or "")
            location[field] = prefix or "-"  # a whole bucket has no key
            return {**source, "name": source.get("name") or "source", kind: location}, prefix
        raise LeafFailed("data.source.artifactPaths: a location in s3, gcs or azure is required")


def _transformed(keys: list[str], sources: list[str]) -> str:
    value: Any = Strings(keys)
    for source in sources:
        value = expr.compile(source, site="data").eval({"data": value})
    return gojson.marshal(builtins.plain(value))
