"""Reminders: what nobody decides is sent again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog

from moderation_service.domain.notifications import mail_interval
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.engine.database import Database
from moderation_service.storage.notifications import people
from moderation_service.storage.notifications import reminders as stored
from moderation_service.storage.notifications.reminders import Reminder

_log = structlog.stdlib.get_logger(__name__)


async def renew(database: Database, directory: Directory, *, now: datetime, after: timedelta) -> int:
    """Queue again what has been pending for longer than `after`; return to how many people.

    A person is reminded once of a comment and then every day, at most once in `after` or a day in all.
    """
    reminded = 0
    pace = min(after, mail_interval.REMIND_EVERY)
    async with database.read() as connection:
        listed = [site.id for site in directory.sites]
        old = await stored.sites_with_old(connection, listed, before=now - after, now=now)
        if not old:
            return 0
        candidates = await people.to_remind(connection, directory.person_ids(), before=now - pace, now=now)
    for person_id in candidates:
        renewed = 0
        for site, moderator in directory.roles_of(person_id):
            if site.id not in old:
                continue
            wanted = Reminder(
                person_id=person_id,
                site_id=site.id,
                moderator_id=moderator.id,
                notified_before=now - after,
                again_before=now - mail_interval.REMIND_EVERY,
                now=now,
            )
            renewed += await _remind(database, wanted, partial(site.tells, moderator))
        if renewed:
            async with database.write() as connection:
                await people.note_reminder(connection, person_id, at=now)
            _log.info("mail.reminding", person=person_id, comments=renewed)
        reminded += bool(renewed)
    return reminded


async def _remind(database: Database, wanted: Reminder, is_theirs: Callable[[str], bool]) -> int:
    """Queue again in batches, which a reader finds, so that others may write meanwhile.

    What is of a page that is not the moderator's any more is passed on, not sent again.
    """
    renewed = 0
    after = None
    while True:
        async with database.read() as connection:
            found = await stored.to_remind(connection, wanted, after=after, most=database.limits.batch_rows)
        if not found:
            return renewed
        if ids := [comment_id for comment_id, page_url in found if is_theirs(page_url)]:
            async with database.write() as connection:
                renewed += await stored.remind(connection, wanted, ids)
        after, _ = found[-1]
