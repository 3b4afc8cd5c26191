"""A shared access signature taken apart and checked, as the service does it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from urllib.parse import parse_qs, unquote


def signed_rightly(authorization: str, resource: str, policy: str, key: str) -> bool:
    scheme, _, rest = authorization.partition(" ")
    parts = {name: values[0] for name, values in parse_qs(rest, strict_parsing=True).items()}
    raw = dict(part.partition("=")[::2] for part in rest.split("&"))
    text = f"{raw['sr']}\n{parts['se']}".encode()
    expected = base64.b64encode(hmac.new(key.encode(), text, hashlib.sha256).digest()).decode()
    good = time.time() < int(parts["se"]) < time.time() + 3600
    return (
        scheme == "SharedAccessSignature"
        and unquote(raw["sr"]) == resource
        and parts["skn"] == policy
        and hmac.compare_digest(parts["sig"], expected)
        and good
    )
