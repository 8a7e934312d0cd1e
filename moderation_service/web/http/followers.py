"""How many requests may wait for changes at once, as streams do and questions that wait for an answer."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from moderation_service.domain.errors import StreamsFullError, TooManyStreamsError
from moderation_service.domain.screening import networks
from moderation_service.web.http.client_address import Clients

_OF_CONNECTIONS = 2
_OF_NETWORK = 10
_RETRY_AFTER = 10


class Followers:
    """Counts those who wait: at most half of all connections, and a tenth of those from one client network.

    So the other half is always there for whoever posts and reads. As for connections, no bound for one network
    holds for this machine, trusted proxies that speak for themselves, and clients that are not known.
    """

    def __init__(self, clients: Clients, *, connections: int) -> None:
        """Begin without any, with so many connections as may be open."""
        self.most = max(1, connections // _OF_CONNECTIONS)
        self.most_of_network = max(1, self.most // _OF_NETWORK)
        self._clients = clients
        self._of_networks: Counter[str] = Counter()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    @contextmanager
    def admitted(self, request: web.BaseRequest) -> Iterator[None]:
        """Count a request until the end of the block; raise TooManyStreamsError or StreamsFullError."""
        network = self._bounded_network(request)
        if network is not None and self._of_networks[network] >= self.most_of_network:
            raise TooManyStreamsError(_RETRY_AFTER)
        if self._waiting >= self.most:
            raise StreamsFullError(_RETRY_AFTER)
        self._waiting += 1
        if network is not None:
            self._of_networks[network] += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if network is not None:
                self._of_networks[network] -= 1
                if not self._of_networks[network]:
                    del self._of_networks[network]

    def _bounded_network(self, request: web.BaseRequest) -> str | None:
        address = self._clients.address(request)
        if address is None or address.is_loopback or self._clients.is_trusted(address):
            return None
        return networks.network(address)
