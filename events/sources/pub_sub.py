"""`pubSub`: messages of a Google Pub/Sub subscription, over its REST API.

Payload `{id, body, attributes, publishTime, metadata?}`. A message is acknowledged when its event
is durable; its deadline is moved while that takes long. Without a `subscriptionID` the event has a
subscription of its own, `<event>-<number>`, which is made when it is not there. The event's id
follows from the message's, so that a message that comes again is the same event.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import zlib
from datetime import datetime

import aiohttp
import msgspec
import structlog

from crds import decode
from crds.eventsource_cloud import PubSubEventSource
from events.refusal import Refused
from events.sources import http_body, http_queue, pub_sub_api, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_queue import Deletions
from events.sources.pub_sub_api import Account, Api, Received, Subscription
from events.sources.queue_link import ConnectionLost, Link
from events.sources.queue_relay import Outcome

_BATCH = 100  # most messages of one pull
_ACKNOWLEDGE = 500  # most deliveries of one call
_EXTENSION = 60  # seconds
_RENEW = 4.0  # seconds; a subscription's own deadline is 10 at least
_CLEAN_UP = 8.0
_TIMEOUT = aiohttp.ClientTimeout(total=120.0)  # a pull waits up to 90 seconds
_PROJECT = re.compile(r"[a-z][a-z0-9.:-]{1,98}[a-z0-9]\Z")
_log = structlog.get_logger("events.sources.pub_sub")
_NAME = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}\Z")


class PubSub:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Pull and pass on until cancelled."""
        spec = _spec(context)
        last: _Session | None = None

        async def session(link: Link) -> None:
            nonlocal last
            last = _Session(link, spec)
            try:
                await last.run()
            except Refused as error:
                raise http_queue.mapped(context.path, error) from None
            except msgspec.MsgspecError as error:
                raise pub_sub_api.problem(error) from None

        try:
            await queue_link.keep(context, ready, session)
        finally:
            if spec.delete_subscription_on_finish and last is not None:
                await asyncio.shield(last.remove())


def _spec(context: SourceContext) -> PubSubEventSource:
    """The checked settings. Raises SourceError."""
    path = context.path
    spec, _ = decode.decode(dict(context.spec), PubSubEventSource)
    if not spec.project_id:
        raise SourceError(f"{path}.projectID", "is required")
    if not (spec.topic or spec.subscription_id):
        raise SourceError(f"{path}.topic", "topic or subscriptionID is required")
    if spec.topic_project_id and not spec.topic:
        raise SourceError(f"{path}.topic", "is required with topicProjectID")
    shapes = (
        ("projectID", spec.project_id, _PROJECT),
        ("topicProjectID", spec.topic_project_id, _PROJECT),
        ("topic", spec.topic, _NAME),
        ("subscriptionID", spec.subscription_id, _NAME),
    )
    for field, value, shape in shapes:
        if value and not shape.match(value):
            raise SourceError(f"{path}.{field}", f"{value!r} is no name")
    if spec.credential_secret is None and not pub_sub_api.emulator():
        what = "is required: the identity of the process is not used"
        raise SourceError(f"{path}.credentialSecret", what)
    return spec


class _Session:
    """One connection: its subscription, and the messages that are not settled."""

    def __init__(self, link: Link, spec: PubSubEventSource) -> None:
        self._link = link
        self._spec = spec
        self._held: set[str] = set()  # deliveries
        project = spec.topic_project_id or spec.project_id
        self._topic = f"projects/{project}/topics/{spec.topic}" if spec.topic else ""
        name = spec.subscription_id or _own(link.context, self._topic)
        self._name = f"projects/{spec.project_id}/subscriptions/{name}"
        self._identity: Account | None = None
        self._api: Api
        self._dead_letters = False

    async def run(self) -> None:
        """Until the connection ends. Raises Refused, SourceError, ConnectionLost."""
        self._identity = await self._account()
        clock = self._link.context.services.clock
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            self._api = Api(session, clock, self._identity)
            found = await self._subscription()
            self._dead_letters = bool(found.dead_letter_policy)
            self._link.connected()
            async with Deletions(self._acknowledge, _ACKNOWLEDGE) as acknowledgements:
                await self._serve(acknowledgements)

    async def remove(self) -> None:
        """Delete the subscription, if the connection stood; what fails is logged."""
        if not self._link.is_connected:
            return
        clock = self._link.context.services.clock
        try:
            async with asyncio.timeout(_CLEAN_UP), aiohttp.ClientSession() as session:
                await Api(session, clock, self._identity).unsubscribe(self._name)
        except (Refused, ConnectionLost, TimeoutError, msgspec.MsgspecError) as error:
            owner = self._link.context.owner
            _log.warning("subscription_not_deleted", owner=owner, error=str(error))

    async def _account(self) -> Account | None:
        if pub_sub_api.emulator():
            return None
        field = f"{self._link.context.path}.credentialSecret"
        raw = await self._link.text(self._spec.credential_secret, field)
        try:
            return await asyncio.to_thread(pub_sub_api.account, raw.encode())
        except ValueError as error:
            raise SourceError(field, str(error)) from None

    async def _subscription(self) -> Subscription:
        """Found, or made together with its topic."""
        found = await self._api.subscription(self._name)
        if found is None:
            if not self._topic:
                field = f"{self._link.context.path}.subscriptionID"
                raise SourceError(field, f"{self._name} does not exist; with a topic it is made")
            await self._api.ensure_topic(self._topic)
            found = await self._api.subscribe(self._name, self._topic)
        if self._topic and found.topic != self._topic:
            field = f"{self._link.context.path}.subscriptionID"
            raise SourceError(field, f"{self._name} belongs to {found.topic}, not {self._topic}")
        return found

    async def _acknowledge(self, deliveries: list[str]) -> None:
        await self._api.acknowledge(self._name, deliveries)

    async def _serve(self, acknowledgements: Deletions) -> None:
        renewing = asyncio.create_task(self._renew())
        pulling = asyncio.create_task(self._pull(acknowledgements))
        tasks = {renewing, pulling}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pull(self, acknowledgements: Deletions) -> None:
        while True:
            received = await self._api.pull(self._name, _BATCH)
            self._held.update(item.ack_id for item in received)
            for item in received:
                await self._take(item, acknowledgements)

    async def _renew(self) -> None:
        """Keep what is not settled from being given to others."""
        while True:
            await asyncio.sleep(_RENEW)
            if self._held:
                # A delivery that is too old to be moved comes again; of more the pull tells.
                with contextlib.suppress(Refused):
                    await self._api.extend(self._name, list(self._held), _EXTENSION)

    async def _take(self, item: Received, acknowledgements: Deletions) -> None:
        context = self._link.context

        async def settled(outcome: Outcome) -> None:
            self._held.discard(item.ack_id)
            # What is refused comes again until the dead letter policy moves it; without one it
            # would come for ever.
            if outcome is not Outcome.REFUSED or not self._dead_letters:
                acknowledgements.add(item.ack_id)
                return
            with contextlib.suppress(Refused, ConnectionLost):  # else its deadline passes
                await self._api.extend(self._name, [item.ack_id], 0)

        try:
            members = _members(item, json_body=self._spec.json_body)
        except http_body.BadBody as error:
            self._link.relay.refuse(f"the body is no JSON: {error}")
            await settled(Outcome.REFUSED)
            return
        data = queue_payload.document(context, members)
        identity = queue_payload.stable_id(context, item.message.message_id)
        await self._link.relay.submit(data, identity, settled)


def _own(context: SourceContext, topic: str) -> str:
    """The name of the event's own subscription; the same at every start."""
    number = zlib.crc32("\0".join((context.owner, topic)).encode())
    return f"{context.event[:200]}-{number}"


def _members(item: Received, *, json_body: bool) -> dict[str, bytes | None]:
    message = item.message
    return {
        "id": queue_payload.text(message.message_id),
        "body": queue_payload.body(_raw(message.data), json_body=json_body),
        "attributes": http_body.marshal(message.attributes) if message.attributes else b"null",
        "publishTime": queue_payload.text(queue_payload.go_time(_seconds(message.publish_time))),
    }


def _raw(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        raise http_body.BadBody("the message is no base64") from None


def _seconds(stamp: str) -> float | None:
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return None
