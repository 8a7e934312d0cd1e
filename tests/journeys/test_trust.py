"""Giuliana ticks the boxes, confirms her address, and is known on her device from then on; in a real browser."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.conftest import ENGINES, Clock, Start
from tests.support.authors import mail_to, path_in
from tests.support.contract import client_of
from tests.support.posting import decide, post, queued
from tests.support.smtp import MailServer
from tests.support.website import website
from tests.support.widget import THANKS, Visitor, a_page

if TYPE_CHECKING:
    from playwright.async_api import Browser

GIULIANA = "giuliana@example.com"
TOKEN = "localStorage['moderated-comments token']"


def write_sites(environ: dict[str, str], sites: str) -> None:
    """Let the first site publish what comes from a proved address with an approved comment."""
    wanted = "[site.screening]\npublish_proved_after = 1\n\n[[site.moderator]]"
    Path(environ["MODERATION_SITES"]).write_text(sites.replace("[[site.moderator]]", wanted, 1), encoding="utf-8")


async def send_slowly(visitor: Visitor, clock: Clock, body: str, *ticks: str) -> None:
    """Write a comment in the time that a person takes, and tick boxes."""
    async with visitor.page.expect_response(lambda one: "/api/v1/stamp" in one.url):
        await visitor.fill(body)
        for name in ticks:
            await visitor.page.get_by_role("checkbox", name=name).check()
    clock.advance(seconds=30)
    await visitor.button.click()


@pytest.mark.parametrize("place", [ENGINES[0]], indirect=True)
async def test_an_author_proves_an_address_once_and_ends_all_mail_by_a_button(
    browser: "Browser", start: Start, environ: dict[str, str], smtp: MailServer, clock: Clock
) -> None:
    async with website() as site, a_page(browser) as page:
        write_sites(environ, site.sites())
        service = await start(clock=clock)
        site.element(service.url)
        async with client_of(service.url) as http:
            address = f"{site.url}/chi-siamo"
            await page.goto(address)
            visitor = Visitor(page)
            await send_slowly(visitor, clock, "primo", "E-mail alla pubblicazione", "E-mail alle risposte")
            await expect(visitor.note).to_have_text(THANKS)
            await page.goto(service.url + path_in(await mail_to(smtp, GIULIANA)))
            await expect(page.locator(".text")).to_have_text("primo")
            await page.get_by_role("button", name="Conferma").click()
            await expect(page.get_by_role("status")).to_contain_text("Il tuo indirizzo è confermato.")
            await page.get_by_role("link", name="Torna alla pagina").click()
            await expect(page.get_by_role("textbox", name="Commento")).to_be_visible()
            assert page.url == address, "what is for the widget alone is taken out of the address"
            assert len(await page.evaluate(TOKEN)) > 40
            assert (await page.context.storage_state())["cookies"] == []

            [first] = await queued(http)
            await decide(http, "approve", first["id"])
            assert f"{address}#comment-{first['id']}" in (await mail_to(smtp, GIULIANA, count=2)).links()
            await page.reload()
            await send_slowly(visitor, clock, "secondo")
            await expect(visitor.note).to_have_text(THANKS)
            await page.reload()
            await expect(page.locator("article .body").last).to_have_text("secondo")
            await expect(page.locator(".mine")).to_have_count(0)

            answer: dict[str, Any] = {
                "page_url": address,
                "author_name": "Bruno",
                "author_email": "bruno@example.com",
            }
            reply = await post(http, body="Grazie!", parent_id=first["id"], **answer)
            await decide(http, "approve", reply["id"])
            await page.goto(service.url + path_in(await mail_to(smtp, GIULIANA, count=3)))
            await page.get_by_role("button", name="Niente più e-mail su questo commento").click()
            await expect(page.get_by_role("status")).to_contain_text("Non riceverai più queste e-mail.")
