"""How many connections may be open, and which of them is closed when there are too many.

A connection is closed for another one while nothing is owed on it: the oldest from which no request ever came
whole, else the one that has been idle for longest, else the oldest whose request's body is still coming. It is the
new one only where every other one waits for its answer.
"""

from collections.abc import Callable
from typing import Protocol

import structlog

from moderation_service.web.refusals import Refusals

TOO_MANY = "too_many_connections"
"""Why a network's connections are closed: it holds as many as one network may."""

NO_REQUEST = "no_whole_request"
"""Why a connection is closed that began a request and did not send its head in time."""

_SHARE = 10
_TELL_EVERY = 10.0

_log = structlog.stdlib.get_logger(__name__)


class Connection(Protocol):
    """What is known here of a connection; `network` is None where no bound for one network holds."""

    network: str | None
    began_at: float | None
    """When the part of a request's head came that is not whole yet; None where none did."""

    def force_close(self) -> None:
        """Close it at once."""


class _Pool:
    """Connections by what they wait for, each kind in the order in which they began to."""

    __slots__ = ("bodies", "count", "idle", "silent")

    def __init__(self) -> None:
        self.count = 0
        self.silent: dict[Connection, float] = {}
        self.idle: dict[Connection, float] = {}
        self.bodies: dict[Connection, float] = {}

    def oldest(self, new: Connection) -> Connection:
        """Return the one to close, which is the new one where every other waits for an answer."""
        for queue in (self.silent, self.idle, self.bodies):
            for connection in queue:
                if connection is not new:
                    return connection
        return new

    def forget(self, connection: Connection) -> None:
        self.silent.pop(connection, None)
        self.idle.pop(connection, None)
        self.bodies.pop(connection, None)


class Connections:
    """All open connections of a process, `most` at once and a tenth of them from one client network."""

    def __init__(self, most: int, *, clock: Callable[[], float], refusals: Refusals) -> None:
        """Begin without any; `clock` is the event loop's."""
        self.most = most
        self.most_of_network = max(1, most // _SHARE)
        self._clock = clock
        self._refusals = refusals
        self._all = _Pool()
        self._networks: dict[str, _Pool] = {}
        self._told_at = float("-inf")
        self._closed = 0

    def __len__(self) -> int:
        return self._all.count

    @property
    def at_rest(self) -> list[Connection]:
        """Those on which nothing is owed and no request has come whole."""
        return [*self._all.silent, *self._all.idle]

    @property
    def busy(self) -> int:
        """How many wait for an answer, or for the rest of their own request."""
        return self._all.count - len(self._all.silent) - len(self._all.idle)

    def opened(self, connection: Connection) -> None:
        """Take in a new connection, and close another one for it where there are too many."""
        now = self._clock()
        for pool in self._pools(connection):
            pool.count += 1
            pool.silent[connection] = now
        if connection.network is not None:
            pool = self._networks[connection.network]
            if pool.count > self.most_of_network:
                self._refusals.note(connection.network, reason=TOO_MANY)
                self._close(pool.oldest(connection))
                return
        if self._all.count > self.most:
            self._tell(now)
            self._close(self._all.oldest(connection))

    def requested(self, connection: Connection, *, is_whole: bool) -> None:
        """Note that a request's head has come, and with `is_whole` its body as well."""
        now = self._clock()
        connection.began_at = None
        for pool in self._pools(connection):
            pool.forget(connection)
            if not is_whole:
                pool.bodies[connection] = now

    def received(self, connection: Connection) -> None:
        """Note that the rest of a request's body has come."""
        for pool in self._pools(connection):
            pool.bodies.pop(connection, None)

    def answered(self, connection: Connection) -> None:
        """Note that a connection waits for its next request."""
        now = self._clock()
        connection.began_at = None
        for pool in self._pools(connection):
            pool.bodies.pop(connection, None)
            pool.idle[connection] = now

    def lost(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        network = connection.network
        for pool in self._pools(connection):
            pool.count -= 1
            pool.forget(connection)
        if network is not None and self._networks[network].count == 0:
            del self._networks[network]

    def close_overdue(self, within: float) -> None:
        """Close those that sent no whole head within so many seconds of opening, or of its first part."""
        limit = self._clock() - within
        overdue = []
        for connection, since in self._all.silent.items():
            if since > limit:
                break
            overdue.append(connection)
        overdue += [one for one in self._all.idle if one.began_at is not None and one.began_at <= limit]
        for connection in overdue:
            if connection.began_at is not None and connection.network is not None:
                self._refusals.note(connection.network, reason=NO_REQUEST)
            self._close(connection)

    def _pools(self, connection: Connection) -> tuple[_Pool, ...]:
        if connection.network is None:
            return (self._all,)
        pool = self._networks.get(connection.network)
        if pool is None:
            pool = self._networks[connection.network] = _Pool()
        return self._all, pool

    def _close(self, connection: Connection) -> None:
        """Close one; it is out of the way at once, though the transport says so later."""
        for pool in self._pools(connection):
            pool.forget(connection)
        connection.force_close()

    def _tell(self, now: float) -> None:
        self._closed += 1
        if now - self._told_at < _TELL_EVERY:
            return
        self._told_at = now
        _log.warning("connections.full", most=self.most, closed=self._closed)
        self._closed = 0
