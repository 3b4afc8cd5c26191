"""The signature of an SNS message: made with a key whose certificate Amazon serves.

Semantics: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages", versions
1 (SHA-1) and 2 (SHA-256). The certificate must come over HTTPS from a host of SNS; it is kept.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from events.sources import hook_keeping

_HOST = r"^sns\.[a-zA-Z0-9\-]{3,}\.amazonaws\.com(\.cn)?$"
_MATCHES = re.compile(_HOST.removesuffix("$") + r"\Z")
_CAP = 65 * 1024
_MOST_KEPT = 32
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
MEMBERS = frozenset((*_NOTIFICATION, *_CONFIRMATION, "SignatureVersion"))
"""Names of what is signed, and how."""

_SIGNED = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_HASHES: dict[str, type[hashes.SHA1 | hashes.SHA256]] = {"1": hashes.SHA1, "2": hashes.SHA256}


class BadSignature(ValueError):
    """The message is not what Amazon signed; the message says why."""


class CertificateUnavailable(Exception):
    """The certificate cannot be had now: nobody knows whether the signature is right."""


class Verifier:
    """Keeps the certificates it met. `base` stands in for Amazon's hosts in tests."""

    def __init__(self, base: str = "") -> None:
        self._base = base
        self._keys: dict[str, rsa.RSAPublicKey] = {}

    async def verify(self, message: Mapping[str, object]) -> None:
        """Raises BadSignature, CertificateUnavailable."""
        try:
            signature = base64.b64decode(str(message.get("Signature") or ""), validate=True)
        except binascii.Error:
            at = _illegal(str(message.get("Signature")))
            raise BadSignature(
                f"failed to base64 decode signature, illegal base64 data at input byte {at}"
            ) from None
        url = str(message.get("SigningCertURL") or "")
        check_url(url)
        names = _SIGNED.get(str(message.get("Type")))
        kind = _HASHES.get(str(message.get("SignatureVersion") or "1"))
        if names is None or kind is None:
            raise BadSignature("message signature check error, unknown type or version")
        key = await self._key(url)
        text = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name))
        try:
            key.verify(signature, text.encode(), padding.PKCS1v15(), kind())
        except InvalidSignature:
            raise BadSignature(
                "message signature check error, crypto/rsa: verification error"
            ) from None

    async def _key(self, url: str) -> rsa.RSAPublicKey:
        if (known := self._keys.get(url)) is not None:
            return known
        place = self._base + urlsplit(url).path if self._base else url
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.get(place, allow_redirects=False) as answer,
            ):
                raw = await hook_keeping.whole("Amazon", answer, _CAP)
                status = answer.status
        except ValueError as error:
            raise BadSignature(f"failed to fetch signing cert, {error}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise CertificateUnavailable(f"failed to fetch signing cert, {why}") from None
        if status >= 500:
            raise CertificateUnavailable(f"failed to fetch signing cert, status {status}")
        try:
            key = x509.load_pem_x509_certificate(raw).public_key()
        except ValueError:
            raise BadSignature("failed to parse signing cert") from None
        if not isinstance(key, rsa.RSAPublicKey):
            raise BadSignature("failed to parse signing cert, it holds no RSA key")
        if len(self._keys) >= _MOST_KEPT:
            self._keys.clear()
        self._keys[url] = key
        return key


def check_url(url: str) -> None:
    """Raises BadSignature unless a certificate may be fetched from `url`."""
    failed = "failed to verify SigningCertURL, SigningCertURL"
    try:
        found = urlsplit(url)
        host, port = found.hostname or "", found.port
    except ValueError:
        raise BadSignature(f"{failed} is not a valid URL") from None
    if not _MATCHES.match(host):
        raise BadSignature(f"{failed} hostname `{host}` does not match `{_HOST}`")
    if found.scheme != "https":
        raise BadSignature(f"{failed} is not using https")
    if port not in (None, 443) or found.username is not None:
        raise BadSignature(f"{failed} names a port or a user")


def _illegal(text: str) -> int:
    """Where Go's decoder stops."""
    good = re.match(r"[A-Za-z0-9+/]*", text)
    return good.end() if good else 0
