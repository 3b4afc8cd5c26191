"""Where requests on behalf of users may go: triggers, url sources, http and plugin templates.

Refused by default: link-local addresses (cloud metadata), and headrace's own bus and API ports
on this machine. Checked on the resolved address of every connection that is opened, also after a
redirect, so a name that resolves differently the second time gains nothing. An allow list
narrows it to what `egress_rules` says.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from kube.egress_rules import Address, Rule
from kube.name_lookups import NameLookups

_METADATA = frozenset({"fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16"})
# Networks of IPv6 whose last four bytes are an IPv4 address that something translates to.
_TRANSLATED = tuple(
    map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96"))
)


class EgressDenied(OSError):
    """The address may not be connected to; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__(errno.EACCES, message)  # so that clients show the words

    def __str__(self) -> str:
        return str(self.strerror)


@dataclass(frozen=True, slots=True)
class EgressSettings:
    """`own_ports`: ports of this process on this machine. `allow`: empty for all."""

    own_ports: Callable[[], frozenset[int]] = frozenset
    allow: tuple[Rule, ...] = ()


class Egress:
    """The policy, and HTTP connectors that keep it."""

    def __init__(self, settings: EgressSettings | None = None) -> None:
        self._settings = settings or EgressSettings()
        self._names = NameLookups()

    def check(self, host: str, address: str, port: int) -> None:
        """Raises EgressDenied unless `host`, resolved to `address`, may be connected to."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        for meant in (ip, _embedded(ip)):
            if meant.is_link_local or meant.is_multicast or str(meant) in _METADATA:
                raise EgressDenied(f"{host} is a link-local address")
            own = meant.is_loopback or meant.is_unspecified or _is_local(str(meant))
            if own and port in self._settings.own_ports():
                raise EgressDenied(f"port {port} of this machine belongs to headrace itself")
        allow = self._settings.allow
        if allow and not any(rule.covers(host, _embedded(ip), port) for rule in allow):
            raise EgressDenied(f"{host} is not in the list of allowed hosts")

    def connector(self, **tls: object) -> aiohttp.TCPConnector:
        """A connector for one session; every connection it opens was checked."""
        resolver = _CheckedResolver(self, self._names)

        def opened(info: tuple[object, ...]) -> socket.socket:
            # Addresses written as such skip the resolver; every connection passes here.
            family, kind, protocol, _, address = info
            assert isinstance(address, tuple)
            host = str(address[0])
            self.check(resolver.names.get(host, host), host, int(address[1]))
            return socket.socket(family, kind, protocol)  # type: ignore[arg-type]

        return aiohttp.TCPConnector(
            resolver=resolver,
            use_dns_cache=False,
            socket_factory=opened,
            **tls,  # type: ignore[arg-type]  # passed through to the connector
        )

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of `host`, all checked; for clients that are handed an address.

        Raises EgressDenied, OSError.
        """
        found = await self._names.addresses(host, port)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self.check(host, address, port)
        return addresses

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket, for clients that are handed one. The caller sets the time limit.

        Raises EgressDenied, OSError.
        """
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        for address in await self.addresses(host, port):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            opened = socket.socket(family, socket.SOCK_STREAM)
            opened.setblocking(False)
            try:
                await loop.sock_connect(opened, (address, port))
            except OSError as error:
                opened.close()
                failure = error
            except BaseException:
                opened.close()
                raise
            else:
                return opened
        raise failure or OSError(f"{host} has no address")


class _CheckedResolver(AbstractResolver):
    def __init__(self, egress: Egress, names: NameLookups) -> None:
        self._egress = egress
        self._lookups = names
        self.names: dict[str, str] = {}
        """Address -> the host it was resolved for, of this session."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of `host`, all checked."""
        found = await self._lookups.addresses(host, port, family)
        results: list[ResolveResult] = []
        for kind, _, protocol, _, address in found:
            self._egress.check(host, str(address[0]), port)
            self.names[str(address[0])] = host
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(address[0]),
                    port=port,
                    family=kind,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        """Nothing to let go of."""


def _embedded(ip: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.ipv4_mapped or ip.sixtofour:
        return ip.ipv4_mapped or ip.sixtofour or ip
    if ip.teredo:
        return ip.teredo[1]
    if int(ip) > 1 and any(ip in network for network in _TRANSLATED):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _is_local(address: str) -> bool:
    """Whether `address` is one of this machine's own."""
    try:
        with socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
        ) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
