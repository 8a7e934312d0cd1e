"""A moderator who comments is told nothing that they know, and nobody is silenced by a typed address."""

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from moderation_service.storage.database import Database
from moderation_service.storage.tables import promises
from tests.desk import a_comment, logged_in, status_of
from tests.factories import OTHER_API_KEY, OTHER_PAGE
from tests.mailed import ANNA, OLGA, PAUL
from tests.smtp import MailServer


@pytest.mark.parametrize("typed", [ANNA, "Anna@EXAMPLE.org"])
async def test_a_moderator_is_not_mailed_their_own_comment_and_the_others_are(
    http: ClientSession, smtp: MailServer, database: Database, typed: str
) -> None:
    comment_id = await a_comment(http, author_email=typed)
    [mail] = await smtp.wait_for(1)
    assert mail.recipients == (PAUL,)
    async with database.read() as connection:
        assert list((await connection.execute(select(promises.c.moderator_id))).scalars()) == ["paul"]
    assert await status_of(http, comment_id) == "pending"
    assert list(await (await logged_in(http, smtp)).shown()) == [comment_id]


async def test_the_address_of_a_pages_only_moderator_silences_nothing_and_publishes_nothing(
    http: ClientSession, smtp: MailServer
) -> None:
    comment_id = await a_comment(http, author_email=OLGA, page_url=OTHER_PAGE)
    [mail] = await smtp.wait_for(1)
    assert mail.recipients == (OLGA,)
    assert await status_of(http, comment_id, OTHER_API_KEY) == "pending"


async def test_a_moderator_of_another_site_changes_nothing_about_who_is_told(
    http: ClientSession, smtp: MailServer
) -> None:
    await a_comment(http, author_email=OLGA)
    mails = await smtp.wait_for(2)
    assert sorted(one.recipients[0] for one in mails) == [ANNA, PAUL]
