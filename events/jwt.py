"""JSON Web Tokens that are signed with an RSA key (RFC 7515, RS256).

Called by the github and pubSub sources, which prove who they are with one.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def rs256(pem: bytes, claims: Mapping[str, Any], key_id: str = "") -> str:
    """The token in its compact form. Raises ValueError for what is no RSA key in PEM form."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise ValueError("is no RSA key in PEM form") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("is no RSA key in PEM form")
    head = {"alg": "RS256", "typ": "JWT", **({"kid": key_id} if key_id else {})}
    signed = _part(orjson.dumps(head)) + b"." + _part(orjson.dumps(claims))
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + _part(signature)).decode()


def _part(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
