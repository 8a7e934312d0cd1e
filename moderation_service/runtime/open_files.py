"""How many files this process may have open, and how many of them may be connections."""

import resource

import structlog

from moderation_service.config import variable

RESERVED = 192
"""Files for everything but connections: database, mail, look-ups of names, files that are sent."""

_log = structlog.stdlib.get_logger(__name__)


def make_room(connections: int) -> int:
    """Raise the soft limit of open files to fit so many connections; return how many of them there is room for.

    Connections that come in one burst are open for a moment before the oldest is closed: they need room too.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    wanted = connections + burst(connections) + RESERVED
    if soft < wanted:
        reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        soft = _raise(soft, max(soft, reachable), hard)
    room = soft - RESERVED
    fitting = next((count for count in range(min(connections, room), 0, -1) if count + burst(count) <= room), 1)
    if fitting < connections:
        _log.warning("connections.limited", setting=variable("connections"), open_files=soft, connections=fitting)
    return fitting


def burst(connections: int) -> int:
    """Return how many connections may wait to be taken at once."""
    return max(1, min(1_024, connections // 4))


def _raise(soft: int, wanted: int, hard: int) -> int:
    """Return the limit that holds afterwards; some systems refuse what they say is allowed."""
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError) as error:
        _log.warning("open_files.not_raised", error=type(error).__name__, soft=soft, hard=hard)
        return soft
    return wanted
