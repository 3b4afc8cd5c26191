"""`resource`: Kubernetes objects that come, change and go.

Payload `{type, body, oldBody, group, version, resource, metadata?}`, `type` one of ADD, UPDATE,
DELETE; `oldBody` only for UPDATE. Objects are told of in the order of their changes; a watch that
was interrupted goes on without a gap while the API remembers. At the start every object that is
there comes as ADD unless `afterStart`; an object is added once, which its event's id says too.
"""

from __future__ import annotations

import math

from crds import decode
from crds.eventsource_local import ResourceEventSource
from events.sources import http_body, queue_payload, resource_filter, webhook_endpoint
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_relay import Relay
from kube.cluster import Object, Selector, WatchEvent
from kube.informers import Informer
from kube.resources import Resource as Kind

_ADD, _UPDATE, _DELETE = "ADD", "UPDATE", "DELETE"
_TYPES = {"ADDED": _ADD, "MODIFIED": _UPDATE, "DELETED": _DELETE}
_PATIENCE = 20.0


class Resource:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Watch and pass on until cancelled."""
        spec, _ = decode.decode(dict(context.spec), ResourceEventSource)
        _check(spec, context.path)
        start = math.floor(context.services.clock.now())
        passes = resource_filter.compiled(spec.filter, f"{context.path}.filter", start)
        labels = resource_filter.labels(spec.filter, f"{context.path}.filter")
        kind = await _kind(context, spec)
        informer = Informer(
            context.services.cluster, kind, spec.namespace or None, selector=Selector(labels)
        )
        relay = Relay(context, ready)
        informer.add_handler(_Changes(context, spec, relay, passes).take)
        try:
            try:
                await informer.start(_PATIENCE)
            except TimeoutError:
                what = f"{kind.plural} cannot be listed, or not in {_PATIENCE:.0f} s"
                raise SourceError(context.path, what, "Unavailable") from None
            ready()
            await informer.wait()
        finally:
            await informer.stop()
            await relay.close()


def _check(spec: ResourceEventSource, path: str) -> None:
    """Raises SourceError."""
    required = {
        "version": spec.version,
        "resource": spec.resource,
        "eventTypes": spec.event_types,
    }
    for name, value in required.items():
        if not value:
            raise SourceError(f"{path}.{name}", "is required")
    for index, kind in enumerate(spec.event_types or ()):
        if kind not in _TYPES.values():
            what = f"unknown event type {kind!r}: must be ADD, UPDATE or DELETE"
            raise SourceError(f"{path}.eventTypes[{index}]", what)


async def _kind(context: SourceContext, spec: ResourceEventSource) -> Kind:
    """What the cluster serves under that name. Raises SourceError, KubeError."""
    api_version = f"{spec.group}/{spec.version}" if spec.group else spec.version
    for kind in await context.services.cluster.served(api_version):
        if kind.plural == spec.resource:
            return kind
    what = f"the cluster serves no {spec.resource!r} in {api_version!r}"
    raise SourceError(f"{context.path}.resource", what, "UnknownResource")


class _Changes:
    """Turns what the informer tells into events; remembers each object's last state."""

    def __init__(
        self,
        context: SourceContext,
        spec: ResourceEventSource,
        relay: Relay,
        passes: resource_filter.Passes,
    ) -> None:
        self._context = context
        self._relay = relay
        self._passes = passes
        self._wanted = frozenset(spec.event_types or ())
        self._extra = webhook_endpoint.metadata(context.spec)
        self._place = {
            "group": queue_payload.text(spec.group),
            "version": queue_payload.text(spec.version),
            "resource": queue_payload.text(spec.resource),
        }
        self._known: dict[str, Object] = {}

    async def take(self, event: WatchEvent) -> None:
        """One change. Waits while the bus is slow, which slows the watch down."""
        obj, kind = event.object, _TYPES[event.type]
        meta = obj["metadata"]
        uid = str(meta["uid"])
        before = self._known.pop(uid, None)
        if kind != _DELETE and _UPDATE in self._wanted:
            self._known[uid] = obj
        if kind not in self._wanted:
            return
        version = str(meta.get("resourceVersion") or "")
        if kind == _UPDATE:
            if before is not None and before["metadata"].get("resourceVersion") == version:
                return
        else:
            before, version = None, ""
        if not self._passes(obj, kind):
            return
        data = webhook_endpoint.payload(
            {
                "type": queue_payload.text(kind),
                "body": http_body.marshal(obj),
                "oldBody": b"null" if before is None else http_body.marshal(before),
                **self._place,
                "metadata": self._extra,
            }
        )
        identity = queue_payload.stable_id(self._context, uid, kind, version)
        await self._relay.submit(data, identity)
