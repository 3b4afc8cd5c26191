"""The object a k8s or argoWorkflow trigger works on: inline, or in a ConfigMap, a file, a URL, S3,
or git."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from events.triggers import source_git, source_s3
from events.triggers.contract import FiringContext, TriggerFailed
from lang import yaml
from lang.errors import LangError

_MAX_BYTES = 512 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=20)
_ALL = ("s3", "inline", "file", "url", "git", "configmap", "resource")


def fault(source: Mapping[str, Any] | None) -> str | None:
    """What is wrong with `source` at first sight."""
    if not source:
        return "source: is required"
    found = [field for field in _ALL if source.get(field)]
    if not found:
        return "source: none of " + ", ".join(_ALL) + " is set"
    match found[0]:
        case "s3":
            return source_s3.fault(source["s3"])
        case "git":
            return source_git.fault(source["git"])
        case _:
            return None


async def fetch(context: FiringContext, source: Mapping[str, Any]) -> dict[str, Any]:
    """The object. Raises TriggerFailed, MissingValue, KubeError."""
    field = next(field for field in _ALL if source.get(field))
    value = source[field]
    match field:
        case "resource":
            return dict(value)
        case "s3":
            raw = await source_s3.fetch(context, value, _MAX_BYTES)
            return _parse(raw.decode("utf-8", "replace"), "source.s3")
        case "inline":
            return _parse(str(value), "source.inline")
        case "configmap":
            raw = await context.services.secrets.value(
                context.namespace, value, "source.configmap", config_map=True
            )
            return _parse(raw.decode("utf-8", "replace"), "source.configmap")
        case "file":
            return _parse(await asyncio.to_thread(_read, str(value.get("path"))), "source.file")
        case "git":
            raw = await source_git.fetch(context, value, _MAX_BYTES)
            return _parse(raw.decode("utf-8", "replace"), "source.git")
        case _:
            return _parse(await _download(context, value), "source.url")


def _parse(text: str, path: str) -> dict[str, Any]:
    try:
        found = yaml.load(text)
    except LangError as error:
        raise TriggerFailed(f"{path}: is no YAML: {error.message}", permanent=True) from None
    if not isinstance(found, dict):
        raise TriggerFailed(f"{path}: is no object", permanent=True)
    return found


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise TriggerFailed(f"source.file.path: {error.strerror}") from None
    if len(raw) > _MAX_BYTES:
        raise TriggerFailed("source.file.path: is larger than 512 KiB", permanent=True)
    return raw.decode("utf-8", "replace")


async def _download(context: FiringContext, value: Mapping[str, Any]) -> str:
    url = str(value.get("path") or "")
    if not url.startswith(("http://", "https://")):
        raise TriggerFailed("source.url.path: must begin with http:// or https://", permanent=True)
    connector = context.services.egress.connector()
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session,
            session.get(url, max_redirects=5) as answer,
        ):
            if answer.status != 200:
                raise TriggerFailed(f"source.url.path: answered {answer.status}")
            raw = await _capped(answer)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise TriggerFailed(f"source.url.path: {error}") from None
    return raw.decode("utf-8", "replace")


async def _capped(answer: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for part in answer.content.iter_chunked(1 << 16):
        raw += part
        if len(raw) > _MAX_BYTES:
            raise TriggerFailed("source.url.path: is larger than 512 KiB", permanent=True)
    return bytes(raw)
