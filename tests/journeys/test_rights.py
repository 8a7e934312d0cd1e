"""What an author and a reader may do, from the first word to the erasure, by mail and in a real browser."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Page, expect

from moderation_service.domain.errors import LinkInvalidError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.links import Links
from moderation_service.domain.moderation.statements import STATEMENT_WAITS
from moderation_service.locales import translations
from moderation_service.runtime import container
from moderation_service.services.operations import consistency
from moderation_service.storage.engine.database import Database
from tests.conftest import Clock, Start
from tests.support import traces
from tests.support.authors import mail_to, path_in
from tests.support.browser import opened
from tests.support.contract import client_of
from tests.support.desk_browser import at_its_own_address
from tests.support.factories import SECRET
from tests.support.mailed import ANNA
from tests.support.posting import decide, post
from tests.support.rows import settled, values
from tests.support.running import until
from tests.support.smtp import Mail, MailServer
from tests.support.website import Website, website
from tests.support.widget import a_page

AUTHOR, READER = "zelmira.zibaldone@quaderni.example.com", "zoe.zibaldoni@lettori.example.com"
CANARY = "zibald"
"""It stands in all that the author and the reader write."""


@dataclass(slots=True)
class Journey:
    """One author, in one browser and one language; `got` counts the mails that came to the author."""

    page: Page
    http: ClientSession
    smtp: MailServer
    clock: Clock
    url: str
    site: Website
    language: str
    has_script: bool
    got: int = 0
    comment_id: str = ""
    receipt: str = ""
    read: set[int] = field(default_factory=set)

    def say(self, text: str) -> str:
        return translations(self.language).gettext(text)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=self.say(name), exact=True).click()

    async def mail(self) -> Mail:
        """The next mail to the author."""
        self.got += 1
        return await mail_to(self.smtp, AUTHOR, count=self.got)

    async def see_page(self) -> None:
        """Look at the page of the website with its comments."""
        address = f"{self.url}/comments?page_url={quote(self.site.url)}/"
        await self.page.goto(f"{self.site.url}/" if self.has_script else address)

    async def shows(self, *texts: str) -> None:
        """Wait until everybody reads these comments, and no others."""
        await self.see_page()
        for place, text in enumerate(texts):
            await expect(self.page.locator("article").nth(place)).to_contain_text(text)
        await expect(self.page.locator("article")).to_have_count(len(texts))

    async def write(self, body: str) -> None:
        """Write a comment in the time that a person takes, and ask for every mail."""
        await self.see_page()
        await self.page.get_by_role("textbox", name=self.say("Comment")).fill(body)
        await self.page.get_by_role("textbox", name=self.say("Name")).fill("Zelmira Zibaldona")
        await self.page.get_by_role("textbox", name=self.say("E-mail")).fill(AUTHOR)
        for box in ("E-mail me when it is published", "E-mail me when somebody replies"):
            await self.page.get_by_role("checkbox", name=self.say(box)).check()
        self.clock.advance(seconds=30)
        await self.press("Send comment")
        await expect(self.page.locator(".note")).to_contain_text(self.say("Thank you, your comment has arrived."))

    async def edit(self, body: str) -> None:
        await self.page.goto(self.receipt)
        await self.page.get_by_role("textbox", name=self.say("Comment")).fill(body)
        await self.press("Save changes")
        await expect(self.page.get_by_role("status")).to_contain_text(self.say("Your changes have been saved."))

    async def own_page_says(self, text: str) -> None:
        await self.page.goto(self.receipt)
        await expect(self.page.locator("main")).to_contain_text(self.say(text))

    async def ask_for(self, wish: str) -> None:
        """Ask for something about all that is kept, and open the link that is mailed."""
        await self.page.goto(self.receipt)
        await self.page.get_by_text(self.say("Your data"), exact=True).click()
        await self.press(wish)
        await expect(self.page.get_by_role("status")).to_be_visible()
        [link] = {one for one in (await self.mail()).links() if "/personal-data/" in one}
        await self.page.goto(link)

    async def link_to_anna(self, decision: str) -> str:
        """The address of a decision on the comment in a mail to a moderator that was not looked at before."""
        links = [
            (number, link)
            for number, mail in enumerate(self.smtp.to(ANNA))
            for link in mail.links()
            if number not in self.read and link.endswith(f"/{decision}") and self._is_of_it(link)
        ]
        if not links:
            return ""
        self.read.add(links[-1][0])
        return links[-1][1]

    def _is_of_it(self, link: str) -> bool:
        try:
            return (
                Links(KeyRing((SECRET,)), self.clock).read(urlsplit(link).path.split("/")[-2]).comment_id
                == self.comment_id
            )
        except LinkInvalidError:
            return False

    async def anna_decides(self, decision: str) -> None:
        """Let a moderator open the newest mail about the comment, and press the button."""
        link = ""

        async def has_come() -> bool:
            nonlocal link
            link = await self.link_to_anna(decision) or link
            return bool(link)

        await until(has_come)
        async with self.beside() as page:
            await page.goto(link)
            await page.locator(f".foot button.full, .row-of button.{decision}").first.click()
            await expect(page.locator(".band")).to_be_visible()

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[Page]:
        """Another window of the browser, for somebody else."""
        page = await self.page.context.new_page()
        yield page
        await page.close()


@pytest.fixture
async def site() -> AsyncIterator[Website]:
    async with website() as elsewhere:
        yield elsewhere


@pytest.mark.parametrize(
    ("place", "language", "has_script"),
    [("sqlite", "it", True), ("postgresql", "de", False)],
    indirect=["place"],
    ids=["with JavaScript in Italian", "without JavaScript in German"],
)
async def test_an_author_and_a_reader_go_the_whole_way(
    browser: Browser,
    start: Start,
    site: Website,
    smtp: MailServer,
    clock: Clock,
    database: Database,
    tmp_path: Path,
    language: str,
    has_script: bool,  # noqa: FBT001 - a case
) -> None:
    clock.now = container.utc_now()
    sites = tmp_path / "website.toml"
    sites.write_text(site.sites().replace('language = "it"', f'language = "{language}"', 1), encoding="utf-8")
    service = await at_its_own_address(start, clock=clock, sites=str(sites))
    site.element(service.url)
    window = a_page(browser, locale=f"{language}-{language.upper()}")
    if not has_script:
        window = opened(browser, language=f"{language}-{language.upper()}")
    async with window as page, client_of(service.url) as http:
        journey = Journey(page, http, smtp, clock, service.url, site, language, has_script)
        await write_and_be_published(journey)
        await get_a_reply_and_no_more(journey)
        await edit_what_is_public(journey)
        await object_to_a_rejection(journey)
        await report_and_be_told(journey)
        await settled(database)
        await have_a_copy_and_erase(journey)
        differences = await consistency.differences(database)
        assert not any(differences.values()), differences
        feed = await (await http.get("/api/v1/changes?site=coop&after=0")).json()
        assert [one["type"] for one in feed["changes"] if one["comment_id"] == journey.comment_id] == ["erased"]
        files = {} if language == "de" else await files_once_purged(tmp_path / "test.db")
        for where, content in (await values(database) | files).items():
            assert CANARY.encode() not in content.lower(), where
            assert not traces.found(content, (AUTHOR, READER)), where


async def write_and_be_published(journey: Journey) -> None:
    """Post, see it wait, confirm the address, edit, be approved and get the mail."""
    page = journey.page
    await journey.write("zibaldone primo")
    if journey.has_script:
        await expect(page.locator(".mine .body")).to_have_text("zibaldone primo")
    await page.goto(journey.url + path_in(await journey.mail()))
    await journey.press("Confirm")
    await expect(page.get_by_role("status")).to_contain_text(journey.say("Your address is confirmed."))
    own = page.get_by_role("link", name=journey.say("Look at your comment"))
    journey.receipt = f"{journey.url}{await own.get_attribute('href')}"
    await own.click()
    await expect(page.locator("main")).to_contain_text(journey.say("It is waiting for approval."))
    journey.comment_id = (await (await journey.http.get(_api(journey.receipt))).json())["id"]
    await journey.edit("zibaldone secondo")
    await journey.anna_decides("approve")
    published = await journey.mail()
    assert f"{journey.site.url}/#comment-{journey.comment_id}" in published.links()
    assert "zibaldone secondo" in published.text()
    await journey.shows("zibaldone secondo")


async def get_a_reply_and_no_more(journey: Journey) -> None:
    """Be told of a reply, and not of the next one: mail ends by a button."""

    async def reply(body: str) -> None:
        answer: dict[str, Any] = {"page_url": f"{journey.site.url}/", "parent_id": journey.comment_id}
        olaf: dict[str, Any] = {"author_name": "Olaf", "author_email": "olaf@example.net"}
        await decide(journey.http, "approve", (await post(journey.http, body=body, **answer, **olaf))["id"])

    await reply("la prima risposta")
    mail = await journey.mail()
    assert "la prima risposta" in mail.text()
    if journey.has_script:
        [own] = {link for link in mail.links() if "/receipts/" in link}
        await journey.page.goto(own)
        await journey.page.locator("button[name=end][value=replies]").click()
    else:
        await journey.page.goto(journey.url + path_in(mail))
        await journey.press("Stop e-mails about this comment")
    await expect(journey.page.get_by_role("status")).to_contain_text(
        journey.say("You will get no more of these e-mails.")
    )
    await reply("la seconda risposta")


async def edit_what_is_public(journey: Journey) -> None:
    """Everybody reads the old text until a moderator has approved the new one."""
    await journey.edit("zibaldone terzo")
    await expect(journey.page.locator("main")).to_contain_text(journey.say("Your change is waiting for approval"))
    await journey.shows("zibaldone secondo", "la prima risposta", "la seconda risposta")
    await journey.anna_decides("approve")
    await journey.shows("zibaldone terzo", "la prima risposta", "la seconda risposta")
    await journey.own_page_says("It has been published.")


async def object_to_a_rejection(journey: Journey) -> None:
    """A rejection is stated by mail, if that was not ended, and by the page; one objection brings it back."""
    journey.read.clear()
    await journey.anna_decides("reject")
    journey.clock.advance(seconds=STATEMENT_WAITS.total_seconds())
    if journey.has_script:
        [journey.receipt] = {link for link in (await journey.mail()).links() if "/receipts/" in link}
    await journey.own_page_says("Your comment has been taken down")
    journey.read = set(range(len(journey.smtp.to(ANNA))))
    why = journey.page.get_by_role("textbox", name=journey.say("Why should the comment be published?"))
    await why.fill("Zibaldone non è un insulto.")
    await journey.press("Object")
    await expect(journey.page.get_by_role("status")).to_contain_text(journey.say("Your objection has been sent."))
    await journey.anna_decides("approve")
    await journey.own_page_says("It has been published.")


async def report_and_be_told(journey: Journey) -> None:
    """A reader reports the comment, and learns what comes of it."""
    journey.read = set(range(len(journey.smtp.to(ANNA))))
    await journey.see_page()
    async with journey.beside() as page:
        link = journey.page.locator(f'a[href*="{journey.comment_id}/report"]').first
        await page.goto(
            await link.evaluate("one => one.href") if journey.has_script else await _href(link, journey)
        )
        await page.get_by_role("combobox").select_option("personal_data")
        await page.locator("#explanation").fill("Qui si parla di Zibaldoni.")
        await page.locator("#reporter_email").fill(READER)
        await page.locator("#report button").click()
        await expect(page.get_by_role("status")).to_be_visible()
        await page.goto(journey.url + path_in(await mail_to(journey.smtp, READER)))
        await page.get_by_role("button", name=journey.say("Confirm"), exact=True).click()
        await expect(page.get_by_role("status")).to_be_visible()
        received = await mail_to(journey.smtp, READER, count=2)
        assert journey.say("We have received your report") in str(received.message["Subject"])
    await journey.anna_decides("approve")
    journey.clock.advance(seconds=STATEMENT_WAITS.total_seconds())
    told = await mail_to(journey.smtp, READER, count=3)
    assert journey.say("The comment that you reported stays published") in str(told.message["Subject"])


async def have_a_copy_and_erase(journey: Journey) -> None:
    """All that is kept is in one file, and then nowhere."""
    page = journey.page
    await journey.ask_for("Send the link for a copy")
    async with page.expect_download() as begun:
        await journey.press("Download the file")
    copy = json.loads(_text(Path(await (await begun.value).path())))
    assert copy["author_email"] == AUTHOR
    assert [(one["body"], one["objection"]) for one in copy["comments"]] == [
        ("zibaldone terzo", "Zibaldone non è un insulto.")
    ]
    await journey.ask_for("Send the link to erase it")
    await journey.press("Erase everything")
    await expect(page.get_by_role("status")).to_be_visible()
    gone = await page.goto(journey.receipt)
    assert gone is not None
    assert gone.status == 404
    await journey.shows("la prima risposta", "la seconda risposta")


async def files_once_purged(database: Path) -> dict[str, bytes]:
    """The files of a database once its log was cut off, and a copy of it."""
    await until(lambda: CANARY.encode() not in b"".join(_files(database).values()).lower())
    shutil.copy(database, database.with_name(f"{database.name}.copied"))
    return _files(database)


def _files(database: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in database.parent.iterdir() if one.name.startswith(database.name)}


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _api(receipt: str) -> str:
    return f"/api/v1{urlsplit(receipt).path}"


async def _href(link: object, journey: Journey) -> str:
    found = await link.get_attribute("href")  # type: ignore[attr-defined]
    return f"{journey.url}{found}"
