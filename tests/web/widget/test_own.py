"""What is the visitor's own: the comment that waits, name and address, the draft on a slow or dying network."""

import json
from functools import partial
from urllib.parse import urlsplit

from aiohttp import ClientSession
from playwright.async_api import Browser, Page, Route, expect

from moderation_service.domain.comments.markup import rendering
from tests.support.posting import decide
from tests.support.running import Running, until
from tests.support.website import Website
from tests.support.widget import THANKS, Visitor, a_page, published, waiting_of

STORED = "Object.keys(localStorage) + '|' + Object.keys(sessionStorage)"


async def test_authors_see_edit_and_withdraw_what_waits_also_after_a_reload(
    http: ClientSession, site: Website, service: Running, page: Page
) -> None:
    first = await published(http, site, author_name="Bruno", body="primo")
    site.element(service.url)
    await page.goto(site.url)
    await page.get_by_role("button", name="Rispondi a Bruno").click()
    visitor = Visitor(page)
    await visitor.send(body="risposta *mia*")
    await expect(visitor.note).to_have_text(THANKS)
    assert await page.evaluate(STORED) == "|moderated-comments receipts"
    await page.reload()
    own = page.locator(f"#comment-{first} + .mine")
    await expect(own.locator(".body em")).to_have_text("mia")
    await expect(own).to_contain_text("In attesa di approvazione: lo vedi solo tu")
    await expect(own).to_contain_text("Giuliana")

    await own.get_by_role("button", name="Modifica").press("Enter")
    text = own.get_by_role("textbox")
    await expect(text).to_be_focused()
    await text.fill("  ")
    await own.get_by_role("button", name="Salva").click()
    await expect(own.get_by_role("status")).not_to_be_empty()
    await text.fill("risposta **nuova**")
    await own.get_by_role("button", name="Salva").click()
    await expect(own.locator(".body strong")).to_have_text("nuova")
    await expect(own).to_be_focused()
    [waiting] = await waiting_of(http, site)
    assert (waiting["parent_id"], waiting["body"]) == (first, "risposta **nuova**")

    withdraw = own.get_by_role("button", name="Ritira")
    await withdraw.click()
    await expect(own).to_contain_text("Ritirare questo commento?")
    await own.get_by_role("button", name="Annulla").press("Enter")
    await expect(own.get_by_role("button", name="Modifica")).to_be_focused()
    await withdraw.click()
    await withdraw.click()
    await expect(own).to_have_text("Il tuo commento è stato ritirato.")
    assert await waiting_of(http, site) == []
    assert await page.evaluate(STORED) == "|"

    # What was decided meanwhile is a comment like any other, and the device forgets its receipt.
    await visitor.send(body="ancora")
    await expect(visitor.note).to_have_text(THANKS)
    await decide(http, "approve", (await waiting_of(http, site))[0]["id"])
    await page.reload()
    await expect(page.locator("article .body").last).to_have_text("ancora")
    await until(partial(page.evaluate, f"{STORED} === '|'"))
    await expect(page.locator(".mine")).to_have_count(0)


async def test_a_device_remembers_name_address_and_receipt_where_the_visitor_ticks_it(
    browser: Browser, http: ClientSession, site: Website, service: Running, page: Page
) -> None:
    site.element(service.url)
    await page.goto(site.url)
    visitor = Visitor(page)
    await page.get_by_role("checkbox", name="Ricorda i miei dati").check()
    await visitor.send(body="mio")
    await expect(visitor.note).to_have_text(THANKS)
    state = await page.context.storage_state()
    assert state["cookies"] == []
    async with a_page(browser, storage_state=state) as later:
        await later.goto(f"{site.url}/altra")
        await expect(later.get_by_role("textbox", name="Nome")).to_have_value("Giuliana")
        await expect(later.get_by_role("textbox", name="E-mail")).to_have_value("giuliana@example.com")
        await expect(later.get_by_role("textbox", name="Commento")).to_have_value("")
        await later.goto(site.url)
        await expect(later.locator(".mine .body")).to_have_text("mio")
        await later.get_by_role("checkbox", name="Ricorda i miei dati").uncheck()
        await later.reload()
        await expect(later.get_by_role("textbox", name="Nome")).to_have_value("")
        assert "author" not in await later.evaluate(STORED)
    assert len(await waiting_of(http, site)) == 1


async def test_a_network_that_dies_while_sending_costs_neither_the_text_nor_a_second_comment(
    http: ClientSession, site: Website, service: Running, page: Page
) -> None:
    keys: list[str] = []
    held: list[str] = []

    async def swallow(route: Route) -> None:
        """Bring the comment to the service, and never an answer back."""
        request = route.request
        keys.append(request.headers["idempotency-key"])
        headers = {name: request.headers[name] for name in ("idempotency-key", "content-type")}
        async with http.post(urlsplit(request.url).path, data=request.post_data, headers=headers) as answer:
            held.append((await answer.json())["id"])

    site.element(service.url)
    await page.clock.install()
    await page.route("**/api/v1/comments", swallow, times=1)
    await page.goto(site.url)
    visitor = Visitor(page)
    await visitor.send(body="sulla linea lenta")
    await expect(page.get_by_role("button", name="Invio in corso…")).to_be_visible()
    await until(lambda: held)
    await page.clock.fast_forward(40_000)
    await expect(visitor.note).to_contain_text("Non inviato.")
    await visitor.kept("sulla linea lenta")
    page.on("request", lambda one: keys.append(one.headers["idempotency-key"]) if one.method == "POST" else None)
    await page.reload()
    await visitor.kept("sulla linea lenta")
    await visitor.button.click()
    await expect(visitor.note).to_have_text(THANKS)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert [one["id"] for one in await waiting_of(http, site)] == held


async def test_the_preview_shows_usual_markup_as_the_service_will(
    site: Website, service: Running, page: Page
) -> None:
    site.element(service.url)
    await page.goto(site.url)
    await page.get_by_text("Anteprima").click()
    for text in (
        "uno\ndue\n\ntre",
        "*a* **b** _c_ `d *e*` 2 * 3 * 4",
        "> citata\n> ancora\n\nfine",
        "- uno\n- due *x*",
        "1. uno\n2. due",
        "```\ncodice <b>\n\nancora\n```",
        "[qui](https://www.example.org/a?b=1&c=2) e https://www.example.org/x.",
        '<b onclick="alert(1)">x</b> & "y" [z](javascript:alert(1))',
    ):
        await page.get_by_role("textbox", name="Commento").fill(text)
        shown = await page.locator("details .body").inner_html()
        assert shown.replace("\n", "") == rendering(text).html.replace("\n", "")


async def test_a_page_that_takes_no_comments_any_more_shows_them_without_a_form(
    http: ClientSession, site: Website, page: Page
) -> None:
    await published(http, site, body="prima")
    await page.goto(site.url)
    await page.get_by_role("textbox", name="Commento").fill("una bozza")

    async def close(route: Route) -> None:
        answer = await route.fetch()
        found = await answer.json()
        found["form"]["is_closed"] = True
        await route.fulfill(response=answer, body=json.dumps(found))

    await page.route("**/api/v1/comments?*", close)
    await page.reload()
    await expect(page.locator("article .body")).to_have_text("prima")
    await expect(page.get_by_text("I commenti sono chiusi.")).to_be_visible()
    await expect(page.locator("form")).to_be_hidden()
    await expect(page.get_by_role("button", name="Rispondi")).to_have_count(0)
