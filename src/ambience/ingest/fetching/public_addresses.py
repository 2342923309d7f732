"""Distinguishes addresses of the public internet from all others.

The lists follow the IANA registries of special-purpose addresses (RFC 6890) for IPv4
and IPv6, read strictly: an address that serves no ordinary host counts as special, even
if it is reachable. ``ipaddress`` has such lists too, but they differ between versions
of Python.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address

_SPECIAL_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by the customers of a provider
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's own services, as each machine there sees them
        "169.254.0.0/16",  # link-local, where clouds answer with credentials
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocols
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112, which answers for private names
        "192.52.193.0/24",  # relays of multicast
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

_GLOBAL_6 = IPv6Network("2000::/3")  # nothing else is given to hosts, RFC 4291
_SPECIAL_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols, Teredo, benchmarks, identifiers
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # 6bone, given back
        "3fff::/20",  # documentation
    )
)

# These only wrap an IPv4 address in their last 32 bits, which is the one that counts.
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")  # how machines without IPv4 reach it, RFC 6052
_LAST_32 = 2**32 - 1


def is_public(address: IPAddress) -> bool:
    """Whether an address belongs to an ordinary host on the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    if address.scope_id is not None:  # it has a meaning on one link only
        return False
    if address in _MAPPED or address in _NAT64:
        return is_public(IPv4Address(int(address) & _LAST_32))
    return address in _GLOBAL_6 and not any(
        address in network for network in _SPECIAL_6
    )
