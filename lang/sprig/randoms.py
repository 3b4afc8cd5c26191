"""Random texts. Source: sprig `strings.go`, `crypto.go`. Never used for secrets by headrace."""

from __future__ import annotations

import base64
import random
import secrets
import string
import uuid

from lang.sprig.registry import Table, bounded, takes


def _from(alphabet: str, count: int) -> str:
    bounded(count)
    return "".join(secrets.choice(alphabet) for _ in range(count))


def _shuffled(text: str) -> str:
    characters = list(text)
    random.shuffle(characters)
    return "".join(characters)


def _bytes(count: int) -> str:
    bounded(count)
    return base64.b64encode(secrets.token_bytes(max(0, count))).decode()


_ASCII = "".join(map(chr, range(32, 127)))
TABLE: Table = {
    "randAlphaNum": takes("i", lambda n: _from(string.ascii_letters + string.digits, n)),
    "randAlpha": takes("i", lambda n: _from(string.ascii_letters, n)),
    "randNumeric": takes("i", lambda n: _from(string.digits, n)),
    "randAscii": takes("i", lambda n: _from(_ASCII, n)),
    "randBytes": takes("i", _bytes),
    "shuffle": takes("s", _shuffled),
    "uuidv4": takes("", lambda: str(uuid.uuid4())),
}
