"""A full bus is said upstream, and a trigger that hangs delays no other."""

from __future__ import annotations

import asyncio

from aiohttp import web

from events.bus.memory import MemoryBus, MemoryStore
from events.ledger import reading
from events.ledger.records import State
from events.sensors.compiled import compile_sensor
from tests import ports
from tests.events import dispatching
from tests.events.support import request, serving
from tests.events.triggers.recorder import served


async def test_a_full_bus_is_503_and_nothing_that_was_answered_is_dropped() -> None:
    store = MemoryStore(max_messages=3)
    bus = MemoryBus(store)
    consumer = await bus.subscribe("sensors")
    number = ports.free_port()
    spec = {"port": str(number), "endpoint": "/push", "method": "POST"}
    async with serving({}) as running:
        await running.serve(bus, "webhook", "push", spec)

        async def post(body: bytes) -> int:
            answer = await request(number, "POST", "/push", (), body)
            assert answer.status == 200 or answer.headers["retry-after"] == "10"
            return answer.status

        assert [await post(b'{"n":%d}' % n) for n in range(5)] == [200, 200, 200, 503, 503]
        assert len(store.log) == 3
        consumer.ack(await consumer.next())
        assert await post(b'{"n":5}') == 200


async def test_a_trigger_that_hangs_delays_no_other() -> None:
    asked = asyncio.Event()

    async def never(_: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        return web.Response()

    port = ports.free_port()
    hanging = {"url": f"http://127.0.0.1:{port}/", "method": "POST", "timeout": 60}
    hanging["payload"] = [{"src": {"dependencyName": "a", "dataKey": "n"}, "dest": "n"}]  # type: ignore[assignment]
    templates = [{"name": "hangs", "http": hanging}, {"name": "logs", "log": {}}]
    meta = {"name": "s", "namespace": "argo", "uid": "u", "generation": 1}
    spec = {
        "dependencies": [{"name": "a", "eventSourceName": "hooks", "eventName": "a"}],
        "triggers": [{"template": template} for template in templates],
    }
    bus = MemoryBus()
    sensor = compile_sensor({"kind": "Sensor", "metadata": meta, "spec": spec})
    async with served(never, port):
        dispatcher = await dispatching.started(bus, sensor)
        for number in range(150):  # more than the hanging trigger's lane has room for
            await dispatching.publish(bus, "a", f"a{number}", b'{"n":1}')
        async with asyncio.timeout(20):
            await asked.wait()
            while True:
                entries = [entry async for entry in reading.entries(bus)]
                done = [o for e in entries for o in e.outcomes if (o.trigger, o.state) == DONE]
                if len(done) == 150:
                    break
                await asyncio.sleep(0.01)
        await dispatcher.stop()


DONE = ("logs", State.FIRED)
