"""The object a k8s or argoWorkflow trigger works on: inline, or in a ConfigMap, a file, a URL, S3,
or git."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp

from events.triggers import source_file, source_git, source_s3
from events.triggers.contract import FiringContext, TriggerFailed
from kube import answer_body
from lang import yaml
from lang.errors import LangError

_MAX_BYTES = 512 * 1024
_LONG = 16 * 1024
_SECONDS = 20.0
_HOPS = 5  # the client counts the answer that ends it
_SCHEMES = ("http://", "https://")
_NO_URL = "must begin with http:// or https://"
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
        case "file":
            return source_file.fault(source["file"])
        case "url":
            wrong = not str(source["url"].get("path") or "").startswith(_SCHEMES)
            return f"source.url.path: {_NO_URL}" if wrong else None
        case "configmap":
            missing = [each for each in ("name", "key") if not source["configmap"].get(each)]
            return f"source.configmap.{missing[0]}: is required" if missing else None
        case _:
            return None


async def fetch(context: FiringContext, source: Mapping[str, Any]) -> dict[str, Any]:
    """The object. Raises TriggerFailed, MissingValue, KubeError."""
    field = next(field for field in _ALL if source.get(field))
    if field == "resource":
        return dict(source["resource"])
    path = f"source.{field}"
    raw = await _content(context, field, source[field])
    # A long text takes longer to read than others should wait.
    if len(raw) > _LONG:
        return await asyncio.to_thread(_parse, raw, path)
    return _parse(raw, path)


async def _content(context: FiringContext, field: str, value: Any) -> bytes:
    match field:
        case "inline":
            return str(value).encode()
        case "s3":
            return await source_s3.fetch(context, value, _MAX_BYTES)
        case "configmap":
            return await context.services.secrets.value(
                context.namespace, value, "source.configmap", config_map=True
            )
        case "file":
            return await source_file.fetch(context.services.files, value, _MAX_BYTES)
        case "git":
            return await source_git.fetch(context, value, _MAX_BYTES)
        case _:
            return await _download(context, value)


def _parse(raw: bytes, path: str) -> dict[str, Any]:
    try:
        found = yaml.load_all(yaml.decode(raw))
    except LangError as error:
        raise TriggerFailed(f"{path}: is no YAML: {error.message}", permanent=True) from None
    if len(found) > 1:
        raise TriggerFailed(f"{path}: holds {len(found)} objects, not one", permanent=True)
    if not found or not isinstance(found[0].value, dict):
        raise TriggerFailed(f"{path}: is no object", permanent=True)
    obj: dict[str, Any] = found[0].value
    return obj


async def _download(context: FiringContext, value: Mapping[str, Any]) -> bytes:
    url = str(value.get("path") or "")
    if not url.startswith(_SCHEMES):
        raise TriggerFailed(f"source.url.path: {_NO_URL}", permanent=True)
    limit = aiohttp.ClientTimeout(total=_SECONDS)
    connector = context.services.egress.connector()
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=limit) as session,
            session.get(url, max_redirects=_HOPS + 1) as answer,
        ):
            if answer.status != 200:
                raise TriggerFailed(f"source.url.path: answered {answer.status}")
            return await answer_body.whole(answer, _MAX_BYTES)
    except TimeoutError:
        raise TriggerFailed(f"source.url.path: not read within {_SECONDS:.0f} s") from None
    except answer_body.TooLong:
        raise TriggerFailed("source.url.path: is larger than 512 KiB", permanent=True) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise TriggerFailed(f"source.url.path: {str(error) or type(error).__name__}") from None
