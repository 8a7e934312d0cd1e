"""How many connections may be open, and which of them is closed when there are too many.

A connection is closed for another one while nothing is owed on it: the oldest from which no request ever came
whole, else the one that has been idle for longest, else the oldest whose request's body is still coming. It is the
new one only where every other one waits for its answer.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Protocol

import structlog

from moderation_service.web.http.refusals import Refusals

TOO_MANY = "too_many_connections"
"""Why a network's connections are closed: it holds as many as one network may."""

NO_REQUEST = "no_whole_request"
"""Why a connection is closed that began a request and did not send its head in time."""

_SHARE = 10
_TELL_EVERY = 10.0

_log = structlog.stdlib.get_logger(__name__)


class Stage(IntEnum):
    """What a connection waits for; those before `ANSWER` may be closed for another, in this order."""

    SILENT = 0
    IDLE = 1
    BODY = 2
    ANSWER = 3
    CLOSING = 4


_CLOSABLE = (Stage.SILENT, Stage.IDLE, Stage.BODY)


class Pool:
    """Connections by stage, each kind in the order in which they came to it."""

    __slots__ = ("stages",)

    def __init__(self) -> None:
        self.stages: tuple[dict[Connection, None], ...] = tuple({} for _ in Stage)

    def __len__(self) -> int:
        return sum(map(len, self.stages))

    def oldest(self, new: "Connection") -> "Connection":
        """Return the one to close, which is the new one where every other waits for an answer."""
        closable = (one for stage in _CLOSABLE for one in self.stages[stage] if one is not new)
        return next(closable, new)


class Connection(Protocol):
    """What is known here of a connection, and kept on it: its way through the stages is that of every request."""

    network: str | None
    """None where no bound for one network holds."""
    opened_at: float
    began_at: float | None
    """When the part of a request's head came that is not whole yet; None where none did."""
    stage: Stage
    pools: tuple[Pool, ...]
    """Where it is counted: among all, and among those of its network."""

    def force_close(self) -> None:
        """Close it at once."""

    def close_our_side(self) -> None:
        """Say that no more answers come, and wait for the other side to close its own."""


class Connections:
    """All open connections of a process, `most` at once and a tenth of them from one client network."""

    def __init__(self, most: int, *, clock: Callable[[], float], refusals: Refusals) -> None:
        """Begin without any; `clock` is the event loop's."""
        self.most = most
        self.most_of_network = max(1, most // _SHARE)
        self._clock = clock
        self._refusals = refusals
        self._all = Pool()
        self._networks: dict[str, Pool] = {}
        self._logged_at = float("-inf")
        self._closed = 0

    def __len__(self) -> int:
        return len(self._all)

    @property
    def at_rest(self) -> list[Connection]:
        """Those on which nothing is owed and no request has come whole."""
        return [*self._all.stages[Stage.SILENT], *self._all.stages[Stage.IDLE]]

    @property
    def busy(self) -> int:
        """How many wait for an answer, or for the rest of their own request."""
        return len(self._all.stages[Stage.BODY]) + len(self._all.stages[Stage.ANSWER])

    def opened(self, connection: Connection) -> None:
        """Take in a new connection, and close another one for it where there are too many."""
        connection.opened_at = self._clock()
        connection.stage = Stage.SILENT
        connection.pools = (self._all,)
        if connection.network is not None:
            of_network = self._networks.setdefault(connection.network, Pool())
            connection.pools = (self._all, of_network)
        for pool in connection.pools:
            pool.stages[Stage.SILENT][connection] = None
        if connection.network is not None and len(of_network) > self.most_of_network:
            self._refusals.note(connection.network, reason=TOO_MANY)
            self._close(of_network.oldest(connection))
        elif len(self._all) > self.most:
            self._tell()
            self._close(self._all.oldest(connection))

    def move(self, connection: Connection, stage: Stage) -> None:
        """Note what a connection waits for now; for one that is being closed that is of no interest any more."""
        before = connection.stage
        if before is Stage.CLOSING:
            return
        connection.stage = stage
        for pool in connection.pools:
            del pool.stages[before][connection]
            pool.stages[stage][connection] = None

    def lost(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        for pool in connection.pools:
            del pool.stages[connection.stage][connection]
        if connection.network is not None and len(self._networks[connection.network]) == 0:
            del self._networks[connection.network]

    def close_overdue(self, within: float) -> None:
        """Close those that sent no whole head within so many seconds of opening, or of its first part."""
        for connection in list(self._overdue(self._clock() - within)):
            if connection.began_at is not None and connection.network is not None:
                self._refusals.note(connection.network, reason=NO_REQUEST)
            self._close(connection)

    def _overdue(self, limit: float) -> Iterator[Connection]:
        for connection in self._all.stages[Stage.SILENT]:
            if connection.opened_at > limit:
                break
            yield connection
        for connection in self._all.stages[Stage.IDLE]:
            if connection.began_at is not None and connection.began_at <= limit:
                yield connection

    def _close(self, connection: Connection) -> None:
        """Close one; it is out of the way at once, though the transport says so later."""
        self.move(connection, Stage.CLOSING)
        connection.force_close()

    def _tell(self) -> None:
        self._closed += 1
        now = self._clock()
        if now - self._logged_at < _TELL_EVERY:
            return
        self._logged_at = now
        _log.warning("connections.full", most=self.most, closed=self._closed)
        self._closed = 0
