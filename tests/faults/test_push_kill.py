"""The process is killed while it hands a push in: it is told of all the same, later."""

from datetime import timedelta

from sqlalchemy import select, update

from moderation_service.storage.engine.database import Database
from moderation_service.storage.engine.database import now as database_clock
from moderation_service.storage.schema import deliveries
from tests.support.contract import client_of
from tests.support.desk import a_comment
from tests.support.factories import SITES
from tests.support.processes import served
from tests.support.push_server import Message, list_push, push_server
from tests.support.running import until
from tests.support.time_limits import PATIENT


async def let_lease_pass(database: Database) -> None:
    """What the dead process had leased is another's after a minute at most; let that minute pass."""
    of_push = deliveries.c.kind == "push"
    async with database.write() as connection:
        now = await database_clock(connection)
        [lease] = (await connection.execute(select(deliveries.c.lease_until).where(of_push))).scalars()
        assert now < lease <= now + timedelta(seconds=60)
        over = now - timedelta(milliseconds=1)
        await connection.execute(update(deliveries).where(of_push).values(lease_until=over))


async def states(database: Database) -> list[str]:
    async with database.read() as connection:
        query = select(deliveries.c.state).where(deliveries.c.kind == "push")
        return list((await connection.execute(query)).scalars())


async def test_a_push_comes_though_the_process_is_killed_while_it_hands_it_in(
    environ: dict[str, str], database_url: str
) -> None:
    environ["MODERATION_SCREENING"] = "off"
    async with push_server() as ntfy, Database.open(database_url, limits=PATIENT) as database:
        list_push(environ, SITES, {"anna": [ntfy.url]})
        async with served(environ) as process, client_of(process.url) as http:

            def kill(_: Message) -> int:
                process.child.kill()
                return 500

            ntfy.answer = kill
            comment = await a_comment(http)
            await process.ended()
        assert await states(database) == ["waiting"]
        ntfy.answer = None
        await let_lease_pass(database)
        async with served(environ) as first, served(environ) as second:
            await until(lambda: len(ntfy.messages) == 2)
            await until(lambda: "delivery.sent" in first.words + second.words)
        assert await states(database) == ["sent"]
        before, after = ntfy.messages
        assert comment
        assert before.text == after.text
        assert [one["label"] for one in before.actions] == [one["label"] for one in after.actions]
