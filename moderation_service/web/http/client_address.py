"""Who a request came from: the peer, and what proxies that are trusted say about whom they speak for."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

import structlog
from aiohttp import web

from moderation_service.config import variable
from moderation_service.config.values import Network
from moderation_service.domain import clocks
from moderation_service.domain.screening import networks
from moderation_service.services.screening.client_networks import Client
from moderation_service.web.http.refusals import Refusals

Address = IPv4Address | IPv6Address

UNKNOWN = "unknown"
"""Stands in a log line for the network of a client whom a trusted proxy names in no way that is understood."""

_REMEMBERED = timedelta(hours=1)
_FORWARDED_FOR = "X-Forwarded-For"
_FORWARDED = "Forwarded"
_OF_PROXIES = (_FORWARDED, "X-Real-IP", "Via", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP")
_PREFIX_OF_PROXIES = "x-forwarded-"

_log = structlog.stdlib.get_logger(__name__)


class Clients:
    """Finds the client of a request, and notices proxies that are not trusted or not understood."""

    def __init__(self, trusted: Iterable[Network], *, clock: Callable[[], datetime]) -> None:
        """Trust proxies of these networks, and whoever connects by a Unix socket."""
        self._trusted = tuple(trusted)
        self._clock = clock
        self.refusals = Refusals()
        self._untrusted_at: datetime | None = None
        self._has_warned_of_unknown = False
        self.is_trusted = lru_cache(4_096)(self._is_listed)

    def address(self, request: web.BaseRequest) -> Address | None:
        """Return the last address that no trusted proxy vouches for; None where a trusted one names none."""
        found = peer(request)
        if found is not None and not self.is_trusted(found):
            self._notice_proxy(request, found)
            return found
        hops = _hops(request)
        if hops is None:
            return self._without_hops(request, found)
        for hop in hops:
            found = _address_in(hop)
            if found is None:
                self._warn_of_unknown()
                return None
            if not self.is_trusted(found):
                break
        return found

    def of(self, request: web.BaseRequest) -> Client:
        """Return who sent a request; one that is not known is in a network that is nobody else's."""
        address = self.address(request)
        network = f"{UNKNOWN} {secrets.token_hex(8)}" if address is None else networks.network(address)
        return Client(address, network)

    def note_refusal(self, request: web.BaseRequest, *, reason: str, route: str) -> None:
        """Write down which network was refused; all clients that are not known are one there."""
        address = self.address(request)
        network = UNKNOWN if address is None else networks.network(address)
        self.refusals.note(network, reason=reason, route=route)

    @property
    def is_behind_untrusted_proxy(self) -> bool:
        """Whether a proxy nearby, which is not trusted, has passed a request on within the last hour."""
        if self._untrusted_at is None:
            return False
        return clocks.waited(self._untrusted_at, self._clock()) < _REMEMBERED

    def _is_listed(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)

    def _without_hops(self, request: web.BaseRequest, found: Address | None) -> Address | None:
        """Return a trusted peer itself, as a website's own server is; not one that speaks for another."""
        if found is None or is_forwarded(request):
            self._warn_of_unknown()
            return None
        return found

    def _notice_proxy(self, request: web.BaseRequest, found: Address) -> None:
        """Say once that all who come through a proxy are taken for one; who comes from afar may claim anything."""
        if not found.is_private or not is_forwarded(request):
            return
        if self._untrusted_at is None:
            _log.warning(
                "proxy.untrusted",
                network=networks.network(found),
                setting=variable("trusted_proxies"),
                effect="all who come through it share one client network and its limits",
            )
        self._untrusted_at = self._clock()

    def _warn_of_unknown(self) -> None:
        if not self._has_warned_of_unknown:
            self._has_warned_of_unknown = True
            _log.warning(
                "proxy.not_understood",
                header=_FORWARDED_FOR,
                effect="limits by client network do not hold for those who come through it",
            )


def peer(request: web.BaseRequest) -> Address | None:
    """Return the address at the other end of the connection; None at the end of a Unix socket."""
    return plain(request.remote) if request.remote else None


def is_direct_from(request: web.BaseRequest, networks: tuple[Network, ...]) -> bool:
    """Tell whether a request came without a proxy from one of the networks; without any, from this machine."""
    found = peer(request)
    if found is None or is_forwarded(request):
        return False
    return any(found in network for network in networks) if networks else found.is_loopback


def is_forwarded(request: web.BaseRequest) -> bool:
    """Tell whether a request carries a header that proxies add."""
    headers = request.headers
    return any(name in headers for name in _OF_PROXIES) or any(
        name.lower().startswith(_PREFIX_OF_PROXIES) for name in headers
    )


@lru_cache(4_096)
def plain(text: str) -> Address:
    """Return an address without its zone; one of IPv4 that is mapped into IPv6 is of IPv4."""
    address = ip_address(text.partition("%")[0])
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _hops(request: web.BaseRequest) -> Iterator[str] | None:
    """Return whom each proxy spoke for, the nearest first; None where none says so. Empty ones are left out."""
    if _FORWARDED_FOR in request.headers:
        members = ",".join(request.headers.getall(_FORWARDED_FOR)).split(",")
        named = [member for one in members if (member := one.strip())]
    elif _FORWARDED in request.headers:
        named = [element.get("for", UNKNOWN) for element in request.forwarded]
    else:
        return None
    return reversed(named) if named else None


@lru_cache(4_096)
def _address_in(hop: str) -> Address | None:
    """Read `ip`, `ip:port`, `[v6]` or `[v6]:port`; None for anything else, as `unknown` or a made-up name."""
    text = hop.strip('"')
    if text.startswith("["):
        text, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
    else:
        port = ""
    try:
        return plain(text) if not port or port.isdigit() else None
    except ValueError:
        return None
