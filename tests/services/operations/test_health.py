"""Readiness, however many ask at the same moment."""

import asyncio

import pytest

from moderation_service.services.operations.health import Health
from moderation_service.storage.engine.database import Database


@pytest.fixture
def health(database: Database) -> Health:
    async def none() -> list[str]:
        return []

    async def never() -> bool:
        return False

    return Health(
        database,
        webhooks=list,
        person_ids=list,
        is_mail_paused=lambda: False,
        is_mail_late=never,
        everybody_away=lambda _: none(),
        last_failure=lambda: float("-inf"),
        nearly_full=none,
        has_orphaned_pages=never,
        under_attack=list,
    )


async def test_probes_at_the_same_moment_get_the_same_answer(health: Health) -> None:
    assert await asyncio.gather(*(health.unready() for _ in range(5))) == [[]] * 5


async def test_a_probe_that_goes_away_takes_the_answer_from_nobody(health: Health) -> None:
    first, second = asyncio.create_task(health.unready()), asyncio.create_task(health.unready())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == []
    with pytest.raises(asyncio.CancelledError):
        await first
