"""Rows are compared when no worker holds any of them."""

from datetime import timedelta

from moderation_service.domain.moderation.decisions import Decision
from moderation_service.domain.moderation.statements import STATEMENT, STATEMENT_WAITS
from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.storage.notifications import deliveries
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.authors import confirmed
from tests.support.rows import is_settled
from tests.support.smtp import MailServer


async def test_what_was_put_off_is_settled_until_a_worker_takes_it_and_again_when_it_is_written_down(
    environ: dict[str, str], clock: Clock, smtp: MailServer
) -> None:
    async with offices.opened(environ, clock) as office:
        comment_id = await confirmed(office, smtp, notify_published=True)
        await office.container.delivery.deliver_due()
        await office.decide([comment_id], Decision.REJECT)
        assert await is_settled(office.database)
        clock.advance(seconds=STATEMENT_WAITS.total_seconds())
        async with office.database.write() as connection:
            taken = await deliveries.claim(
                connection, STATEMENT, now=clock(), lease=timedelta(hours=1), token="a-worker"
            )
        assert taken is not None
        assert not await is_settled(office.database)
        async with office.database.write() as connection:
            assert await deliveries.release(connection, taken, state=DeliveryState.SENT, sent_at=clock())
        assert await is_settled(office.database)
