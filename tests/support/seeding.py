"""Many comments at a running service, where it is not the subject how they came in: stored in one transaction."""

from collections.abc import Iterable
from typing import Any

from moderation_service.domain.comments import markup
from moderation_service.domain.comments.comment import Receipt
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Request
from moderation_service.domain.notifications.states import MODERATION
from moderation_service.services.comments import intake
from moderation_service.services.comments.drafting import Submission
from tests.support.factories import a_submission
from tests.support.running import Running


def network(number: int) -> str:
    """Return another network for each number, so that none posts too much."""
    return f"{11 + number % 180}.{number // 180}.7.0/24"


async def stored(
    service: Running, bodies: Iterable[str], *, is_approved: bool = False, **changed: Any
) -> list[str]:
    """Store comments with these texts as their submission does, less the screening; their ids, in this order."""
    container = service.container
    usual = {"author_url": None, "parent_id": None}
    submissions = [Submission(**usual | a_submission(body=body, **changed)) for body in bodies]
    site = container.directory.sites.of_page(submissions[0].page_url)
    assert site is not None
    drafts = [
        container.drafter.draft(one, site, body_html=markup.render(one.body), network=network(number), key=None)
        for number, one in enumerate(submissions)
    ]
    async with container.database.write() as connection:
        accepted = await intake.accept(connection, drafts, again=False)
    assert all(isinstance(one, Receipt) for one in accepted), accepted
    container.queue.wake(MODERATION)
    ids = [draft.id for draft in drafts]
    if is_approved:
        requests = [Request(comment_id=one, decision=Decision.APPROVE, expected=None) for one in ids]
        results = await container.moderation.decide(site, requests, actor=Actor(channel=Channel.API))
        assert {one.outcome for one in results} == {"done"}
    return ids
