"""Resource templates: one operation on Kubernetes objects, and waiting for their conditions.

Acts as the workflow's service account where the cluster can impersonate, through the shared
throttle. A `create` that is repeated after a crash meets the object that it made before. Source:
Argo Workflows `workflow/executor/resource.go`; changes are watched instead of asked for every
five seconds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

import structlog

from engine.artifacts.locations import Locations
from engine.core.phases import Phase
from engine.executors import resource_object
from engine.executors.inprocess import Job, LeafFailed, Outcome
from engine.executors.resource_object import NODE, Wanted
from kube.cluster import Cluster, Object, PatchOptions, PatchType, Selector
from kube.discovery import Discovery
from kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    TooManyRequests,
    Transient,
)
from kube.throttle import Throttle
from lang import jq, jsonpath, resource_condition
from lang.errors import LangError
from lang.resource_condition import Verdict

PATCHES = {
    "": PatchType.STRATEGIC,
    "strategic": PatchType.STRATEGIC,
    "merge": PatchType.MERGE,
    "json": PatchType.JSON,
}
TRIES = 6
FIRST_WAIT = 0.25
CHECK = 5.0  # seconds between two looks where changes cannot be watched
LOOK_AGAIN = 60.0  # and where they can
Answer = TypeVar("Answer")


class Impersonating(Protocol):
    """A cluster that can act as somebody else."""

    def as_service_account(self, namespace: str, name: str) -> Cluster:
        """The same cluster, asked as a service account."""
        ...


class ResourceWorker:
    """See `Worker`. `impersonating` None: everything is done as the engine itself."""

    failed_code: str | None = "64"

    def __init__(
        self,
        cluster: Cluster,
        impersonating: Impersonating | None,
        throttle: Throttle,
        discovery: Discovery,
        locations: Locations,
    ) -> None:
        self._cluster = cluster
        self._impersonating = impersonating
        self._throttle = throttle
        self._discovery = discovery
        self._locations = locations
        self._log = structlog.get_logger("resource")

    async def run(self, job: Job) -> Outcome:
        """Act, wait for the conditions, and read the outputs."""
        spec: dict[str, Any] = job.leaf.template.get("resource") or {}
        wanted = await resource_object.read(job, spec, self._discovery, self._locations)
        cluster = self._as_account(job)
        obj = await self._acted(cluster, job, wanted, str(spec.get("mergeStrategy") or ""))
        success = str(spec.get("successCondition") or "")
        failure = str(spec.get("failureCondition") or "")
        if obj is not None and (success or failure) and "metadata" in obj:
            obj = await self._awaited(cluster, wanted, obj, (success, failure))
        parameters = await asyncio.to_thread(_parameters, job, obj)
        return Outcome(Phase.SUCCEEDED, parameters=parameters, exit_code="0")

    def _as_account(self, job: Job) -> Cluster:
        if self._impersonating is None:
            return self._cluster
        template = job.leaf.template
        pod: dict[str, Any] = (job.leaf.pod or {}).get("spec") or {}
        account = (
            (template.get("executor") or {}).get("serviceAccountName")
            or pod.get("serviceAccountName")
            or "default"
        )
        return self._impersonating.as_service_account(job.namespace, str(account))

    # -- the action -------------------------------------------------------------------------

    async def _acted(self, cluster: Cluster, job: Job, wanted: Wanted, strategy: str) -> Any:
        match wanted.action:
            case "get":
                return await self._got(cluster, wanted)
            case "create":
                return await self._create(cluster, job, wanted)
            case "delete":
                await self._delete(cluster, job, wanted)
                return None
            case _:
                return await self._written(cluster, job, wanted, strategy)

    async def _written(self, cluster: Cluster, job: Job, wanted: Wanted, strategy: str) -> Object:
        """Apply, patch or replace the one object there is."""
        strategy = strategy or wanted.flags.patch_type
        if strategy not in PATCHES:
            raise LeafFailed(f"resource.mergeStrategy: {strategy!r} is no strategy")
        name = _only(wanted)
        match wanted.action:
            case "apply":
                options = PatchOptions(PatchType.APPLY, force=True)
                return await self._patch(cluster, job, wanted, name, options)
            case "patch":
                return await self._patch(
                    cluster, job, wanted, name, PatchOptions(PATCHES[strategy])
                )
            case _:
                return await self._replace(cluster, job, wanted, name)

    async def _got(self, cluster: Cluster, wanted: Wanted) -> Object:
        if len(wanted.names) == 1:
            name = wanted.names[0]
            return await _patiently(lambda: cluster.get(wanted.resource, wanted.namespace, name))
        selector = Selector(wanted.flags.selector, wanted.flags.fields)
        listed = await _patiently(lambda: cluster.list(wanted.resource, wanted.namespace, selector))
        items = [
            o for o in listed.items if not wanted.names or o["metadata"]["name"] in wanted.names
        ]
        return {"apiVersion": "v1", "kind": "List", "items": items}

    async def _create(self, cluster: Cluster, job: Job, wanted: Wanted) -> Object:
        name = _only(wanted)

        async def create() -> Object:
            try:
                async with self._throttle.slot(job.workflow):
                    return await cluster.create(wanted.resource, wanted.namespace, wanted.body)
            except AlreadyExists:
                present = await cluster.get(wanted.resource, wanted.namespace, name)
                if (present["metadata"].get("annotations") or {}).get(NODE) == job.key:
                    return present
                raise

        return await _patiently(create)

    async def _patch(
        self, cluster: Cluster, job: Job, wanted: Wanted, name: str, options: PatchOptions
    ) -> Object:
        async def patch() -> Object:
            async with self._throttle.slot(job.workflow):
                return await cluster.patch(
                    wanted.resource, wanted.namespace, name, wanted.body, options
                )

        return await _patiently(patch)

    async def _replace(self, cluster: Cluster, job: Job, wanted: Wanted, name: str) -> Object:
        async def replace() -> Object:
            body = wanted.body
            if not body["metadata"].get("resourceVersion"):
                present = await cluster.get(wanted.resource, wanted.namespace, name)
                version = present["metadata"]["resourceVersion"]
                body = {**body, "metadata": {**body["metadata"], "resourceVersion": version}}
            async with self._throttle.slot(job.workflow):
                return await cluster.update(wanted.resource, wanted.namespace, body)

        return await _patiently(replace)

    async def _delete(self, cluster: Cluster, job: Job, wanted: Wanted) -> None:
        """Delete, and wait until the objects are gone; one that is not there is fine."""
        flags = wanted.flags
        names = list(wanted.names)
        if not names:
            if not (flags.selector or flags.fields or flags.everything):
                raise LeafFailed("resource(s) were provided, but no name was specified")
            selector = Selector(flags.selector, flags.fields)
            listed = await _patiently(
                lambda: cluster.list(wanted.resource, wanted.namespace, selector)
            )
            names = [item["metadata"]["name"] for item in listed.items]
        for name in names:
            await self._delete_one(cluster, job, wanted, name)

    async def _delete_one(self, cluster: Cluster, job: Job, wanted: Wanted, name: str) -> None:
        flags = wanted.flags

        async def delete() -> Object | None:
            try:
                async with self._throttle.slot(job.workflow):
                    return await cluster.delete(
                        wanted.resource,
                        wanted.namespace,
                        name,
                        propagation=flags.propagation,  # type: ignore[arg-type] # one of a table
                        grace_seconds=flags.grace,
                    )
            except NotFound:
                return None

        before = await _patiently(delete)
        uid = ((before or {}).get("metadata") or {}).get("uid")
        wait = FIRST_WAIT
        while uid and not flags.no_wait:
            try:
                left = await cluster.get(wanted.resource, wanted.namespace, name)
            except NotFound:
                return
            except (Transient, TooManyRequests):
                left = {"metadata": {"uid": uid}}
            if left["metadata"].get("uid") != uid:
                return
            await asyncio.sleep(wait)
            wait = min(CHECK, wait * 2)

    # -- conditions -------------------------------------------------------------------------

    async def _awaited(
        self, cluster: Cluster, wanted: Wanted, obj: Object, conditions: tuple[str, str]
    ) -> Object:
        """The object once every success requirement holds."""
        name, uid = obj["metadata"]["name"], obj["metadata"].get("uid")
        watchable = True
        while True:
            if await asyncio.to_thread(_done, obj, conditions):
                return obj
            version = str(obj["metadata"].get("resourceVersion") or "")
            try:
                if watchable:
                    await _changed(cluster, wanted, name, version)
                else:
                    await asyncio.sleep(CHECK)
            except Forbidden:
                watchable = False
            except KubeError as error:
                self._log.info("resource not watched", name=name, error=error.message)
                await asyncio.sleep(CHECK)
            try:
                obj = await _patiently(lambda: cluster.get(wanted.resource, wanted.namespace, name))
            except NotFound:
                obj = {"metadata": {}}
            if obj["metadata"].get("uid") != uid:
                raise LeafFailed(
                    "The resource has been deleted while its status was still being checked. "
                    f"Will not be retried: {wanted.resource.plural} {name!r} not found"
                )


async def _changed(cluster: Cluster, wanted: Wanted, name: str, version: str) -> None:
    """Until the object is another than at `version`, or for a while."""
    selector = Selector(fields=f"metadata.name={name}")
    try:
        async with asyncio.timeout(LOOK_AGAIN):
            async for event in cluster.watch(
                wanted.resource, wanted.namespace, selector, resource_version=version
            ):
                if event.type != "BOOKMARK":
                    return
    except TimeoutError:
        return
    await asyncio.sleep(FIRST_WAIT)  # a stream that ends at once must not become a busy loop


def _done(obj: Object, conditions: tuple[str, str]) -> bool:
    return resource_condition.evaluate(obj, *conditions) is Verdict.SUCCESS


def _only(wanted: Wanted) -> str:
    if len(wanted.names) != 1:
        raise LeafFailed("resource name may not be empty")
    return wanted.names[0]


async def _patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask again while the answer is one that passes."""
    wait = FIRST_WAIT
    for _ in range(TRIES - 1):
        try:
            return await ask()
        except (Transient, TooManyRequests, Conflict):
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))
            wait *= 2
    return await ask()


# -- outputs --------------------------------------------------------------------------------


def _parameters(job: Job, obj: Any) -> dict[str, str]:
    """The declared output parameters. Without an object only defaults have a value."""
    found: dict[str, str] = {}
    for parameter in (job.leaf.template.get("outputs") or {}).get("parameters") or ():
        source = parameter.get("valueFrom") or {}
        if obj is None:
            if source.get("default") is not None:
                found[parameter["name"]] = str(source["default"])
            continue
        try:
            value = _value(source, obj)
        except LangError as error:
            if source.get("default") is None:
                text = f"output parameter {parameter.get('name')}: {error.message}"
                raise LeafFailed(text) from None
            value = str(source["default"])
        if value is not None:
            found[parameter["name"]] = value
    return found


def _value(source: Mapping[str, Any], obj: Any) -> str | None:
    if source.get("jsonPath"):
        return jsonpath.render(str(source["jsonPath"]), obj)
    if source.get("jqFilter"):
        return jq.output(str(source["jqFilter"]), obj)
    return None
