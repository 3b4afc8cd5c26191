"""What a trigger needs from Secrets to connect: texts, logins, TLS.

Called by the triggers. Values are read at every firing from the cache of `events.secrets`, so a
rotated Secret counts at once. No value ever gets into a message. Making a TLS context reads the
machine's authorities, which takes longer than a request: contexts are kept by what they are made
of, the newest 64.
"""

from __future__ import annotations

import os
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from crds import decode
from crds.errors import CrdError
from crds.events_shared import TLSConfig
from events.sources import client_tls
from events.sources.contract import SourceError
from events.triggers import clients
from events.triggers.contract import FiringContext, TriggerFailed

Selector = Mapping[str, Any]
_SELECTORS = ("caCertSecret", "clientCertSecret", "clientKeySecret")
_MOST = 64
PUBLIC: Mapping[str, Any] = {"enabled": True}
"""The TLSConfig of an address that asks for TLS where no TLSConfig says how."""
_contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()


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


def tls_fault(spec: Mapping[str, Any]) -> str | None:
    """What in `spec.tls` can never work, as `tls…: message`; None when nothing."""
    config = spec.get("tls")
    if not config:
        return None
    try:
        client_tls.check(decode.decode(config, TLSConfig)[0], "tls")
    except (CrdError, SourceError) as error:
        return str(error) if isinstance(error, SourceError) else f"tls.{error}"
    return None


async def tls(
    context: FiringContext, config: Mapping[str, Any] | None, path: str
) -> ssl.SSLContext | None:
    """What a TLSConfig asks for; None without one. The same context for the same values.

    Raises TriggerFailed, MissingValue, KubeError.
    """
    if not config:
        return None
    values: dict[str, bytes] = {}
    for field in _SELECTORS:
        if config.get(field):
            raw = await context.services.secrets.value(
                context.namespace, config[field], f"{path}.{field}"
            )
            values[f"{path}.{field}"] = raw.rstrip(b"\r\n")
    held = [[place.rpartition(".")[2], text.hex()] for place, text in values.items()]
    name = clients.key_of(held, bool(config.get("insecureSkipVerify")), _authorities())
    if name not in _contexts:
        _contexts[name] = await _made(config, values, path)
        if len(_contexts) > _MOST:
            _contexts.popitem(last=False)
    _contexts.move_to_end(name)
    return _contexts[name]


def _authorities() -> list[Any]:
    """What tells the machine's own authorities from those it had before."""
    paths = ssl.get_default_verify_paths()
    found = [path for path in (paths.cafile, paths.capath) if path]
    return [[path, os.stat(path).st_mtime_ns] for path in found]


async def _made(
    config: Mapping[str, Any], values: Mapping[str, bytes], path: str
) -> ssl.SSLContext:
    async def read(selector: Mapping[str, Any], where: str) -> bytes:
        return values[where]

    spec, _ = decode.decode(dict(config), TLSConfig)
    try:
        made = await client_tls.context(read, spec, path)
    except SourceError as error:
        raise TriggerFailed(str(error)) from None
    assert made is not None
    return made


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
