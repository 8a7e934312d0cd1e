"""Which network addresses a URL that somebody configured may lead to."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_SITE_LOCAL = IPv6Network("fec0::/10")
_CARRYING_IPV4 = (IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"), IPv6Network("64:ff9b::/96"))
"""Networks whose last 32 bits are an IPv4 address: compatible and translated ones, and NAT64 (RFC 6052)."""


def is_public(text: str) -> bool:
    """Tell whether an address, as a look-up gives it, is one of the public internet.

    What carries an IPv4 address inside counts as that address. False for what is no address.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    inner = _ipv4_within(address) if isinstance(address, IPv6Address) else None
    if inner is not None:
        address = inner
    if address.is_multicast or (isinstance(address, IPv6Address) and address in _SITE_LOCAL):
        return False
    return address.is_global


def _ipv4_within(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address to which a gateway or the machine itself would hand on what goes there."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _CARRYING_IPV4):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
