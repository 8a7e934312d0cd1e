"""Many comments in a database, fast: some are written by the service's own functions, and then copied in SQL.

Of every fifth page all comments are public, at addresses `/s0`, `/s1`, …; all others wait, at `/w0`, …
"""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from math import log10
from uuid import UUID

from sqlalchemy import update

from bench.seeding import seed
from moderation_service.domain.comments import pages
from moderation_service.domain.comments.comment import Contact
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.notifications.states import NotificationState
from moderation_service.services.comments.drafting import contact_of
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments, decisions, notifications

FIRST = 10_000
"""So many comments are written by the service."""

A_PAGE = 10
PUBLIC_PAGES = 5
"""Every so manieth page is public."""

_SITE = "bench"
_TIMES = 10
_TIME_BITS = 80
_MARGIN = 1_000
_PAGES = ("id", "site_id", "url", "created_at", "form")
_OF_THE_COPY = ("id", "root_id", "page_id", "change_number")
"""What a copy has of its own; all else is as it is."""
_BY_COMMENT = (decisions, notifications)


def public_pages(comments: int) -> int:
    """Return of how many pages the comments are public where so many comments are stored."""
    return comments // A_PAGE // PUBLIC_PAGES


def begin(environ: Mapping[str, str]) -> None:
    """Write the first comments into an empty database, by the service's own functions."""
    public = public_pages(FIRST)
    waiting = FIRST // A_PAGE - public
    seed(environ, pages=public, comments=public * A_PAGE, approve=public)
    seed(environ, pages=waiting, comments=waiting * A_PAGE, approve=0, path="w")
    asyncio.run(_mail_nothing(environ["MODERATION_DATABASE_URL"]))


def make(environ: Mapping[str, str], *, secret: str, comments: int) -> None:
    """Fill an empty database with so many comments: ten thousand, times ten, times ten …"""
    begin(environ)
    for _ in range(round(log10(comments / FIRST))):
        grow(environ["MODERATION_DATABASE_URL"], secret)


async def _mail_nothing(database_url: str) -> None:
    """Leave nothing to be mailed: a service would be busy with that."""
    async with Database.open(database_url) as database, database.write() as connection:
        waiting = update(notifications).where(notifications.c.state == NotificationState.WAITING)
        await connection.execute(waiting.values(state=NotificationState.SUPERSEDED))


def grow(database_url: str, secret: str) -> None:
    """Multiply what is stored by ten: nine copies of each comment, on pages of their own, each of an earlier time.

    The copies have ids, pages, change numbers and addresses of authors of their own; their receipts are of no use.
    Nobody else may be at work on the database. `secret` is the key that the service has.
    """
    keys = KeyRing((secret,))
    if database_url.startswith("sqlite:"):
        with sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None) as connection:
            _grow_file(connection, keys)
        connection.close()
    else:
        asyncio.run(_grow_server(database_url, keys))


@dataclass(frozen=True, slots=True)
class _Base:
    """What is copied: comments from the id `first` on, over so many milliseconds, and with so many changes."""

    first: str
    milliseconds: int
    changes: int

    @classmethod
    def of(cls, first: object, last: object, changes: int) -> "_Base":
        begun, ended = (UUID(str(one)).int >> _TIME_BITS for one in (first, last))
        return cls(str(first), ended - begun + _MARGIN, changes)


def _statements(base: _Base, copy: int, earlier: Callable[[str, int], str]) -> Iterator[str]:
    """Yield what makes one copy, once `copied_pages` says which page each page becomes."""
    by = base.milliseconds * copy
    numbered = (
        f"{earlier('c.id', by)}, {earlier('c.root_id', by)}, p.copy, c.change_number + {base.changes * copy}"
    )
    others = [one.name for one in comments.columns if one.name not in _OF_THE_COPY]
    yield (
        f"INSERT INTO comments ({', '.join([*_OF_THE_COPY, *others])}) "  # noqa: S608 - our own names
        f"SELECT {numbered}, {', '.join(f'c.{one}' for one in others)} "
        f"FROM comments c JOIN copied_pages p ON p.id = c.page_id WHERE c.id >= '{base.first}'"
    )
    for table in _BY_COMMENT:
        rest = ", ".join(one.name for one in table.columns if one.name != "comment_id")
        yield (
            f"INSERT INTO {table.name} (comment_id, {rest}) "  # noqa: S608 - our own names
            f"SELECT {earlier('comment_id', by)}, {rest} FROM {table.name} WHERE comment_id >= '{base.first}'"
        )


def _copies(stored: Sequence[tuple[object, str]], copy: int) -> list[tuple[object, str, str]]:
    """Return the id of each page, and the id and the address of its copy."""
    count = {kind: sum(url.rpartition("/")[2].startswith(kind) for _, url in stored) for kind in "sw"}
    made = []
    for stored_id, url in stored:
        found = re.fullmatch(r"(.*/)([sw])(\d+)", url)
        assert found is not None
        another = f"{found[1]}{found[2]}{int(found[3]) + copy * count[found[2]]}"
        made.append((stored_id, pages.page(_SITE, another).id, another))
    return made


def _grow_file(connection: sqlite3.Connection, keys: KeyRing) -> None:
    connection.create_function("earlier", 2, _earlier, deterministic=True)
    connection.create_function("sealed", 1, lambda one: _contact(keys, UUID(one)).sealed, deterministic=True)
    connection.create_function("hashed", 1, lambda one: _contact(keys, UUID(one)).address_hash, deterministic=True)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -500000")
    first, last, changes = connection.execute(
        "SELECT min(id), max(id), max(change_number) FROM comments"
    ).fetchone()
    base = _Base.of(first, last, changes)
    stored = connection.execute("SELECT id, url FROM pages").fetchall()
    connection.execute("CREATE TEMPORARY TABLE copied_pages (id TEXT PRIMARY KEY, copy TEXT, url TEXT)")
    for copy in range(1, _TIMES):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM copied_pages")
        made = [(one, UUID(another).hex, url) for one, another, url in _copies(stored, copy)]
        connection.executemany("INSERT INTO copied_pages VALUES (?, ?, ?)", made)
        connection.execute(_INSERT_PAGES)
        for statement in _statements(base, copy, "earlier({}, {})".format):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO contacts SELECT id, sealed(id), hashed(id) FROM "
            "(SELECT earlier(id, ?) AS id FROM comments WHERE id >= ?)",
            (base.milliseconds * copy, UUID(base.first).hex),
        )
        connection.execute("COMMIT")
    connection.execute("DELETE FROM unlearned")
    connection.execute("UPDATE change_counters SET number = ?", (changes * _TIMES,))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_INSERT_PAGES = (
    f"INSERT INTO pages ({', '.join(_PAGES)}) SELECT c.copy, p.site_id, c.url, p.created_at, p.form "  # noqa: S608 - our own names
    "FROM pages p JOIN copied_pages c ON c.id = p.id"
)


def _contact(keys: KeyRing, comment_id: UUID) -> Contact:
    """Return an address as it is stored with the comment, for every comment another one."""
    return contact_of(keys, f"g{comment_id.hex}@example.com", str(comment_id))


def _earlier(identifier: str | None, milliseconds: int) -> str | None:
    return None if identifier is None else f"{int(identifier, 16) - (milliseconds << _TIME_BITS):032x}"


async def _grow_server(database_url: str, keys: KeyRing) -> None:
    import asyncpg  # noqa: PLC0415 - an optional extra

    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET synchronous_commit = off")
        row = await connection.fetchrow(
            "SELECT min(id::text) AS first, max(id::text) AS last, max(change_number) AS changes FROM comments"
        )
        base = _Base.of(row["first"], row["last"], row["changes"])
        stored = [(one["id"], one["url"]) for one in await connection.fetch("SELECT id, url FROM pages")]
        await connection.execute("CREATE TEMPORARY TABLE copied_pages (id uuid PRIMARY KEY, copy uuid, url text)")
        for copy in range(1, _TIMES):
            async with connection.transaction():
                await connection.execute("DELETE FROM copied_pages")
                await connection.copy_records_to_table("copied_pages", records=_copies(stored, copy))
                await connection.execute(_INSERT_PAGES)
                for statement in _statements(base, copy, _earlier_in_postgresql):
                    await connection.execute(statement)
                made = _earlier_in_postgresql("id", base.milliseconds * copy)
                rows = await connection.fetch(
                    f"SELECT {made} AS id FROM comments WHERE id >= '{base.first}'"  # noqa: S608 - our own names
                )
                contacts = [(row["id"], *astuple(_contact(keys, row["id"]))) for row in rows]
                await connection.copy_records_to_table("contacts", records=contacts)
        await connection.execute("DELETE FROM unlearned")
        await connection.execute("UPDATE change_counters SET number = $1", base.changes * _TIMES)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


def _earlier_in_postgresql(column: str, milliseconds: int) -> str:
    """Subtract from the first 48 bits, which are the time."""
    time = f"('x' || left(replace({column}::text, '-', ''), 12))::bit(48)::bigint"
    rest = f"right(replace({column}::text, '-', ''), 20)"
    return f"(lpad(to_hex({time} - {milliseconds}), 12, '0') || {rest})::uuid"
