"""What a trigger needs from Secrets to connect: texts, logins, TLS.

Called by the triggers. Values are read at every firing from the cache of `events.secrets`, so a
rotated Secret counts at once. No value ever gets into a message.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from crds import decode
from crds.events_shared import TLSConfig
from events.sources import client_tls
from events.sources.contract import SourceError
from events.triggers.contract import FiringContext, TriggerFailed

Selector = Mapping[str, Any]


async def text(context: FiringContext, selector: Selector | None, path: str) -> str:
    """The value `selector` names, without the newline editors leave; "" without a selector.

    Raises MissingValue, KubeError.
    """
    if not selector:
        return ""
    raw = await context.services.secrets.value(context.namespace, selector, path)
    return raw.decode("utf-8", "replace").rstrip("\r\n")


async def required(context: FiringContext, selector: Selector | None, path: str) -> str:
    """As `text`; raises TriggerFailed when there is no selector or the value is empty."""
    found = await text(context, selector, path)
    if not found:
        raise TriggerFailed(f"{path}: is required", permanent=not selector)
    return found


async def tls(
    context: FiringContext, config: Mapping[str, Any] | None, path: str
) -> ssl.SSLContext | None:
    """What a TLSConfig asks for; None without one. Raises TriggerFailed, MissingValue."""
    if not config:
        return None
    spec, _ = decode.decode(dict(config), TLSConfig)

    async def read(selector: Mapping[str, Any], where: str) -> bytes:
        raw = await context.services.secrets.value(context.namespace, selector, where)
        return raw.rstrip(b"\r\n")

    try:
        return await client_tls.context(read, spec, path)
    except SourceError as error:
        raise TriggerFailed(str(error)) from None


async def secure_headers(
    context: FiringContext, spec: Mapping[str, Any], kind: str
) -> dict[str, str]:
    """The headers whose values stand in Secrets and ConfigMaps. Raises MissingValue, KubeError."""
    found = {}
    for position, entry in enumerate(spec.get("secureHeaders") or ()):
        path = f"{kind}.secureHeaders[{position}].valueFrom"
        source = entry.get("valueFrom") or {}
        config_map = not source.get("secretKeyRef")
        reference = source.get("secretKeyRef") or source.get("configMapKeyRef") or {}
        raw = await context.services.secrets.value(
            context.namespace, reference, path, config_map=config_map
        )
        found[str(entry.get("name") or "")] = raw.decode("utf-8", "replace").strip()
    return found
