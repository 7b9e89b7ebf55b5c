"""Which addresses a notice may go to: public ones, and those that the operator has allowed.

Whoever may write a rule could else make the collector ask machines that only it can reach: this one, the private
network, a cloud's metadata service. The ranges are those of IANA's registries of special-purpose addresses
(https://www.iana.org/assignments/iana-ipv4-special-registry, .../iana-ipv6-special-registry) that are not for
everyone, and ranges that carry an IPv4 address within an IPv6 one, which are judged by both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from llmtrace_collector.errors import ConfigError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

BLOCKED: dict[Network, str] = {
    ip_network(network): what
    for network, what in {
        "0.0.0.0/8": "this network",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "carrier-grade NAT",
        "127.0.0.0/8": "loopback",
        "168.63.129.16/32": "a cloud's own services",
        "169.254.0.0/16": "link-local",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "protocol assignments",
        "192.0.2.0/24": "documentation",
        "192.31.196.0/24": "AS112",
        "192.52.193.0/24": "AMT",
        "192.88.99.0/24": "6to4 relays",
        "192.168.0.0/16": "private",
        "192.175.48.0/24": "AS112",
        "198.18.0.0/15": "benchmarking",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
        "255.255.255.255/32": "broadcast",
        "::/128": "unspecified",
        "::1/128": "loopback",
        "::/96": "IPv4-compatible",
        "::ffff:0:0/96": "IPv4-mapped",
        "::ffff:0:0:0/96": "IPv4-translated",
        "64:ff9b::/96": "NAT64",
        "64:ff9b:1::/48": "local NAT64",
        "100::/64": "discard",
        "100:0:0:1::/64": "dummy prefix",
        "2001::/32": "Teredo",
        "2001::/23": "protocol assignments",
        "2001:2::/48": "benchmarking",
        "2001:10::/28": "ORCHID",
        "2001:20::/28": "ORCHIDv2",
        "2001:db8::/32": "documentation",
        "2002::/16": "6to4",
        "2620:4f:8000::/48": "AS112",
        "3fff::/20": "documentation",
        "5f00::/16": "segment routing",
        "fc00::/7": "unique local",
        "fe80::/10": "link-local",
        "fec0::/10": "site-local",
        "ff00::/8": "multicast",
    }.items()
}
"""What no notice goes to unless it is allowed, and what it is."""

_LAST_32_BITS = tuple(
    ip_network(network) for network in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What the operator allows beyond public addresses."""

    hosts: frozenset[str] = frozenset()
    """Names in lower case without a final dot; wherever they lead."""
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Allowed:
        """From hosts, addresses and networks separated by commas, as `--notify-allow` has them.

        Raises:
            ConfigError: one of them is none of the three.
        """
        hosts, networks = set(), []
        for item in filter(None, map(str.strip, text.split(","))):
            try:
                networks.append(ip_network(item.strip("[]")))
            except ValueError:
                hosts.add(_host(item))
        return cls(hosts=frozenset(hosts), networks=tuple(networks))

    def names(self, host: str) -> bool:
        """Whether `host` is allowed by name."""
        return host.rstrip(".").lower() in self.hosts

    def holds(self, address: Address) -> bool:
        """Whether `address` is in one of the allowed networks."""
        return any(address in network for network in self.networks)


def _host(item: str) -> str:
    name = item.rstrip(".").lower()
    if not name or not all(c.isalnum() or c in "-._" for c in name) or not name.isascii() or name[0] in "0123456789-.":
        raise ConfigError(
            f'--notify-allow: "{item}" is neither a host nor a network;'
            ' write it like hooks.internal, 10.1.2.3 or "10.0.0.0/8", without scheme and port'
        )
    return name


def objection(address: str, allowed: Allowed) -> str:
    """Why no notice may go to `address`; empty: it may.

    Args:
        address: As the resolver gives it, an IPv6 one perhaps with a zone.
        allowed: What the operator allows.
    """
    whole = ip_address(address.partition("%")[0])
    for each in (whole, *_embedded(whole)):
        if allowed.holds(each):
            continue
        for network, what in BLOCKED.items():
            if each in network:
                inside = "" if each is whole else f" through {whole}"
                return f"the address {each}{inside} ({what}) is not public"
    return ""


def _embedded(address: Address) -> Iterable[IPv4Address]:
    """The IPv4 addresses that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return
    if any(address in network for network in _LAST_32_BITS):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
