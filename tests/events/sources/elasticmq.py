"""ElasticMQ: a server of queues that speaks SQS's protocol, from the jars its makers publish."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests import ports
from tests.events.sources.brokers import program
from tests.events.sources.maven import jars

_VERSION = "1.6.12"
_PARTS = (f"org.elasticmq:elasticmq-server_2.13:{_VERSION}",)
_CONFIG = """include classpath("application.conf")
node-address {{ protocol = http, host = 127.0.0.1, port = {port}, context-path = "" }}
rest-sqs {{ enabled = true, bind-port = {port}, bind-hostname = "127.0.0.1", sqs-limits = strict }}
rest-stats {{ enabled = false }}
"""


class ElasticMQ:
    """One server of a test module; its queues are in memory and go with it."""

    def __init__(self, folder: Path) -> None:
        self.port = ports.free_port()
        java = program("java", "default-jre-headless")
        classes = jars("elasticmq", _VERSION, *_PARTS)
        config = folder / "elasticmq.conf"
        config.write_text(_CONFIG.format(port=self.port))
        quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx200m"]
        main = [f"-Dconfig.file={config}", "-cp", f"{classes}/*", "org.elasticmq.server.Main"]
        self._argv = [java, *quick, *main]
        self._output = folder / "output"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        give_up = time.monotonic() + 50
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(self._output.read_text()[-3000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 2).close()
        except OSError:
            return False
        return True

    async def call(self, action: str, **fields: Any) -> dict[str, Any]:
        """One call of SQS's API; `queue` stands for the queue's URL."""
        url = f"http://127.0.0.1:{self.port}/"
        if "queue" in fields:
            fields["QueueUrl"] = f"{url}000000000000/{fields.pop('queue')}"
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AmazonSQS.{action}",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=json.dumps(fields), headers=headers) as answer,
        ):
            found: dict[str, Any] = json.loads(await answer.text())
            assert answer.status == 200, found
            return found

    async def make(self, queue: str, **attributes: str) -> None:
        await self.call("CreateQueue", QueueName=queue, Attributes=attributes)

    async def send(self, queue: str, *bodies: str, **more: Any) -> None:
        """In order; `group` is for FIFO queues."""
        group = more.pop("group", None)
        for first in range(0, len(bodies), 10):
            entries = []
            for number, body in enumerate(bodies[first : first + 10], first):
                entry = {"Id": str(number), "MessageBody": body, **more}
                if group is not None:
                    entry |= {"MessageGroupId": group, "MessageDeduplicationId": str(number)}
                entries.append(entry)
            answer = await self.call("SendMessageBatch", queue=queue, Entries=entries)
            assert not answer.get("Failed"), answer

    async def left(self, queue: str) -> tuple[int, int]:
        """Messages that wait, and those that were received and not deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = await self.call("GetQueueAttributes", queue=queue, AttributeNames=names)
        waiting, hidden = (int(found["Attributes"][name]) for name in names)
        return waiting, hidden


@contextmanager
def elasticmq() -> Iterator[ElasticMQ]:
    """Running, without queues."""
    with tempfile.TemporaryDirectory() as name:
        server = ElasticMQ(Path(name))
        try:
            server.start()
            yield server
        finally:
            server.kill()
