"""The networks of clients: how wide they are, and by what one is recognised that nobody is to see."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network

from moderation_service.domain.keys import KeyRing

_CLIENT_NETWORK = "client network"

WIDER = 10
"""How many times as many posts the network around a client's may send."""


@lru_cache(4_096)
def network(address: IPv4Address | IPv6Address) -> str:
    """Return the client's network: /24 of IPv4, /48 of IPv6; an IPv4 address mapped into IPv6 is IPv4."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    prefix = 24 if address.version == 4 else 48  # noqa: PLR2004 - the versions of the protocol
    return str(ip_network((address, prefix), strict=False))


@lru_cache(4_096)
def wide_network(client_network: str) -> str:
    """Return what lies around a client's network: /16 of IPv4, /32 of IPv6; one that is not known is alone."""
    try:
        found = ip_network(client_network)
    except ValueError:
        return client_network
    return str(found.supernet(new_prefix=16 if found.version == 4 else 32))  # noqa: PLR2004 - as above


def network_hashes(keys: KeyRing, site_id: str, client_network: str) -> tuple[str, ...]:
    """Return the keyed hashes of a client network under every listed key; they differ from site to site."""
    return keys.keyed_hashes(_CLIENT_NETWORK, f"{site_id}\0{client_network}")
