"""The service behind PgBouncer in transaction mode, where nothing may be left in a session."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from moderation_service.domain.errors import UnavailableError
from moderation_service.services.operations import consistency
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments
from tests.conftest import ENGINES, Start
from tests.support.contract import client_of
from tests.support.factories import PAGE, a_submission, bearer
from tests.support.mailed import post
from tests.support.pgbouncer import pgbouncer
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENT

pytestmark = pytest.mark.parametrize("place", [ENGINES[1]], indirect=True)


@pytest.mark.parametrize("more", ["", "ignore_startup_parameters = lock_timeout,extra_float_digits"])
async def test_the_service_works_behind_a_pooler_that_gives_each_transaction_another_session(
    database_url: str, tmp_path: Path, start: Start, smtp: MailServer, more: str
) -> None:
    async with pgbouncer(tmp_path, database_url, more) as url:
        service = await start(database_url=url, screening="off")
        async with client_of(service.url) as http:
            mailed = await post(http, smtp)
            assert (await http.get(mailed.path("approve"))).status == 200

            async def visit(number: int) -> set[int]:
                statuses = set()
                for turn in range(5):
                    body = a_submission(body=f"{number} {turn}")
                    posted = await http.post("/api/v1/comments", json=body)
                    listed = await http.get("/api/v1/comments", params={"page_url": f"{PAGE}/{number}/{turn}"})
                    decided = await http.post(
                        "/api/v1/moderation/decisions",
                        json={"decisions": [{"id": (await posted.json())["id"], "decision": "approve"}]},
                        headers=bearer(),
                    )
                    statuses |= {posted.status, listed.status, decided.status}
                return statuses

            found = await asyncio.gather(*(visit(number) for number in range(16)))
            assert set().union(*found) == {200, 202}
            assert (await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json())["count"] == 80
            assert (await http.get("/health/ready")).status == 200
        service.stop.set()
    async with Database.open(database_url, limits=PATIENT) as database:
        assert not any((await consistency.differences(database)).values())
        async with database.read() as connection:
            assert (await connection.execute(select(func.count()).select_from(comments))).scalar_one() == 81


async def test_behind_a_pooler_nobody_waits_longer_for_a_lock_than_without(
    database_url: str, tmp_path: Path
) -> None:
    impatient = replace(PATIENT, lock=0.1)
    async with (
        pgbouncer(tmp_path, database_url) as url,
        Database.open(url, limits=impatient) as one,
        Database.open(url, limits=impatient) as other,
    ):
        async with one.write() as slow:
            await slow.execute(text("LOCK TABLE comments"))
            with pytest.raises(UnavailableError, match="55P03"):
                await lock(other)
        await lock(other)


async def lock(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("LOCK TABLE comments"))
