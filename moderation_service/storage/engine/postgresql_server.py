"""Connections to PostgreSQL: straight, or through a pooler that gives each transaction another session.

Through a pooler nothing may be left in the session: no settings at its start, and no prepared statement with a
name. A pooler is recognised by itself: PgBouncer refuses settings at the start, or ignores them if set so.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    import asyncpg

_CONNECT_TIMEOUT = 5.0
_COMMAND_TIMEOUT = 30.0
_REFUSED = "08P01"

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What is behind a URL, and how to connect to it."""

    url: str
    settings: dict[str, str]
    is_pooled: bool

    @property
    def statement_options(self) -> dict[str, Any]:
        """What SQLAlchemy must know of prepared statements: through a pooler none is kept, and none has a name."""
        if not self.is_pooled:
            return {}
        return {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}

    async def connect(self, *, command_timeout: float = _COMMAND_TIMEOUT, **options: Any) -> "asyncpg.Connection":
        """Open a connection, with further options of asyncpg."""
        import asyncpg  # noqa: PLC0415 - an optional extra

        if self.is_pooled:
            options = {"statement_cache_size": 0, "connection_class": _pooled_connection()}
        return await asyncpg.connect(
            self.url,
            timeout=_CONNECT_TIMEOUT,
            command_timeout=command_timeout,
            server_settings={"application_name": "moderation-service", **self.settings},
            **options,
        )


async def reach(url: str, *, lock_timeout: float) -> Server:
    """Find out what answers at a URL; raise what asyncpg raises when nothing does."""
    wanted = f"{lock_timeout * 1_000:.0f}ms"
    straight = Server(url=url, settings={"lock_timeout": wanted}, is_pooled=False)
    pooled = Server(url=url, settings={}, is_pooled=True)
    try:
        connection = await straight.connect(statement_cache_size=0)
    except Exception as error:
        if getattr(error, "sqlstate", None) != _REFUSED:
            raise
        _log.info("storage.pooler_found")
        return pooled
    try:
        async with connection.transaction():
            kept = await connection.fetchval("SELECT setting FROM pg_settings WHERE name = 'lock_timeout'")
    finally:
        await connection.close()
    if kept == wanted.removesuffix("ms"):
        return straight
    _log.info("storage.pooler_found")
    return pooled


def _pooled_connection() -> "type[asyncpg.Connection]":
    import asyncpg  # noqa: PLC0415 - an optional extra

    class PooledConnection(asyncpg.Connection):  # type: ignore[misc]
        """Asks for types in a transaction, so that both halves of the question reach one session."""

        async def set_type_codec(self, *arguments: Any, **options: Any) -> None:
            async with self.transaction():
                await super().set_type_codec(*arguments, **options)

    return PooledConnection
