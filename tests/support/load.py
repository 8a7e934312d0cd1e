"""Posting without a pause, and remembering what was accepted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from sqlalchemy import func, select

from moderation_service.services.operations import consistency
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments, notifications
from tests.support.factories import a_submission

MODERATORS = 2
"""How many people the tests' site notifies of a comment."""


@dataclass(slots=True)
class Load:
    """What came back: the ids of comments that were answered by 202, and how often each status was seen."""

    accepted: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    sent: int = 0

    async def post(self, http: ClientSession) -> None:
        """Post one comment that no other is like."""
        self.sent += 1
        async with http.post("/api/v1/comments", json=a_submission(body=f"Commento {self.sent}")) as answer:
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            if answer.status == 202:
                self.accepted.append((await answer.json())["id"])

    async def keep_posting(self, url: str) -> None:
        """Post until cancelled, also while nobody answers."""
        connector = TCPConnector(limit=1, force_close=False)
        async with ClientSession(url, connector=connector, timeout=ClientTimeout(total=15)) as http:
            while True:
                with suppress(ClientError, TimeoutError):
                    await self.post(http)
                await asyncio.sleep(0.001)


@asynccontextmanager
async def load(url: str, *, posters: int = 12) -> AsyncIterator[Load]:
    """Post from several connections until the end of the block."""
    found = Load()
    posting = [asyncio.create_task(found.keep_posting(url)) for _ in range(posters)]
    try:
        yield found
    finally:
        for task in posting:
            task.cancel()
        await asyncio.gather(*posting, return_exceptions=True)


async def assert_kept(database: Database, accepted: list[str]) -> None:
    """Check that every accepted comment is there, once, with one notification for each moderator."""
    assert len(set(accepted)) == len(accepted)
    async with database.read() as connection:
        stored = set((await connection.execute(select(comments.c.id))).scalars())
        queued = await connection.execute(
            select(notifications.c.comment_id, func.count()).group_by(notifications.c.comment_id)
        )
        counts = {row[0]: row[1] for row in queued}
    assert set(accepted) <= stored
    assert {counts.get(comment_id) for comment_id in stored} <= {MODERATORS}
    assert not any((await consistency.differences(database)).values())
