"""What an author is told of is what stands when the mail goes out, and of that once."""

from moderation_service.domain.comments.notices import AUTHOR_NOTICE, REPLIES_OF_ADDRESS
from moderation_service.domain.moderation.decisions import Decision
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.authors import confirmed
from tests.support.factories import ADDRESS
from tests.support.smtp import MailServer


async def test_what_is_taken_back_before_it_was_told_is_told_when_it_is_published_again(
    environ: dict[str, str], clock: Clock, smtp: MailServer
) -> None:
    async with offices.opened(environ, clock) as office:
        queue = office.container.queue
        comment_id = await confirmed(office, smtp, notify_published=True)
        await office.decide([comment_id])
        await office.undo([comment_id])
        assert await queue.deliver_due(AUTHOR_NOTICE) == 0
        await office.decide([comment_id])
        assert await queue.deliver_due(AUTHOR_NOTICE) == 1
        for decision in (Decision.UNDO, Decision.APPROVE, Decision.SPAM, Decision.APPROVE):
            await office.decide([comment_id], decision, expected=None)
            assert await queue.deliver_due(AUTHOR_NOTICE) == 0
        assert len(smtp.to(ADDRESS)) == 2


async def test_a_reply_below_a_comment_that_is_gone_is_nothing_to_tell_of(
    environ: dict[str, str], clock: Clock, smtp: MailServer
) -> None:
    async with offices.opened(environ, clock) as office:
        queue = office.container.queue
        parent = await confirmed(office, smtp, notify_replies=True)
        await office.decide([parent])
        [reply] = await office.post(body="Grazie!", author_email="bruno@example.com", parent_id=parent)
        await office.decide([reply])
        await office.decide([parent], Decision.REJECT, expected=None)
        assert await queue.deliver_due(AUTHOR_NOTICE) == 0
        assert len(smtp.to(ADDRESS)) == 1


async def test_of_very_many_replies_an_author_is_told_so_many_a_day_and_then_how_many_more_there_were(
    environ: dict[str, str], clock: Clock, smtp: MailServer
) -> None:
    async with offices.opened(environ, clock) as office:
        queue = office.container.queue
        parent = await confirmed(office, smtp, notify_replies=True)
        await office.decide([parent])

        async def reply(count: int) -> int:
            ids = await office.post(count, body="Grazie!", author_email="bruno@example.com", parent_id=parent)
            await office.decide(ids)
            return await queue.deliver_due(AUTHOR_NOTICE)

        assert await reply(REPLIES_OF_ADDRESS - 1) == REPLIES_OF_ADDRESS - 1
        clock.advance(minutes=1)
        assert await reply(3) == 1
        clock.advance(minutes=1)
        assert await reply(1) == 0
        clock.advance(days=1)
        assert await reply(2) == 2
        first, second = (" ".join(mail.text().split()) for mail in smtp.to(ADDRESS)[-2:])
        assert "Prima ci sono state altre 3 risposte" in first + second
        assert (first + second).count("Prima ci sono state") == 1
