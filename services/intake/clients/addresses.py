"""Where a name leads, and whether it may: only public addresses are connected to."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]  # an IP address as text, and a port

_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address as an IPv6-only network writes it


async def resolve(host: str) -> list[Address]:
    """The addresses of a host for HTTPS, as the system finds them. Raises OSError where there are none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return [(str(place[0]), 443) for _, _, _, _, place in found]


def is_public(text: str) -> bool:
    """False for loopback, private, link-local, multicast and reserved addresses, however they are wrapped into IPv6."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    inner = _inside(address) if isinstance(address, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _inside(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for; None for one of its own."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
