"""NATS's keys: a seed signs the server's nonce. Called by the `nats` source.

A seed is base32 of two bytes of kind, 32 of an Ed25519 seed, and a CRC-16; the public key is
base32 of one byte of kind, the key, and a CRC-16. A credentials file holds a JWT and a seed.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_SEED_KIND = 18 << 3
_LENGTH = 36
_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----\s+(\S+)\s+-{3,}END \1-{3,}")


class BadKey(ValueError):
    """No NATS seed or credentials; the message never shows any of it."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """`public` is how the server knows the user."""

    public: str
    _private: Ed25519PrivateKey

    def sign(self, nonce: str) -> bytes:
        """What answers the server's nonce, base64."""
        return base64.b64encode(self._private.sign(nonce.encode()))


def from_seed(seed: str) -> KeyPair:
    """The pair of a seed such as `SUA…`. Raises BadKey."""
    text = seed.strip()
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        raise BadKey("is no NKey seed") from None
    if len(raw) != _LENGTH or raw[0] & 0xF8 != _SEED_KIND or _checked(raw[:-2]) != raw:
        raise BadKey("is no NKey seed")
    kind = (raw[0] & 7) << 5 | raw[1] >> 3
    private = Ed25519PrivateKey.from_private_bytes(raw[2:34])
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    shown = base64.b32encode(_checked(bytes([kind]) + public)).decode().rstrip("=")
    return KeyPair(shown, private)


def from_credentials(text: str) -> tuple[str, KeyPair]:
    """JWT and key pair of a credentials file. Raises BadKey."""
    blocks = dict(_BLOCK.findall(text))
    jwt, seed = blocks.get("NATS USER JWT"), blocks.get("USER NKEY SEED")
    if not jwt or not seed:
        raise BadKey("is no NATS credentials file")
    return jwt, from_seed(seed)


def _checked(raw: bytes) -> bytes:
    return raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")
