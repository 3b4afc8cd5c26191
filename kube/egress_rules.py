"""The entries of an egress allow list: hosts, domains, addresses, networks; a port if wanted.

api.example.com   *.example.com   192.0.2.7   10.0.0.0/8   [2001:db8::/32]:443   db.internal:5432
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST = re.compile(
    r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\Z"
)


class BadRule(ValueError):
    """An entry that is none; the message shows it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry: `network`, or `host` (`*.` before a domain: every name below it). Port 0: all."""

    host: str = ""
    network: Network | None = None
    port: int = 0

    def covers(self, host: str, address: Address, port: int) -> bool:
        """Whether `host`, which resolved to `address`, may be connected to at `port`."""
        if self.port and port != self.port:
            return False
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        name = host.lower().rstrip(".")
        if self.host.startswith("*."):
            return name.endswith(self.host[1:])
        return name == self.host


def parse(entries: Iterable[str]) -> tuple[Rule, ...]:
    """The rules that `entries` say, each entry one or several between commas. Raises BadRule."""
    texts = [text.strip() for entry in entries for text in entry.split(",")]
    return tuple(_rule(text) for text in texts if text)


def _rule(text: str) -> Rule:
    name, port = _split(text)
    try:
        return Rule(network=ipaddress.ip_network(name), port=port)
    except ValueError:
        pass
    name = name.lower().rstrip(".")
    # What looks like an address must be one: "10.0.0.0/40" or "1.2.3" names no host.
    if not _HOST.match(name) or re.fullmatch(r"[0-9.]+", name):
        raise BadRule(f"{text!r} is no host, address or network")
    return Rule(host=name, port=port)


def _split(text: str) -> tuple[str, int]:
    if text.startswith("["):
        name, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise BadRule(f"{text!r} is no host, address or network")
        port = rest[1:]
    elif text.count(":") == 1:
        name, _, port = text.partition(":")
    else:
        return text, 0
    if not port and not text.endswith(":"):
        return name, 0
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise BadRule(f"{text!r}: {port!r} is no port")
    return name, int(port)
