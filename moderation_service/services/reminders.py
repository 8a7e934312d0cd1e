"""Nothing rots: what nobody decides is told of again, and what waits for people who left finds others."""

from datetime import datetime, timedelta

import structlog

from moderation_service.domain import notices
from moderation_service.services.directory import Directory
from moderation_service.storage import outbox, people
from moderation_service.storage.database import Database
from moderation_service.storage.outbox import Reminder
from moderation_service.storage.stretches import MOST_ROWS

_log = structlog.stdlib.get_logger(__name__)


async def renew(database: Database, directory: Directory, *, now: datetime, after: timedelta) -> int:
    """Promise again what has been pending for longer than `after`; return to how many people.

    A person is reminded once of a comment and then every day, at most once in `after` or a day in all.
    """
    reminded = 0
    pace = min(after, notices.REMIND_EVERY)
    async with database.read() as connection:
        listed = [site.id for site in directory.sites]
        old = await outbox.sites_with_old(connection, listed, before=now - after)
        if not old:
            return 0
        candidates = await people.to_remind(connection, directory.person_ids(), before=now - pace, now=now)
    for person_id in candidates:
        site_ids = sorted(old & {site.id for site, _ in directory.parts_of(person_id)})
        renewed = 0
        for site_id in site_ids:
            wanted = Reminder(
                person_id=person_id,
                site_id=site_id,
                told_before=now - after,
                again_before=now - notices.REMIND_EVERY,
            )
            renewed += await _remind(database, wanted)
        if renewed:
            async with database.write() as connection:
                await people.note_reminder(connection, person_id, at=now)
            _log.info("mail.reminding", person=person_id, comments=renewed)
        reminded += bool(renewed)
    return reminded


async def _remind(database: Database, wanted: Reminder) -> int:
    """Promise again in stretches, which a reader finds, so that others may write meanwhile."""
    renewed = 0
    after = None
    while True:
        async with database.read() as connection:
            ids = await outbox.to_remind(connection, wanted, after=after, most=MOST_ROWS)
        if not ids:
            return renewed
        async with database.write() as connection:
            renewed += await outbox.remind(connection, wanted, ids)
        after = ids[-1]
