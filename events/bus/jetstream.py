"""`Bus` on NATS JetStream.

One stream of events per bus, one more per table. The event stream refuses new messages when it
is full instead of dropping old ones; what every subscriber has dealt with is purged by age and
count from here, so a full bus means unconsumed events, and the publisher hears of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import nats
import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js import api as js_api
from nats.js.errors import NotFoundError

from events.bus import jetstream_read
from events.bus import jetstream_wire as wire
from events.bus.contract import (
    EVERYTHING,
    BusMisconfigured,
    BusUnavailable,
    Delivered,
    Message,
    Range,
    Receipt,
)
from events.bus.jetstream_publish import Publisher
from events.bus.jetstream_subscription import JetStreamSubscription, StreamAccess
from events.bus.jetstream_table import JetStreamTable
from events.bus.nats_link import Login, NatsLink
from events.nats_client import StrictClient
from kube.service import Service, answered

_MIN_SERVER = (2, 12)


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to log in. Called at each (re)connect, so rotated secrets are picked up."""

    user: Callable[[], str] | None = None
    password: Callable[[], str] | None = None
    token: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the servers are."""

    url: str
    credentials: Credentials = field(default_factory=Credentials)
    tls: ssl.SSLContext | None = None

    def login(self) -> Login:
        """How to connect now."""

        def said(value: Callable[[], str] | None) -> str:
            return value() if value is not None else ""

        known = self.credentials
        user, password, token = said(known.user), said(known.password), said(known.token)
        return Login(self.url, self.tls, user, password, token)


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Retention of the event stream; 0 is no limit. Seconds and bytes."""

    max_messages: int = 0
    max_bytes: int = 0
    max_age: float = 168 * 3600.0
    duplicates: float = 300.0
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """Waiting times in seconds: a publish until it is given up, an ack until redelivery, the
    first connection."""

    publish: float = 10.0
    ack_wait: float = 12.0
    connect: float = 20.0
    housekeeping: float = 30.0


class JetStreamBus(Service):
    """See `Bus`. Started as a service; `start` returns when the stream exists."""

    def __init__(
        self,
        connection: Connection,
        stream: str,
        limits: StreamLimits | None = None,
        timing: Timing | None = None,
    ) -> None:
        super().__init__("events.bus")
        self._connection = connection
        self.stream = stream
        self._limits = limits or StreamLimits()
        self._timing = timing or Timing()
        self._client: Client = StrictClient()
        self._context: JetStreamContext = self._client.jetstream(timeout=5)
        self._managing = asyncio.Event()
        self._link = NatsLink(connection.login)
        self._link.on_connect.append(self._on_link)
        self._publisher = Publisher(
            self._link,
            timeout=self._timing.publish,
            house=(self._limits.max_messages // 20, self._limits.max_bytes // 20),
        )
        self._subscriptions: set[JetStreamSubscription] = set()
        self._tables: dict[str, JetStreamTable] = {}

    async def run(self) -> None:
        """Connect, make the stream, then write and keep house until stopped."""
        try:
            await self._connect()
            await self._start_link()
            await self._ensure_stream()
            self.spawn(self._publisher.run(), "publish")
            self.spawn(self._keep_house(), "housekeeping")
            self.mark_started()
            await asyncio.Event().wait()
        finally:
            await self._link.stop()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2.0):
                    await self._client.close()

    @property
    def connected(self) -> bool:
        """Whether the server answers right now."""
        return self._link.connected

    def publish(self, message: Message) -> Awaitable[Receipt]:
        """See `Bus.publish`."""
        return self._publisher.publish(message)

    async def subscribe(self, durable: str, subjects: Sequence[str] = ()) -> JetStreamSubscription:
        """See `Bus.subscribe`."""
        access = StreamAccess(self._context, self._link, self.stream, self._reconnected)
        subscription = JetStreamSubscription(
            access, durable, tuple(subjects), self._timing.ack_wait
        )
        subscription.on_close = lambda: self._subscriptions.discard(subscription)
        await subscription.open()
        self._subscriptions.add(subscription)
        return subscription

    async def replay(self, stretch: Range = EVERYTHING) -> AsyncIterator[Delivered]:
        """See `Bus.replay`."""
        config = js_api.ConsumerConfig(deliver_policy=js_api.DeliverPolicy.ALL)
        if stretch.first is not None:
            config.deliver_policy = js_api.DeliverPolicy.BY_START_SEQUENCE
            config.opt_start_seq = max(1, stretch.first)
        elif stretch.since is not None:
            config.deliver_policy = js_api.DeliverPolicy.BY_START_TIME
            moment = datetime.fromtimestamp(stretch.since, UTC)
            config.opt_start_time = moment.isoformat().replace("+00:00", "Z")  # type: ignore[assignment]  # the server wants text
        if stretch.subjects:
            config.filter_subjects = list(stretch.subjects)
        await self._reconnected()
        async for raw in jetstream_read.read(self._context, self.stream, config):
            found = wire.delivered(raw.subject, raw.reply, raw.headers or {}, raw.data)
            if stretch.last is not None and found.sequence > stretch.last:
                return
            if stretch.until is not None and found.stored_at > stretch.until:
                return
            if stretch.since is None or found.stored_at >= stretch.since:
                yield found

    def table(self, name: str) -> JetStreamTable:
        """See `Bus.table`."""
        if (known := self._tables.get(name)) is not None:
            return known
        table = JetStreamTable(
            self._context, self._link, f"{self.stream}_{name}", timeout=self._timing.publish
        )
        self._tables[name] = table
        self.spawn(table.run(), f"table-{name}")
        return table

    async def floor(self, durable: str) -> int:
        """See `Bus.floor`."""
        await self._reconnected()
        try:
            info = await answered(self._context.consumer_info(self.stream, durable))
        except NotFoundError:
            return 0
        except (*wire.TRANSIENT, nats.errors.Error) as error:
            raise wire.from_foreign(error) from error
        if not info.num_ack_pending and info.delivered is not None:
            return int(info.delivered.stream_seq)  # also behind messages that were purged
        return int(info.ack_floor.stream_seq) if info.ack_floor is not None else 0

    async def last(self) -> int:
        """See `Bus.last`."""
        await self._reconnected()
        try:
            info = await answered(self._context.stream_info(self.stream))
            return int(info.state.last_seq)
        except (*wire.TRANSIENT, nats.errors.Error) as error:
            raise wire.from_foreign(error) from error

    async def close(self) -> None:
        """Stop the service."""
        await self.stop()

    async def _connect(self) -> None:
        credentials = self._connection.credentials
        try:
            async with asyncio.timeout(self._timing.connect):
                await self._client.connect(
                    self._connection.url,
                    user=credentials.user,
                    password=credentials.password,
                    token=credentials.token,
                    tls=self._connection.tls,
                    name="headrace",
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.1,  # type: ignore[arg-type]  # fractions work
                    connect_timeout=2,
                    ping_interval=10,
                    pending_size=0,  # refuse while disconnected: the publisher retries itself
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnect,
                    reconnected_cb=self._on_reconnect,
                )
            self._managing.set()
        except (TimeoutError, OSError, nats.errors.Error) as error:
            raise BusUnavailable(f"no NATS server at {_shown(self._connection.url)}") from error
        version = self._client.connected_server_version
        if (version.major, version.minor) < _MIN_SERVER:
            raise BusMisconfigured(
                f"NATS server {version.major}.{version.minor} is too old: 2.12 is needed"
            )

    async def _reconnected(self) -> None:
        """Until the connection for reading and managing is there again; the link may be sooner.

        Raises BusUnavailable when it takes longer than a publish may."""
        try:
            async with asyncio.timeout(self._timing.publish):
                await self._managing.wait()
        except TimeoutError:
            raise BusUnavailable("the bus is not connected") from None

    async def _start_link(self) -> None:
        try:
            await self._link.start(timeout=self._timing.connect)
        except TimeoutError:
            shown = _shown(self._connection.url)
            raise BusUnavailable(f"no NATS server at {shown}") from None
        self.spawn(self._link.wait(), "link")

    async def _on_disconnect(self) -> None:
        self._managing.clear()

    async def _on_reconnect(self) -> None:
        self._managing.set()

    async def _on_error(self, error: Exception) -> None:
        self.log.warning("bus_connection", error=type(error).__name__)

    def _on_link(self) -> None:
        for subscription in self._subscriptions:
            subscription.renew()

    async def _ensure_stream(self) -> None:
        limits = self._limits
        config = js_api.StreamConfig(
            name=self.stream,
            subjects=[f"{self.stream}.*.*"],
            storage=js_api.StorageType.FILE,
            discard=js_api.DiscardPolicy.NEW,
            max_msgs=limits.max_messages or -1,
            max_bytes=limits.max_bytes or -1,
            max_age=0,
            duplicate_window=limits.duplicates,
            num_replicas=limits.replicas,
            allow_atomic=True,
            allow_direct=True,
        )
        while True:
            try:
                try:
                    await answered(self._context.stream_info(self.stream))
                    await answered(self._context.update_stream(config))
                except NotFoundError:
                    await answered(self._context.add_stream(config))
                return
            except wire.TRANSIENT as error:
                self.log.warning("stream_retry", error=type(error).__name__)
                await asyncio.sleep(0.1)
            except nats.errors.Error as error:
                raise wire.from_foreign(error) from error

    async def _keep_house(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timing.housekeeping):
                    await self._publisher.housekeeping.wait()
            self._publisher.housekeeping.clear()
            try:
                await self._purge()
            except (*wire.TRANSIENT, nats.errors.Error, BusUnavailable) as error:
                self.log.warning("purge_retry", error=type(error).__name__)

    async def _purge(self) -> None:
        """Drop what is over the limits and dealt with by everybody."""
        state = (await answered(self._context.stream_info(self.stream))).state
        consumers = await answered(self._context.consumers_info(self.stream))
        floors = [
            c.ack_floor.stream_seq for c in consumers if c.ack_floor and c.config.durable_name
        ]
        limits = self._limits
        over = 0
        if limits.max_messages:
            over = state.messages - int(limits.max_messages * 0.9)
        if limits.max_bytes and state.bytes > limits.max_bytes * 0.9:
            over = max(over, state.messages // 5)
        below = state.first_seq + max(0, over)
        if limits.max_age:
            below = max(below, await self._first_since(limits.max_age, state.last_seq + 1))
        below = min([below, *(floor + 1 for floor in floors)])
        if below > state.first_seq:
            await answered(self._context.purge_stream(self.stream, seq=below))
            self.log.info("events_purged", below=below)

    async def _first_since(self, age: float, default: int) -> int:
        since = datetime.now(UTC).timestamp() - age
        async for found in self.replay(Range(since=since)):
            return found.sequence
        return default


def _shown(url: str) -> str:
    """`url` without credentials."""
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest.rpartition("@")[2]
