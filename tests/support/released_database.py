"""A database as a released version leaves it while mail is due: made once for each schema, and kept.

Before a release that changes the schema: `.venv/bin/python -m tests.support.released_database`, with the code of
the version that is out. It writes `tests/fixtures/databases/<schema>.db.gz`; the test of upgrades takes up each.

What lies in it, `MINUTES` after the clock of the tests begins: Anna is parked and her mail waits; the server may
have seen a message to Paul; a message to Olga was refused twice and is parked. Each is still to be notified
of comments. Two log-ins wait for their mail, one that was never tried (Anna's) and one that was refused for the
moment (Olga's); Paul's was sent.
"""

import asyncio
import gzip
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection as SyncConnection
from sqlalchemy import MetaData, create_engine, inspect, select

from moderation_service.storage import migrations
from tests.conftest import Clock
from tests.support import misbehaving_smtp as servers
from tests.support import office as offices
from tests.support.composed import SUSPECT
from tests.support.factories import OTHER_PAGE, SITES, environ_of
from tests.support.office import ANNA, PAUL
from tests.support.smtp import mail_server

FOLDER = Path(__file__).parent.parent / "fixtures" / "databases"
OLGA = "olga@example.com"
NETWORK = "192.0.2.0/24"
MINUTES = 2
"""How long after the clock of the tests begins the database was left."""


def schemas() -> list[str]:
    """Return the schemas of which there is a database."""
    return sorted(path.name.removesuffix(".db.gz") for path in FOLDER.glob("*.db.gz"))


def unpack(schema: str, path: Path) -> None:
    """Write the SQLite file of a schema."""
    path.write_bytes(gzip.decompress((FOLDER / f"{schema}.db.gz").read_bytes()))


def copy(file: Path, connection: SyncConnection) -> None:
    """Copy all rows of a SQLite file into the same, empty tables of another database."""
    tables = MetaData()
    tables.reflect(connection)
    source = create_engine(f"sqlite:///{file}")
    with source.connect() as reading:
        there = set(inspect(reading).get_table_names())
        for table in tables.sorted_tables:
            if table.name not in there or table.name == "alembic_version":
                continue
            connection.execute(table.delete())
            rows = [dict(row._mapping) for row in reading.execute(select(table))]
            if rows:
                connection.execute(table.insert(), list(_with_zones(rows)))
    source.dispose()


def _with_zones(rows: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    for row in rows:
        yield {
            name: value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
            for name, value in row.items()
        }


async def make(path: Path, sites: Path) -> None:
    """Make a database in which mail is due, by the code as it is."""
    clock = Clock()
    async with mail_server() as smtp:
        environ = environ_of(f"sqlite:///{path}", smtp.url, sites)
        async with offices.opened(environ, clock) as office:
            delivery = office.delivery(connections=1)
            logins = office.container.logins
            decided, _ = await office.post(2)
            await delivery.deliver_due()
            await office.decide([decided])
            await logins.ask(PAUL, network=NETWORK)
            assert await office.container.queue.deliver_due("login") == 1
            smtp.refuse_data_for[OLGA] = "554 5.7.1 We never take this"
            await office.post(page_url=OTHER_PAGE)
            await delivery.deliver_due()
            clock.advance(minutes=1)
            await delivery.deliver_due()
            smtp.refuse_for |= {ANNA: "550 5.1.1 No such user", PAUL: "450 4.2.1 Later"}
            await office.post()
            await delivery.deliver_due()
            clock.advance(minutes=1)
            async with servers.drops_between_data_and_its_answer() as server:
                await office.delivery(server.url, connections=1).deliver_due()
            smtp.refuse_data_for[OLGA] = "451 4.3.0 Not now"
            await logins.ask(OLGA, network=NETWORK)
            assert await office.container.queue.deliver_due("login") == 0
            await logins.ask(ANNA, network=NETWORK)
            await office.post()
            await office.post(assessment=SUSPECT)
            await office.post(page_url=OTHER_PAGE)


def main() -> None:
    """Write the database of the newest schema."""
    with tempfile.TemporaryDirectory() as folder:
        path, sites = Path(folder) / "made.db", Path(folder) / "sites.toml"
        sites.write_text(SITES, encoding="utf-8")
        asyncio.run(make(path, sites))
        FOLDER.mkdir(parents=True, exist_ok=True)
        packed = gzip.compress(path.read_bytes(), mtime=0)
        (FOLDER / f"{migrations.NEWEST}.db.gz").write_bytes(packed)


if __name__ == "__main__":
    main()
