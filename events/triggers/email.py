"""`email`: one plain-text message over SMTP, its Message-ID made from the firing key.

TLS from the start on port 465, else STARTTLS where the server offers it. A password is never sent
over a connection without TLS, except to this machine itself. Needs the extra `email`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from crds.triggers import EmailTrigger as Spec
from events.trace import TRACEPARENT
from events.triggers import applied, credentials
from events.triggers.contract import FiringContext, TriggerFailed

_TLS_PORT = 465
_PORT = 587
_SECONDS = 30.0
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+\Z")
_MISSING = "email: the mail client is missing: pip install 'headrace[email]'"


class EmailTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """The server; receivers and texts may still come from parameters."""
        if not spec.get("host"):
            return "host: is required"
        if not 0 <= int(spec.get("port") or 0) <= 65535:
            return "port: must be between 0 and 65535"
        return None

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Send it."""
        spec = applied.settings(self, context, spec, "email", Spec)
        message = _message(context, spec)
        refused = await _deliver(context, spec, message)
        receivers = str(message["To"])
        return f"Email to {receivers}" + (f" (refused: {', '.join(refused)})" if refused else "")


def _message(context: FiringContext, spec: Mapping[str, Any]) -> EmailMessage:
    """The message. Raises TriggerFailed."""
    receivers = [str(each).strip() for each in spec.get("to") or ()]
    for field in ("to", "subject", "body", "from"):
        if not spec.get(field):
            raise TriggerFailed(f"email.{field}: is required", permanent=True)
    for field, address in [*(("to", each) for each in receivers), ("from", str(spec["from"]))]:
        if not _ADDRESS.match(address):
            what = f"email.{field}: {address!r} is no mail address"
            raise TriggerFailed(what, permanent=True)
    message = EmailMessage()
    try:
        message["From"], message["To"] = str(spec["from"]), ", ".join(receivers)
        message["Subject"] = str(spec["subject"])
    except ValueError:  # line breaks: they would become headers of their own
        raise TriggerFailed("email.subject: holds a line break", permanent=True) from None
    message["Date"] = formatdate(context.services.clock.now())
    message["Message-ID"] = f"<{context.key}@headrace>"
    if context.traceparent:
        message[TRACEPARENT] = context.traceparent
    message.set_content(str(spec["body"]))
    return message


async def _deliver(
    context: FiringContext, spec: Mapping[str, Any], message: EmailMessage
) -> list[str]:
    """Hand the message over; returns the receivers that were refused. Raises TriggerFailed."""
    try:
        import aiosmtplib
    except ImportError:
        raise TriggerFailed(_MISSING, permanent=True) from None
    password = await credentials.text(context, spec.get("smtpPassword"), "email.smtpPassword")
    login = (str(spec.get("username") or ""), password)
    try:
        async with asyncio.timeout(_SECONDS):
            return await _session(context, spec, login, message)
    except aiosmtplib.SMTPRecipientsRefused as error:
        permanent = all(each.code >= 500 for each in error.recipients)
        shown = "; ".join(_words(each) for each in error.recipients)
        raise TriggerFailed(f"email.to: {shown}", permanent=permanent) from None
    except aiosmtplib.SMTPAuthenticationError as error:
        raise TriggerFailed(f"email.smtpPassword: {_words(error)}") from None
    except aiosmtplib.SMTPResponseException as error:
        raise TriggerFailed(f"email: {_words(error)}", permanent=error.code >= 500) from None
    except TimeoutError:
        raise TriggerFailed(f"email.host: no answer within {_SECONDS:.0f} s") from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise TriggerFailed(f"email.host: {_words(error)}") from None


async def _session(
    context: FiringContext, spec: Mapping[str, Any], login: tuple[str, str], message: EmailMessage
) -> list[str]:
    from aiosmtplib import SMTP, SMTPException

    host, port = str(spec["host"]), int(spec.get("port") or _PORT)
    connection = await context.services.egress.connect(host, port)
    try:
        here = ipaddress.ip_address(connection.getpeername()[0]).is_loopback
        client = SMTP(
            hostname=host,
            sock=connection,
            local_hostname=socket.gethostname(),
            timeout=_SECONDS,
            use_tls=port == _TLS_PORT,
            tls_context=await credentials.tls(context, credentials.PUBLIC, "email.host"),
        )
        try:
            await client.connect()  # and STARTTLS where it is offered
            if login[1]:
                if not (here or client.get_transport_info("sslcontext")):
                    what = "email.smtpPassword: is not sent, the server offers no TLS"
                    raise TriggerFailed(what, permanent=True)
                await client.login(*login)
            refused, _ = await client.send_message(message)
            with contextlib.suppress(SMTPException):  # the message is accepted already
                await client.quit()
            return list(refused)
        finally:
            client.close()
    finally:
        connection.close()


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
