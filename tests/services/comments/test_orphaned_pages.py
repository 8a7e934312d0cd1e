"""Comments on an origin that their site no longer lists are named everywhere, with the command that moves them."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from moderation_service.cli import main
from moderation_service.domain.moderation.decisions import Decision
from moderation_service.storage.comments.orphaned_pages import Orphans
from tests.conftest import Clock, Start
from tests.support.desk import cookieless, logged_in
from tests.support.factories import PAGE, SITES
from tests.support.office import opened
from tests.support.smtp import MailServer

FORMER = "https://alt.example.org"
COMMAND = f"moderation-service pages move --prefix {FORMER}/ https://www.example.org/"


def listing(environ: dict[str, str], *origins: str) -> None:
    """Let the first site list these origins."""
    listed = ", ".join(f'"{one}"' for one in origins)
    text = SITES.replace('["https://www.example.org"]', f"[{listed}]", 1)
    Path(environ["MODERATION_SITES"]).write_text(text, encoding="utf-8")


@pytest.fixture(autouse=True)
async def orphans(environ: dict[str, str], clock: Clock) -> None:
    """Three comments, of which one is published and one rejected, on an origin that is taken out of the file."""
    listing(environ, "https://www.example.org", FORMER)
    async with opened(environ, clock) as office:
        ids = await office.post(3, page_url=f"{FORMER}/a")
        await office.decide(ids[:1])
        await office.decide(ids[1:2], Decision.REJECT)
        await office.post(1, page_url=PAGE)
    listing(environ, "https://www.example.org")


async def test_readiness_and_log_name_them_until_the_command_moved_them(
    environ: dict[str, str], clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    async with opened(environ, clock) as office:
        pages = office.container.web.orphaned_pages
        assert await office.degraded() == ["orphaned_pages"]
        assert await pages.find() == [Orphans(site_id="coop", origin=FORMER, waiting=1, approved=1)]
        assert COMMAND in caplog.text
        words = COMMAND.split()[1:]
        moved = await asyncio.to_thread(CliRunner().invoke, main, words)
        assert "1 page with 3 comments is moved." in moved.output
        await office.container.tail.look()
        await pages.look()
        assert await office.degraded() == []
        listed = await office.container.web.listings.of_page(
            office.container.directory.page_of("https://www.example.org/a"),
            after=None,
            limit=9,
            newest_first=False,
        )
        assert listed.count == 1


async def test_check_names_them(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    said = await asyncio.to_thread(CliRunner().invoke, main, ["check"])
    assert f"1 comments wait and 1 are published on pages of {FORMER}" in said.output
    assert COMMAND in said.output


async def test_the_desk_names_them_to_the_moderators_of_the_site(start: Start, smtp: MailServer) -> None:
    service = await start()
    async with cookieless(service.url) as http:
        browser = await logged_in(http, smtp)
        text = await (await browser.get("/desk")).text()
    assert FORMER in text
    assert COMMAND in text
