"""`azureEventHubs`: send one event to a hub over its HTTPS interface, signed with a SAS token.

Event Hubs drops nothing that was sent twice; the firing key goes along as the property
`Idempotency-Key` for the readers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from crds.triggers import AzureEventHubsTrigger as Spec
from events.azure import sas as azure_sas
from events.sensors import parameters
from events.trace import TRACEPARENT
from events.triggers import applied, credentials, exchange
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.exchange import Call

_PATH = "azureEventHubs"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}\Z", re.ASCII)


class AzureEventHubsTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """What a request needs."""
        for field in ("fqdn", "hubName", "sharedAccessKeyName", "sharedAccessKey", "payload"):
            if not spec.get(field):
                return f"{field}: is required"
        return None

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Send it."""
        spec = applied.settings(self, context, spec, "azureEventHubs", Spec)
        hub = str(spec.get("hubName") or "")
        if not _NAME.match(hub):
            raise TriggerFailed(f"{_PATH}.hubName: {hub!r} is no name of a hub", permanent=True)
        try:
            base = azure_sas.base_url(str(spec.get("fqdn") or "").rstrip("/"))
        except azure_sas.BadConnection as error:
            raise TriggerFailed(f"{_PATH}.fqdn: {error}", permanent=True) from None
        body = parameters.payload(spec.get("payload") or (), context.events).encode()
        call = await _call(context, spec, f"{base}/{quote(hub)}", body)
        answer = await exchange.send(context, call)
        exchange.require_success(answer, _PATH)
        return f"Event Hub {hub}"


async def _call(context: FiringContext, spec: Mapping[str, Any], place: str, body: bytes) -> Call:
    names = ("sharedAccessKeyName", "sharedAccessKey")
    policy, key = [
        await credentials.required(context, spec.get(name), f"{_PATH}.{name}") for name in names
    ]
    headers = {
        "Authorization": azure_sas.token(place, policy, key, context.services.clock.now()),
        "Content-Type": "application/json",
        "Idempotency-Key": json.dumps(context.key),  # properties are JSON values
    }
    if context.traceparent:
        headers[TRACEPARENT] = json.dumps(context.traceparent)
    return Call("POST", f"{place}/messages?timeout=60&api-version=2014-01", _PATH, headers, body)
