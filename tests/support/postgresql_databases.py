"""Databases of a PostgreSQL server with the schema in place: made once, lent to one test at a time, emptied after.

Making one takes as long as starting a service on it. One is lent again only if it is as it was made, but for rows:
whatever else a test has done to it, a column, an index, a setting or statistics of its tables, it is dropped.
"""

from collections.abc import Awaitable, Callable
from itertools import count

import asyncpg

from tests.support.time_limits import PATIENCE

_CATALOGUES = (
    "pg_attrdef",
    "pg_attribute",
    "pg_constraint",
    "pg_event_trigger",
    "pg_extension",
    "pg_index",
    "pg_inherits",
    "pg_namespace",
    "pg_policy",
    "pg_proc",
    "pg_rewrite",
    "pg_statistic",
    "pg_trigger",
    "pg_type",
)
"""Where every change to a database but of its rows leaves a row that is new, changed or gone."""

_SHAPE = f"""
SELECT concat_ws(' ',
    {", ".join(f"(SELECT (count(*), max(xmin::text::bigint)) FROM {name})" for name in _CATALOGUES)},
    (SELECT md5(string_agg(concat(relname, relkind, relowner, relpersistence, reloptions, relacl), ' '
        ORDER BY relname)) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
    (SELECT string_agg(setconfig::text, ' ') FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())),
    (SELECT string_agg(one::text, ' ') FROM alembic_version AS one),
    (SELECT string_agg(one::text, ' ') FROM schema_compatibility AS one))
"""  # noqa: S608 - names of ours

_END_OTHERS = f"""
SELECT pg_terminate_backend(pid, {PATIENCE * 1_000:.0f}) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""  # noqa: S608

_EMPTY = """
DO $$
DECLARE
    one record;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN
        SELECT oid::regclass AS name, pg_relation_size(oid) AS size FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
            AND relname NOT IN ('alembic_version', 'schema_compatibility')
    LOOP
        IF one.size > 65536 THEN
            EXECUTE format('TRUNCATE %s CASCADE', one.name);
        ELSE
            EXECUTE format('DELETE FROM %s', one.name);
        END IF;
    END LOOP;
END
$$
"""
"""A table of a few pages keeps them: new files for it and its indexes are what takes the time."""


_NUMBERS = count()


class PostgresqlDatabases:
    """Lends databases of a server, copies of a template."""

    def __init__(
        self,
        url_of: Callable[[str], str],
        template: str,
        create: Callable[[str, str, str], Awaitable[None]],
        drop: Callable[[str, str], Awaitable[None]],
    ) -> None:
        """`create` and `drop` take the URL of a superuser and the name; the former also the template's."""
        self._url_of = url_of
        self._template = template
        self._create = create
        self._drop = drop
        self._free: list[str] = []
        self._shapes: dict[str, str] = {}

    async def lend(self) -> str:
        """Return the name of a migrated database without rows that nobody else has."""
        if self._free:
            return self._free.pop()
        name = f"lent-{next(_NUMBERS)}-{self._template}"
        await self._create(self._url_of("postgres"), name, self._template)
        self._shapes[name] = await self._look(name)
        return name

    async def take_back(self, name: str) -> None:
        """Empty a database to lend it again, or drop it."""
        try:
            is_as_made = await self._look(name, is_emptied=True) == self._shapes[name]
        except (asyncpg.PostgresError, OSError):
            is_as_made = False
        if is_as_made:
            self._free.append(name)
        else:
            await self._drop(self._url_of("postgres"), name)

    async def _look(self, name: str, *, is_emptied: bool = False) -> str:
        connection = await asyncpg.connect(self._url_of(name))
        try:
            if is_emptied:
                await connection.execute(_END_OTHERS)
                await connection.execute(_EMPTY)
            shape: str = await connection.fetchval(_SHAPE)
        finally:
            await connection.close()
        return shape
