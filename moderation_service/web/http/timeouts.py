"""How long clients are waited for."""

from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTimeouts:
    """Seconds that clients have."""

    head: float = 10.0
    """In which the head of a request has to come, from the opening of the connection or its first byte."""
    body: float = 30.0
    """In which the body has to come, once its head is there."""
    reading: float = 30.0
    """In which something has to be taken of an answer that waits to be read."""
    keep_alive: float = 75.0
    """That a connection may be idle between two requests: longer than proxies keep theirs."""


TIMEOUTS = web.AppKey("TIMEOUTS", ClientTimeouts)
