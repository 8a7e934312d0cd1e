"""A moderator who comments is not notified of their own, and a typed address keeps nobody from being notified."""

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from moderation_service.runtime import container
from moderation_service.services.accounts import sites_file
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import notifications
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.desk import a_comment, logged_in, status_of
from tests.support.factories import OTHER_API_KEY, OTHER_PAGE
from tests.support.mailed import ANNA, OLGA, PAUL
from tests.support.office import Office
from tests.support.smtp import MailServer


@pytest.mark.parametrize("typed", [ANNA, "Anna@EXAMPLE.org"])
async def test_a_moderator_is_not_mailed_their_own_comment_and_the_others_are(
    http: ClientSession, smtp: MailServer, database: Database, typed: str
) -> None:
    comment_id = await a_comment(http, author_email=typed)
    [mail] = await smtp.wait_for(1)
    assert mail.recipients == (PAUL,)
    async with database.read() as connection:
        assert list((await connection.execute(select(notifications.c.moderator_id))).scalars()) == ["paul"]
    assert await status_of(http, comment_id) == "pending"
    assert list(await (await logged_in(http, smtp)).shown()) == [comment_id]


async def test_the_address_of_a_pages_only_moderator_holds_nothing_back_and_publishes_nothing(
    http: ClientSession, smtp: MailServer
) -> None:
    comment_id = await a_comment(http, author_email=OLGA, page_url=OTHER_PAGE)
    [mail] = await smtp.wait_for(1)
    assert mail.recipients == (OLGA,)
    assert await status_of(http, comment_id, OTHER_API_KEY) == "pending"


async def test_a_moderator_of_another_site_changes_nothing_about_who_is_notified(
    http: ClientSession, smtp: MailServer
) -> None:
    await a_comment(http, author_email=OLGA)
    mails = await smtp.wait_for(2)
    assert sorted(one.recipients[0] for one in mails) == [ANNA, PAUL]


CARLA = '[[site.moderator]]\nid = "carla"\nname = "Carla"\nemail = "carla@example.org"\n\n'
_PAUL = r'\[\[site.moderator]]\nid = "paul"\n(?:.+\n)+\n'


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


async def _without_paul(office: Office, instead: str = "") -> None:
    file = office.container.settings.sites
    text, count = re.subn(_PAUL, instead, file.read_text())
    assert count == 1
    file.write_text(text)
    await office.container.reassignment.replace_sites(
        sites_file.load(file), now=office.clock(), new_id=container.new_id
    )


@pytest.mark.parametrize("typed", [ANNA, "Anna@EXAMPLE.org"])
@pytest.mark.parametrize("was_notified", [False, True])
async def test_a_moderator_inherits_their_own_comment_only_where_nobody_else_does(
    office: Office, typed: str, *, was_notified: bool
) -> None:
    [own] = await office.post(author_email=typed)
    [other] = await office.post()
    if was_notified:
        await office.delivery().deliver_due()
    annas = "told" if was_notified else "waiting"
    assert await office.states() == {(own, "paul"): annas, (other, "anna"): annas, (other, "paul"): annas}
    await _without_paul(office, CARLA)
    assert await office.states() == {
        (own, "paul"): "superseded",
        (own, "carla"): "waiting",
        (other, "anna"): annas,
        (other, "paul"): "superseded",
        (other, "carla"): "waiting",
    }


async def test_the_only_moderator_that_is_left_inherits_their_own_comment(office: Office) -> None:
    [own] = await office.post(author_email=ANNA)
    await _without_paul(office)
    assert await office.states() == {(own, "paul"): "superseded", (own, "anna"): "waiting"}
