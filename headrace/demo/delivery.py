"""Sending what GitHub and MinIO would send."""

from __future__ import annotations

import hashlib
import hmac
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request that can be sent any number of times, byte for byte the same."""

    url: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and after how many seconds."""

    status: int
    text: str
    seconds: float


def github_push(port: int, payload: Path, secret: str) -> Delivery:
    """A `push` delivery, signed like GitHub signs it, with a delivery id of its own."""
    body = orjson.dumps(orjson.loads(payload.read_bytes()))
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/0a1b2c3",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-GitHub-Hook-ID": "292430182",
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return Delivery(f"http://localhost:{port}/push", body, headers)


def s3_notification(port: int, payload: Path) -> Delivery:
    """A bucket notification as MinIO's webhook target posts it."""
    body = orjson.dumps(orjson.loads(payload.read_bytes()))
    headers = {"Content-Type": "application/json", "User-Agent": "MinIO (linux; amd64)"}
    return Delivery(f"http://localhost:{port}/s3", body, headers)


async def send(delivery: Delivery) -> Answer:
    """Send it once."""
    timeout = aiohttp.ClientTimeout(total=30)
    began = time.perf_counter()
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(delivery.url, data=delivery.body, headers=delivery.headers) as answer,
    ):
        text = await answer.text()
        return Answer(answer.status, text, time.perf_counter() - began)


def free_port(wanted: int) -> int:
    """`wanted`, or a free port where something else listens on it."""
    for candidate in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", candidate))  # noqa: S104 - only to learn whether it is free
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free TCP port on this machine")


def with_port(manifest: dict[str, Any], old: int, new: int) -> dict[str, Any]:
    """An EventSource manifest that listens on another port."""
    text = orjson.dumps(manifest).decode().replace(f'"{old}"', f'"{new}"')
    changed: dict[str, Any] = orjson.loads(text)
    return changed
