"""Connection strings and signatures of Azure Storage queues.

Semantics: Azure documentation, "Configure Azure Storage connection strings" and "Authorize with
Shared Key". Pure: the caller gives the moment. Called by the azureQueueStorage source.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qsl, unquote, urlsplit

_VERSION = "2021-12-02"
_NAME = re.compile(r"[a-z0-9]{1,64}\Z", re.ASCII)
_SUFFIX = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\Z", re.ASCII)
# The account of the storage emulator, the same everywhere.
_DEVELOPMENT = (
    "AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsu"
    "Fq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1"
)
_SIGNED = (
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-MD5",
    "Content-Type",
    "Date",
    "If-Modified-Since",
    "If-Match",
    "If-None-Match",
    "If-Unmodified-Since",
    "Range",
)


class BadConnection(ValueError):
    """A connection string that is none; never shows a key."""


@dataclass(frozen=True, slots=True)
class Account:
    """`base` is the queues' URL, without a slash at its end; `key` or `sas` says who we are."""

    base: str
    name: str
    key: bytes = field(default=b"", repr=False)
    sas: str = field(default="", repr=False)


def parse(text: str) -> Account:
    """The account in a connection string. Raises BadConnection."""
    if "usedevelopmentstorage=true" in text.lower().replace(" ", ""):
        text = _DEVELOPMENT
    parts: dict[str, str] = {}
    for part in text.strip().split(";"):
        name, equals, value = part.partition("=")
        if equals:
            parts[name.strip().lower()] = value.strip()
    account = parts.get("accountname", "")
    sas = parts.get("sharedaccesssignature", "").lstrip("?")
    try:
        key = base64.b64decode(parts.get("accountkey", ""), validate=True)
    except binascii.Error:
        raise BadConnection("AccountKey is no base64") from None
    if not sas and not (account and key):
        raise BadConnection("must have AccountName and AccountKey, or SharedAccessSignature")
    return Account(_base(parts, account), account, key, sas)


def _base(parts: Mapping[str, str], account: str) -> str:
    if given := parts.get("queueendpoint"):
        try:
            found = urlsplit(given)
            usable = found.scheme in ("http", "https") and found.hostname and not found.query
        except ValueError:
            usable = False
        if not usable:
            raise BadConnection("QueueEndpoint is no URL")
        return given.rstrip("/")
    suffix = parts.get("endpointsuffix") or "core.windows.net"
    scheme = parts.get("defaultendpointsprotocol") or "https"
    if not _NAME.match(account) or not _SUFFIX.match(suffix) or scheme not in ("http", "https"):
        raise BadConnection("AccountName, EndpointSuffix or DefaultEndpointsProtocol is none")
    return f"{scheme}://{account}.queue.{suffix}"


def request(account: Account, method: str, url: str, now: float) -> tuple[str, dict[str, str]]:
    """The URL and headers of a signed request without a body; `now` since the epoch."""
    headers = {"x-ms-version": _VERSION, "x-ms-date": formatdate(now, usegmt=True)}
    if account.sas:
        joint = "&" if "?" in url else "?"
        return f"{url}{joint}{account.sas}", headers
    lines = [method, *("" for _ in _SIGNED)]
    lines += [f"{name}:{headers[name]}" for name in sorted(headers)]
    text = "\n".join(lines) + "\n" + _resource(account, url)
    digest = base64.b64encode(hmac.digest(account.key, text.encode(), "sha256")).decode()
    return url, {**headers, "Authorization": f"SharedKey {account.name}:{digest}"}


def _resource(account: Account, url: str) -> str:
    found = urlsplit(url)
    lines = [f"/{account.name}{found.path or '/'}"]
    query = sorted((name.lower(), value) for name, value in parse_qsl(found.query, True))
    lines += [f"{unquote(name)}:{value}" for name, value in query]
    return "\n".join(lines)
