"""Two moderators at the same moment: one wins, the other learns it and may still have it otherwise."""

import asyncio
import os
from collections.abc import Awaitable, Callable

from sqlalchemy import select

from moderation_service.domain.moderation.link import Link
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments, decisions
from tests.conftest import Clock
from tests.support.contract import client_of
from tests.support.factories import a_submission
from tests.support.mailed import ANNA, PAUL, press
from tests.support.running import Running

ROUNDS = int(os.environ.get("MODERATION_TEST_ROUNDS", "10"))
"""How often two decide on one comment; 200 times in `make soak`."""

STATUS_OF = {"approve": "approved", "spam": "spam"}
WORDS = {"approve": "Approv", "spam": "spam"}


async def test_of_two_who_decide_differently_at_the_same_moment_one_wins_and_the_other_learns_it(
    start: Callable[..., Awaitable[Running]], clock: Clock, database: Database
) -> None:
    service = await start(clock=clock, screening="off")
    links = service.container.links

    def path(comment_id: str, moderator_id: str, address: str, decision: str) -> str:
        link = Link(
            site_id="coop",
            moderator_id=moderator_id,
            comment_id=comment_id,
            revision=1,
            address_hash=links.address_hash(address),
        )
        return f"/moderate/{links.mint(link)}/{decision}"

    winners = set()
    changed_knowingly = 0
    async with client_of(service.url) as http:
        for number in range(ROUNDS):
            posted = await http.post("/api/v1/comments", json=a_submission(body=f"il numero {number}"))
            comment_id = (await posted.json())["id"]
            asked = {
                "approve": path(comment_id, "anna", ANNA, "approve"),
                "spam": path(comment_id, "paul", PAUL, "spam"),
            }
            order = sorted(asked, reverse=bool(number % 2))
            answers = await asyncio.gather(*(press(http, asked[one]) for one in order))
            by_status = {answer.status: one for answer, one in zip(answers, order, strict=True)}
            assert set(by_status) == {200, 409}
            won, lost = by_status[200], by_status[409]
            winners.add(won)
            [page] = [await answer.text() for answer in answers if answer.status == 409]
            assert f'name="seen" value="{STATUS_OF[won]}"' in page
            assert WORDS[won] in page
            lines = [(won, "pending", STATUS_OF[won])]
            if number % 5 == 0:
                again = await press(http, asked[lost], STATUS_OF[won])
                assert again.status == 200
                lines.append((lost, STATUS_OF[won], STATUS_OF[lost]))
                changed_knowingly += 1
            async with database.read() as connection:
                status = await connection.execute(select(comments.c.status).where(comments.c.id == comment_id))
                history = await connection.execute(
                    select(decisions.c.decision, decisions.c.from_status, decisions.c.to_status)
                    .where(decisions.c.comment_id == comment_id)
                    .order_by(decisions.c.number)
                )
                assert [tuple(row) for row in history] == lines
                assert status.scalar_one() == lines[-1][2]
    assert winners == set(asked)
    assert changed_knowingly == ROUNDS // 5
