"""Which addresses a request may be sent to; the decision is about addresses, names only lead to them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from psg.errors import ValidationFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Addresses of clouds that give out credentials: a range that happens to hold them does not allow them.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200",
                 "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254")
)  # fmt: skip
# What carries an IPv4 address inside: offset of its last bit from the right.
_CARRIERS: tuple[tuple[ipaddress.IPv6Network, int], ...] = (
    (ipaddress.IPv6Network("::/96"), 0),
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("64:ff9b:1::/48"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)
_NEVER_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in ("192.88.99.0/24", "2001::/32", "fec0::/10", "fc00::/7", "100.64.0.0/10", "3fff::/20", "5f00::/16")
)


@dataclass(frozen=True, slots=True)
class PrivateAddresses:
    """What is allowed besides the public internet: networks, and hosts by name that may lead anywhere but metadata."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> PrivateAddresses:
        """From ``PSG_HTTP_ALLOW_PRIVATE``: CIDR, address or host name each; raises ValidationFailed."""
        networks, hosts = [], set()
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]")))
            except ValueError as error:
                if "/" in entry or ":" in entry or entry.replace(".", "").isdecimal():
                    raise ValidationFailed(f"PSG_HTTP_ALLOW_PRIVATE: `{entry}` is no network: {error}.") from None
                hosts.add(entry.lower().rstrip("."))
        return cls(tuple(networks), frozenset(hosts))

    def refusal(self, host: str, address: Address) -> str | None:
        """Why a request for ``host`` may not go to ``address``; None when it may."""
        if address in _METADATA or any(inner in _METADATA for inner in _carried(address)):
            exact = any(network.num_addresses == 1 and address in network for network in self.networks)
            return None if exact else f"{address} is a metadata service"
        kind = _not_public(address)
        if kind is None or host in self.hosts:
            return None
        if any(address in network for network in self.networks) and all(
            _not_public(inner) is None or any(inner in network for network in self.networks)
            for inner in _carried(address)
        ):
            return None
        return f"{address} is {kind}"


def _carried(address: Address) -> Iterator[Address]:
    """The IPv4 address inside a mapped, translated or tunnelled IPv6 address."""
    if isinstance(address, ipaddress.IPv6Address):
        for network, shift in _CARRIERS:
            if address in network and int(address) > 1:
                yield ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF)


def _not_public(address: Address) -> str | None:
    kinds = (
        ("unspecified", address.is_unspecified),
        ("a loopback address", address.is_loopback),
        ("a link-local address", address.is_link_local),
        ("a multicast address", address.is_multicast),
        ("an IPv4 address in disguise", any(True for _ in _carried(address))),
        ("a private address", address.is_private or any(address in network for network in _NEVER_PUBLIC)),
        ("not a public address", not address.is_global or address.is_reserved),
    )
    return next((kind for kind, is_so in kinds if is_so), None)
