"""`azureServiceBus`: send one message to a queue or topic over HTTPS, signed with a SAS token.

The firing key is the `MessageId`: an entity with duplicate detection keeps a firing once.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from crds.triggers import AzureServiceBusTrigger as Spec
from events.azure import sas as azure_sas
from events.azure.sas import Connection
from events.sensors import parameters
from events.trace import TRACEPARENT
from events.triggers import applied, credentials, exchange
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.exchange import Call

_PATH = "azureServiceBus"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9./_-]{0,258}[A-Za-z0-9])?\Z", re.ASCII)


class AzureServiceBusTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """What a message needs; the entity may still come from parameters."""
        for field in ("connectionString", "payload"):
            if not spec.get(field):
                return f"{field}: is required"
        if spec.get("queueName") and spec.get("topicName"):
            return "queueName: only one of queueName and topicName may be given"
        return credentials.tls_fault(spec)

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Send it."""
        spec = applied.settings(self, context, spec, "azureServiceBus", Spec)
        body = parameters.payload(spec.get("payload") or (), context.events).encode()
        path = f"{_PATH}.connectionString"
        text = await credentials.required(context, spec.get("connectionString"), path)
        try:
            connection = azure_sas.parse(text)
        except azure_sas.BadConnection as error:
            raise TriggerFailed(f"{path}: {error}") from None
        entity = _entity(spec, connection)
        tls = await credentials.tls(context, spec.get("tls"), f"{_PATH}.tls")
        call = _call(context, connection, entity, body, tls)
        answer = await exchange.send(context, call)
        exchange.require_success(answer, _PATH)
        return f"Service Bus {entity}"


def _entity(spec: Mapping[str, Any], connection: Connection) -> str:
    """The queue or topic. Raises TriggerFailed."""
    found = str(spec.get("queueName") or spec.get("topicName") or connection.entity)
    if not found:
        what = f"{_PATH}.queueName: queueName or topicName is required"
        raise TriggerFailed(what, permanent=True)
    if not _NAME.match(found) or ".." in found or "//" in found:
        what = f"{_PATH}.queueName: {found!r} is no name of a queue or topic"
        raise TriggerFailed(what, permanent=True)
    return found


def _call(
    context: FiringContext,
    connection: Connection,
    entity: str,
    body: bytes,
    tls: ssl.SSLContext | None,
) -> Call:
    place = f"{connection.base}/{quote(entity)}"
    now = context.services.clock.now()
    headers = {
        "Authorization": azure_sas.token(place, connection.policy, connection.key, now),
        "Content-Type": "application/json",
        "BrokerProperties": json.dumps({"MessageId": context.key}),
    }
    if context.traceparent:
        headers[TRACEPARENT] = json.dumps(context.traceparent)  # properties are JSON values
    url = f"{place}/messages?timeout=60"
    return Call("POST", url, _PATH, headers, body, tls)
