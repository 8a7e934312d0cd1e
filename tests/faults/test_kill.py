import asyncio
import os
import random

from moderation_service.storage.engine.database import Database
from tests.support.load import assert_kept, load
from tests.support.processes import served
from tests.support.running import until

KILLS = int(os.environ.get("MODERATION_TEST_KILLS", "3"))


async def test_every_accepted_comment_survives_a_kill_at_a_random_moment(
    environ: dict[str, str], database: Database
) -> None:
    seed = int(os.environ.get("MODERATION_TEST_SEED", "0")) or random.SystemRandom().randrange(10**9)
    print(f"seed {seed}: MODERATION_TEST_SEED={seed} repeats it")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)  # noqa: S311 - a moment, not a secret
    accepted: list[str] = []
    for _ in range(KILLS):
        async with served(environ | {"MODERATION_SCREENING": "off"}) as service, load(service.url) as posted:
            await until(lambda: len(posted.accepted) > 1)
            await asyncio.sleep(chance.uniform(0, 0.8))
            await service.kill()
        accepted += posted.accepted
        await assert_kept(database, accepted)
    assert len(accepted) > KILLS
