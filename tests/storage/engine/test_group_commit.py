"""What arrives together is written together, and each is answered for itself."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError

from moderation_service.domain.comments.comment import Draft, Receipt
from moderation_service.domain.errors import FieldsInvalidError, UnavailableError
from moderation_service.services.comments import intake
from moderation_service.services.comments.drafting import Submission
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.engine.group_commit import GroupCommit
from moderation_service.storage.schema import comments, contacts, notifications
from tests.support.contract import client_of
from tests.support.factories import ADDRESS, PAGE, a_submission
from tests.support.running import Running
from tests.support.time_limits import patient

Start = Callable[..., Awaitable[Running]]
Writer = GroupCommit[Draft, Receipt]
Outcomes = TypeVar("Outcomes")
UNKNOWN = "01900000-0000-7000-8000-000000000000"


def drafts_of(service: Running, count: int) -> list[Draft]:
    """Drafts as the service makes them."""
    site = service.container.directory.sites.get("coop")
    assert site is not None
    return [
        service.container.drafter.draft(
            Submission(
                page_url=PAGE,
                page_title=None,
                author_name="Giuliana",
                author_email=ADDRESS,
                author_url=None,
                body=f"il numero {number}",
                parent_id=None,
            ),
            site,
            body_html=f"<p>il numero {number}</p>",
            network="192.0.2.0/24",
            key=None,
        )
        for number in range(count)
    ]


class Watched:
    """A writer of its own on a database, with the transactions and batches that it took."""

    def __init__(self, database: Database) -> None:
        self.commits = 0
        self.rollbacks = 0
        self.batches: list[int] = []
        self.writer: Writer = GroupCommit(database, self._accept)
        engine = database._writer.sync_engine if database._thread is None else database._thread.engine
        event.listen(engine, "commit", self._commit)
        event.listen(engine, "rollback", self._rollback)

    async def write(self, drafts: Sequence[Draft]) -> list[Receipt | BaseException]:
        """Hand all in at once, and stop when all are answered."""
        asked = [asyncio.create_task(self.writer.submit(draft)) for draft in drafts]
        await asyncio.sleep(0)
        self.writer.close()
        await self.writer.run()
        return await asyncio.gather(*asked, return_exceptions=True)

    async def _accept(
        self,
        connection: Connection,
        drafts: Sequence[Draft],
        again: bool,  # noqa: FBT001 - group commit's protocol
    ) -> list[intake.Outcome]:
        self.batches.append(len(drafts))
        return await intake.accept(connection, drafts, again)

    def _commit(self, _: object) -> None:
        self.commits += 1

    def _rollback(self, _: object) -> None:
        self.rollbacks += 1


@pytest.fixture
async def unscreened(start: Start) -> Running:
    """A service that screens nothing."""
    return await start(screening="off")


async def counts(database: Database) -> tuple[int, int, int]:
    async with database.read() as connection:
        return tuple(  # type: ignore[return-value]
            [
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in (comments, contacts, notifications)
            ]
        )


async def test_a_hundred_drafts_one_of_them_bad_share_one_transaction(
    unscreened: Running, database: Database
) -> None:
    drafts = drafts_of(unscreened, 100)
    drafts[41] = replace(drafts[41], parent_id=UNKNOWN)
    watched = Watched(database)
    outcomes = await watched.write(drafts)
    assert watched.batches == [100]
    assert (watched.commits, watched.rollbacks) == (1, 0)
    assert isinstance(outcomes[41], FieldsInvalidError)
    receipts = [one for one in outcomes if isinstance(one, Receipt)]
    assert [one.id for one in receipts] == [draft.id for draft in drafts if draft is not drafts[41]]
    assert await counts(database) == (99, 99, 198)


async def test_a_batch_that_the_database_refuses_is_tried_one_by_one(
    unscreened: Running, database: Database
) -> None:
    drafts = drafts_of(unscreened, 5)
    drafts[2] = replace(drafts[2], author_name=None)  # type: ignore[arg-type]
    watched = Watched(database)
    outcomes = await watched.write(drafts)
    assert watched.batches == [5, 1, 1, 1, 1, 1]
    assert watched.commits == 4
    assert isinstance(outcomes[2], IntegrityError)
    assert [type(one) for number, one in enumerate(outcomes) if number != 2] == [Receipt] * 4
    assert await counts(database) == (4, 4, 8)


async def test_a_client_that_leaves_in_mid_batch_hurts_nobody(unscreened: Running, database: Database) -> None:
    drafts = drafts_of(unscreened, 10)
    inside, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Database):
        async def transact(self, work: Callable[[Connection], Awaitable[Outcomes]]) -> Outcomes:
            inside.set()
            await go_on.wait()
            return await database.transact(work)

    writer: Writer = GroupCommit(
        Slow(database._reader, database._writer, reads=database.reads, limits=database.limits), intake.accept
    )
    asked = [asyncio.create_task(writer.submit(draft)) for draft in drafts]
    running = asyncio.create_task(writer.run())
    await inside.wait()
    asked[3].cancel()
    await asyncio.sleep(0)
    go_on.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(outcomes[3], asyncio.CancelledError)
    assert [type(one) for number, one in enumerate(outcomes) if number != 3] == [Receipt] * 9
    [later] = drafts_of(unscreened, 1)
    assert isinstance(await writer.submit(later), Receipt)
    writer.close()
    await running
    assert await counts(database) == (11, 11, 22)


async def test_connections_that_break_after_the_request_cost_nobody_an_answer(unscreened: Running) -> None:
    host, port = unscreened.url.removeprefix("http://").split(":")

    async def leave(number: int) -> None:
        body = json.dumps(a_submission(body=f"weg {number}")).encode()
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /api/v1/comments HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        await writer.drain()
        writer.transport.abort()

    async with client_of(unscreened.url) as http:

        async def stay(number: int) -> int:
            async with http.post("/api/v1/comments", json=a_submission(body=f"bleibt {number}")) as answer:
                return answer.status

        statuses = await asyncio.gather(*(stay(n) for n in range(20)), *(leave(n) for n in range(20)))
        assert [status for status in statuses if status is not None] == [202] * 20
        assert await stay(21) == 202


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_again(
    unscreened: Running, database: Database, start: Start
) -> None:
    drafts = drafts_of(unscreened, 4)
    writer: Writer = GroupCommit(database, intake.accept, most_queued=3)
    asked = [asyncio.create_task(writer.submit(draft)) for draft in drafts[:3]]
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError) as refused:
        await writer.submit(drafts[3])
    assert refused.value.retry_after > 0
    writer.close()
    await writer.run()
    assert [type(one) for one in await asyncio.gather(*asked)] == [Receipt] * 3
    with pytest.raises(UnavailableError):
        await writer.submit(drafts[3])

    full = await start(screening="off", limits=patient(queued_comments=0))
    async with client_of(full.url) as http:
        answer = await http.post("/api/v1/comments", json=a_submission())
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        form = await http.post("/api/v1/comments", data=a_submission())
        assert form.status == 503
        assert int(form.headers["Retry-After"]) > 0
        assert "interessante…" in await form.text()


async def test_a_draft_whose_commit_went_unanswered_is_kept_once(unscreened: Running, database: Database) -> None:
    drafts = drafts_of(unscreened, 3)
    async with database.write() as connection:
        first = await intake.accept(connection, drafts, again=False)
    async with database.write() as connection:
        second = await intake.accept(connection, drafts, again=True)
    assert first == second
    assert await counts(database) == (3, 3, 6)


async def test_a_transaction_that_is_given_up_keeps_its_turn_until_it_ended(
    unscreened: Running, database: Database
) -> None:
    drafts = drafts_of(unscreened, 200)
    given_up = asyncio.create_task(database.transact(lambda one: intake.accept(one, drafts, again=False)))
    await asyncio.sleep(0)
    given_up.cancel()
    async with database.write() as connection:
        kept = (await connection.execute(select(func.count()).select_from(comments))).scalar_one()
    assert kept in (0, 200)
    assert (await counts(database))[0] == kept
    with pytest.raises(asyncio.CancelledError):
        await given_up


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_batch_that_waits_for_something_else_is_an_error_and_writes_nothing(
    unscreened: Running, database: Database
) -> None:
    drafts = drafts_of(unscreened, 1)

    async def waiting(connection: Connection) -> None:
        await intake.accept(connection, drafts, again=False)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="nothing but its connection"):
        await database.transact(waiting)
    assert (await counts(database))[0] == 0


async def test_stopping_writes_what_waits(unscreened: Running, database: Database) -> None:
    drafts = drafts_of(unscreened, 600)
    watched = Watched(database)
    outcomes = await watched.write(drafts)
    assert {type(one) for one in outcomes} == {Receipt}
    assert sum(watched.batches) == 600
    assert watched.commits == len(watched.batches) == 3
    assert (await counts(database))[0] == 600


async def test_clients_that_ask_again_at_once_are_written_together(
    unscreened: Running, database: Database
) -> None:
    """Two halves that take turns become one batch."""
    first, second, third = (drafts_of(unscreened, 16) for _ in range(3))
    others: list[asyncio.Task[list[Receipt]]] = []

    async def client(*drafts: Draft) -> list[Receipt]:
        return [await writer.submit(draft) for draft in drafts]

    class Meanwhile(Database):
        async def transact(self, work: Callable[[Connection], Awaitable[Outcomes]]) -> Outcomes:
            if not others:
                others.extend(asyncio.create_task(client(draft)) for draft in third)
                await asyncio.sleep(0)
            return await database.transact(work)

    sizes: list[int] = []
    writer: Writer = GroupCommit(
        Meanwhile(database._reader, database._writer, reads=database.reads, limits=database.limits),
        intake.accept,
        on_batch=sizes.append,
    )
    running = asyncio.create_task(writer.run())
    await asyncio.gather(*(client(*pair) for pair in zip(first, second, strict=True)))
    await asyncio.gather(*others)
    writer.close()
    await running
    assert len(sizes) == 2
    assert sum(sizes) == 48


async def test_a_crowd_is_waited_for_whose_items_are_still_being_made(
    unscreened: Running, database: Database
) -> None:
    """Screening thirty-two comments takes longer than the moment for which clients are expected back."""
    first, second = drafts_of(unscreened, 16), drafts_of(unscreened, 16)
    sizes: list[int] = []
    writer: Writer = GroupCommit(database, intake.accept, longest=60, on_batch=sizes.append)

    def keep_the_loop() -> None:
        time.sleep(0.0005)

    async def make(place: int, draft: Draft) -> Receipt:
        with writer.expecting():
            for _ in range(2 * place):
                await asyncio.sleep(0)
                keep_the_loop()
        return await writer.submit(draft)

    running = asyncio.create_task(writer.run())
    await asyncio.gather(*map(writer.submit, first))
    await asyncio.gather(*(make(place, draft) for place, draft in enumerate(second)))
    writer.close()
    await running
    assert sizes == [16, 16]


async def test_a_crowd_does_not_wait_for_an_item_whose_making_takes_long(
    unscreened: Running, database: Database
) -> None:
    first, second = drafts_of(unscreened, 16), drafts_of(unscreened, 15)
    sizes: list[int] = []
    writer: Writer = GroupCommit(database, intake.accept, on_batch=sizes.append)
    running = asyncio.create_task(writer.run())
    await asyncio.gather(*map(writer.submit, first))
    with writer.expecting():
        await asyncio.gather(*map(writer.submit, second))
    writer.close()
    await running
    assert sizes == [16, 15]


class Standing(Database):
    """A database whose transactions begin, and end, when a test says so."""

    def __init__(self, database: Database) -> None:
        super().__init__(database._reader, database._writer, reads=database.reads, limits=database.limits)
        self._real = database
        self.may_begin, self.has_begun, self.may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def transact(self, work: Callable[[Connection], Awaitable[Outcomes]]) -> Outcomes:
        await self.may_begin.wait()
        found = await self._real.transact(work)
        self.has_begun.set()
        await self.may_end.wait()
        return found


async def test_who_waits_too_long_is_told_and_never_written(unscreened: Running, database: Database) -> None:
    standing = Standing(database)
    writer: Writer = GroupCommit(standing, intake.accept, patience=0.01)
    running = asyncio.create_task(writer.run())
    outcomes = await asyncio.gather(
        *(writer.submit(one) for one in drafts_of(unscreened, 3)), return_exceptions=True
    )
    assert [type(one) for one in outcomes] == [UnavailableError] * 3
    assert all(one.retry_after > 0 for one in outcomes if isinstance(one, UnavailableError))
    assert writer.waiting == 0
    assert writer.last_failure > 0
    standing.may_begin.set()
    standing.may_end.set()
    writer.close()
    await running
    assert await counts(database) == (0, 0, 0)


async def test_who_waits_behind_a_transaction_that_stands_is_told_too(
    unscreened: Running, database: Database
) -> None:
    standing = Standing(database)
    writer: Writer = GroupCommit(standing, intake.accept, patience=3_600.0)
    first, second = drafts_of(unscreened, 2)
    running = asyncio.create_task(writer.run())
    standing.may_begin.set()
    begun = asyncio.create_task(writer.submit(first))
    await standing.has_begun.wait()
    writer._patience = 0.01
    with pytest.raises(UnavailableError):
        await writer.submit(second)
    assert writer.waiting == 0
    standing.may_end.set()
    assert isinstance(await begun, Receipt)
    writer.close()
    await running
    assert await counts(database) == (1, 1, 2)


async def test_what_has_begun_is_answered_by_what_came_of_it_however_long_it_takes(
    unscreened: Running, database: Database
) -> None:
    standing = Standing(database)
    writer: Writer = GroupCommit(standing, intake.accept, patience=3_600.0)
    [draft] = drafts_of(unscreened, 1)
    begun = asyncio.create_task(writer.submit(draft))
    await asyncio.sleep(0)
    [one] = writer._waiting
    running = asyncio.create_task(writer.run())
    standing.may_begin.set()
    await standing.has_begun.wait()
    writer._give_up(one)
    await asyncio.sleep(0)
    assert not begun.done()
    standing.may_end.set()
    assert isinstance(await begun, Receipt)
    writer.close()
    await running
    assert await counts(database) == (1, 1, 2)
