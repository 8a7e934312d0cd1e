"""The desk as people meet it: a real browser, with keys, with a thumb, with scripts and without."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.support.desk import a_comment, cookieless, replace_sites
from tests.support.desk_browser import (
    PHONE,
    SCREEN,
    at_its_own_address,
    enter_desk,
    violations,
    violations_in_both_schemes,
)
from tests.support.factories import SITES
from tests.support.posting import decide, path_of, post
from tests.support.running import Running, until
from tests.support.seeding import stored
from tests.support.smtp import MailServer

ARTICLES = "article[data-id]"
SMALL_TARGETS = """() => [...document.querySelectorAll(
  "button, input:not([type=hidden]):not([type=checkbox]), summary:not(.long *), label:has(input), nav a"
)].filter((one) => one.checkVisibility())
  .filter((one) => one.getBoundingClientRect().height < 44 || one.getBoundingClientRect().width < 24)
  .map((one) => one.outerHTML)"""


@pytest.fixture
async def place(tmp_path: object) -> str:
    """One engine is enough for what a browser shows."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
async def desk(start: Callable[..., Awaitable[Running]]) -> Running:
    return await at_its_own_address(start, screening="off")


@pytest.fixture
async def http(desk: Running) -> AsyncIterator[ClientSession]:
    async with cookieless(desk.url) as session:
        yield session


async def waiting(http: ClientSession, count: int) -> list[str]:
    return [await a_comment(http, author_name=f"Nome {n}", body=f"numero {n}") for n in range(count)]


async def listening(context: BrowserContext) -> list[str]:
    """Errors of scripts and of the policy, as the browser says them."""
    errors: list[str] = []
    context.on("weberror", lambda one: errors.append(str(one.error)))
    context.on("console", lambda one: errors.append(one.text) if "Content Security" in one.text else None)
    return errors


async def focused(page: Page) -> str:
    return str(await page.evaluate("document.activeElement.id || document.activeElement.outerHTML"))


async def test_a_moderator_logs_in_from_the_mail_decides_and_takes_it_back(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    first, second = await waiting(http, 2)
    context = await browser.new_context(viewport=SCREEN)
    errors = await listening(context)
    page = await enter_desk(context, http, smtp)
    await expect(page.locator("h1")).to_have_text("In attesa: 2")
    await expect(page).to_have_title("(2) In attesa – Moderazione")
    card = page.locator(f"#c-{first}")
    await card.get_by_role("button", name="Approva").click()
    await expect(card).to_have_class(re.compile("decided"))
    await expect(page.locator("h1")).to_have_text("In attesa: 1")
    await expect(page).to_have_title("(1) In attesa – Moderazione")
    await expect(page.locator("[data-count='state:approved']")).to_have_text("1")
    await expect(page.locator("#live")).to_have_text("Un commento approvato.")
    await expect(page.locator(f"#c-{second}")).to_be_focused()
    assert (await http.get(f"/api/v1/comments/{first}")).status == 200
    await card.get_by_role("button", name="Annulla").click()
    await expect(card).not_to_have_class(re.compile("decided"))
    assert (await http.get(f"/api/v1/comments/{first}")).status == 404
    assert errors == []


async def test_a_queue_of_fifty_is_emptied_by_keys_alone(
    browser: Browser, http: ClientSession, smtp: MailServer, desk: Running
) -> None:
    ids = await stored(desk, (f"numero {n}" for n in range(50)))
    context = await browser.new_context(viewport=SCREEN, locale="en")
    page = await enter_desk(context, http, smtp, "paul@example.org")
    await page.keyboard.press("a")
    await expect(page.locator(f"#c-{ids[0]}")).to_be_focused()
    await expect(page.locator("article.decided")).to_have_count(0)
    for number, comment_id in enumerate(ids):
        await expect(page.locator(f"#c-{comment_id}")).to_be_focused()
        await page.keyboard.press("ars"[number % 3])
        await expect(page.locator(f"#c-{comment_id}")).to_have_class(re.compile("decided"))
    await expect(page.locator("#done a")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Pending: 0")
    await expect(page.get_by_role("heading", name="No comments are waiting")).to_be_visible()
    await expect(page.get_by_text("Today: 17 approved, 17 rejected, 16 marked as spam.")).to_be_visible()


async def test_keys_move_select_undo_and_explain_themselves(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    first, second, third = await waiting(http, 3)
    context = await browser.new_context(viewport=SCREEN, locale="en")
    page = await enter_desk(context, http, smtp, "paul@example.org")
    for key, expected in (("j", first), ("j", second), ("j", third), ("j", third), ("k", second)):
        await page.keyboard.press(key)
        assert await focused(page) == f"c-{expected}"
    await page.keyboard.press("r")
    await expect(page.locator(f"#c-{third}")).to_be_focused()
    await page.keyboard.press("u")
    await expect(page.locator("#live")).to_have_text("One decision undone.")
    await expect(page.locator("article.decided")).to_have_count(0)
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    await page.keyboard.press("a")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("x")
    await expect(page.locator("#selected")).to_have_text("1 selected")
    await page.keyboard.press("x")
    await expect(page.locator("#selected")).to_contain_text("Decide one at a time")
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.type("arsx")
    await expect(page.locator("article.decided")).to_have_count(0)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="No results for “arsx”")).to_be_visible()
    await page.get_by_role("link", name="arsx remove this filter").click()
    await expect(page.locator(ARTICLES)).to_have_count(3)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/desk/comments/{first}")


async def test_many_are_selected_and_decided_at_once(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    await waiting(http, 3)
    context = await browser.new_context(viewport=SCREEN)
    page = await enter_desk(context, http, smtp)
    spam = page.locator(".bar button[value=spam]")
    await spam.click()
    await expect(page.locator("#live")).to_have_text("Non hai selezionato alcun commento.")
    await page.locator("#all input").check()
    await expect(page.locator("#selected")).to_have_text("3 selezionati")
    await page.locator(f"{ARTICLES} .pick input").nth(1).uncheck()
    await spam.click()
    await expect(page.locator("#live")).to_have_text("2 commenti contrassegnati come spam.")
    await expect(page.locator("article.decided")).to_have_count(2)
    await expect(page.locator(f"{ARTICLES}").nth(1)).to_be_focused()


async def test_without_scripts_all_of_it_works(browser: Browser, http: ClientSession, smtp: MailServer) -> None:
    await waiting(http, 3)
    context = await browser.new_context(viewport=SCREEN, java_script_enabled=False)
    page = await enter_desk(context, http, smtp)
    assert await page.locator("#keys").is_hidden()
    await page.locator(ARTICLES).first.get_by_role("button", name="Rifiuta").click()
    await expect(page.locator("#said")).to_have_text("Un commento rifiutato.")
    await page.locator(".lasts").get_by_role("button", name="Annulla").click()
    await expect(page.locator("#said")).to_have_text("Una decisione annullata.")
    for check in await page.locator(f"{ARTICLES} .pick input").all():
        await check.check()
    await page.locator(".bar button[value=approve]").click()
    await expect(page.locator("#said")).to_have_text("3 commenti approvati.")
    await expect(page.locator("h1")).to_have_text("In attesa: 0")
    await page.get_by_role("link", name="Approvati").click()
    await expect(page.locator(ARTICLES)).to_have_count(3)
    await page.locator(".more-actions summary").first.click()
    await page.get_by_role("link", name="Apri con discussione e cronologia").click()
    await page.locator("#note").fill("doppio")
    await page.get_by_role("button", name="Spam").click()
    await page.locator(".lasts a").first.click()
    await expect(page.locator(".history q")).to_have_text("doppio")
    await page.get_by_role("button", name="Indirizzo completo").click()
    await expect(page.locator(".address")).to_have_text("giuliana.canary@example.com")
    await page.get_by_role("button", name="Esci").click()
    await expect(page.get_by_label("E-mail")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
async def test_enter_on_a_checkbox_decides_nothing(
    browser: Browser, http: ClientSession, smtp: MailServer, *, scripts: bool
) -> None:
    await waiting(http, 1)
    context = await browser.new_context(viewport=SCREEN, java_script_enabled=scripts)
    page = await enter_desk(context, http, smtp)
    await page.locator(".row .pick input").check()
    async with nullcontext() if scripts else page.expect_navigation():
        await page.locator(".row .pick input").press("Enter")
    await page.reload()
    await expect(page.locator("h1")).to_have_text("In attesa: 1")


@pytest.mark.parametrize("address", ["anna@example.org", "paul@example.org"])
async def test_a_phone_shows_it_without_scrolling_sideways_and_with_room_for_a_thumb(
    browser: Browser, http: ClientSession, smtp: MailServer, address: str
) -> None:
    await waiting(http, 2)
    long = "https://www.example.org/" + "parola" * 40
    await a_comment(http, author_name="N" * 245, body=long, page_title="Titolo" * 40, author_url=long)
    context = await browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = await enter_desk(context, http, smtp, address)
    for summary in await page.locator("summary:visible").all():
        await summary.tap()
        assert await page.evaluate(SMALL_TARGETS) == []
        await page.keyboard.press("Escape")
    last = await page.locator(ARTICLES).last.get_attribute("data-id")
    paths = ["/desk#rail", "/desk#find", f"/desk/comments/{last}", "/desk"]
    for path in ("", *paths):
        if path:
            await page.goto(page.url.partition("/desk")[0] + path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert await page.evaluate(SMALL_TARGETS) == []
    await page.locator(ARTICLES).first.locator("button[data-do=approve]").tap()
    await expect(page.locator("article.decided")).to_have_count(1)


async def test_what_a_colleague_decides_greys_out_and_what_comes_in_is_announced(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    first, second = await waiting(http, 2)
    anna_context = await browser.new_context(viewport=SCREEN)
    paul_context = await browser.new_context(viewport=SCREEN)
    anna = await enter_desk(anna_context, http, smtp)
    paul = await enter_desk(paul_context, http, smtp, "paul@example.org")
    await anna.keyboard.press("j")
    await paul.locator(f"#c-{first} button[data-do=reject]").click()
    await expect(anna.locator(f"#c-{first} .stands")).to_contain_text("Rifiutato")
    await expect(anna.locator(f"#c-{first} .stands")).to_contain_text("da Paul")
    await expect(anna.locator("#live")).to_contain_text("Nome 0: Rifiutato da Paul")
    await expect(anna.locator("h1")).to_have_text("In attesa: 1")
    assert await focused(anna) == f"c-{first}"
    await expect(anna.locator("article.decided")).to_have_count(0)
    await anna.mouse.move(0, 0)
    await anna.keyboard.press("j")
    await expect(anna.locator(f"#c-{first}")).to_have_class(re.compile("decided"))
    third = await a_comment(http, body="appena arrivato")
    await expect(anna.locator("#new-comments")).to_contain_text("Un nuovo commento")
    await expect(anna.locator("#live")).to_contain_text("Un nuovo commento")
    assert await anna.locator(f"#c-{third}").count() == 0
    await anna.locator("#new-comments a").click()
    await expect(anna.locator(ARTICLES)).to_have_count(2)
    await paul.locator(f"#c-{second} button[data-do=spam]").click()
    await anna.locator(f"#c-{second} button[data-do=approve]").click()
    await expect(anna.locator("#live")).to_contain_text("era cambiato nel frattempo")
    await expect(anna.locator("#said")).to_be_visible()
    await expect(anna.locator(f"#c-{second} .decided-line")).to_contain_text("Spam")
    await expect(anna.locator(f"#c-{second} .decided-line")).to_contain_text("da Paul")


async def test_a_session_that_ended_elsewhere_leads_to_the_log_in_and_changes_nothing(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    [comment_id] = await waiting(http, 1)
    context = await browser.new_context(viewport=SCREEN)
    page = await enter_desk(context, http, smtp)
    other = await context.new_page()
    await other.goto(page.url)
    await other.get_by_role("button", name="Esci").click()
    await page.locator(f"#c-{comment_id} button[data-do=approve]").click()
    await expect(page.get_by_label("E-mail")).to_be_visible()
    assert (await http.get(f"/api/v1/comments/{comment_id}")).status == 404


@pytest.mark.parametrize(("scheme", "viewport"), [("light", SCREEN), ("dark", PHONE)])
async def test_what_reached_nobody_is_named_decided_and_gone(
    browser: Browser, http: ClientSession, smtp: MailServer, scheme: str, viewport: ViewportSize
) -> None:
    context = await browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    errors = await listening(context)
    page = await enter_desk(context, http, smtp)
    smtp.refuse_recipient = "550 5.1.1 Nobody"
    first = await a_comment(http, author_name="ליאת", page_title="Una pagina dal titolo piuttosto lungo")
    await a_comment(http, body="ancora", page_title="T" * 400)

    async def is_known() -> bool:
        return "comments_unheard:2" in await (await http.get("/health/ready")).text()

    await until(is_known)
    await page.reload()
    notice = page.get_by_role("region", name="I messaggi e-mail non arrivano")
    await expect(notice).to_contain_text("2 commenti non sono stati notificati a nessuno")
    await expect(notice).to_contain_text("I messaggi per te non arrivano dal")
    await expect(notice).to_contain_text("I messaggi per Paul non arrivano dal")
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    await notice.get_by_role("link").first.click()
    assert await violations(page) == []
    await page.get_by_role("button", name="Approva").click()
    await page.wait_for_url("**/desk**")
    await page.goto(page.url.partition("/desk")[0] + "/desk")
    await expect(notice).to_contain_text("Un commento non è stato notificato a nessuno")
    assert (await http.get(f"/api/v1/comments/{first}")).status == 200
    assert errors == []


@pytest.mark.parametrize("viewport", [SCREEN, PHONE], ids=["screen", "phone"])
async def test_axe_finds_nothing_wrong(
    browser: Browser, http: ClientSession, smtp: MailServer, viewport: ViewportSize
) -> None:
    body = "> citazione\n\n[parole](https://a.example/) *e* `codice`\n\n1. uno\n2. due"
    first = await a_comment(http, body=body, author_url="https://a.example/")
    await a_comment(http, author_name="ליאת", body="שלום " * 600)
    await smtp.wait_for(2)
    link = next(link for link in smtp.to("anna@example.org")[0].links() if link.endswith("/approve"))
    context = await browser.new_context(viewport=viewport, reduced_motion="reduce")
    page = await context.new_page()
    base = str(http._base_url).rstrip("/")

    async def check(where: str) -> None:
        assert await violations_in_both_schemes(page) == [], where

    for path in ("/desk", "/desk/login/nothing", "/moderate/" + link.split("/moderate/")[1]):
        await page.goto(base + path)
        await check(path)
    await page.goto(f"{base}/desk")
    await page.get_by_label("E-mail").fill("nobody@example.org")
    await page.locator("form button").click()
    await expect(page.locator("[role=status]")).to_be_visible()
    await check("asked")
    page = await enter_desk(context, http, smtp)
    await check("queue")
    for summary in await page.locator("summary:visible").all():
        await summary.click()
        await check("opened")
        await page.keyboard.press("Escape")
    await page.locator(".row .pick input").first.check()
    await check("selected")
    await page.locator(f"#c-{first} button[data-do=approve]").click()
    await expect(page.locator("article.decided")).to_have_count(1)
    await check("decided")
    if viewport is SCREEN:
        await page.locator("#keys").click()
        await check("help")
        await page.keyboard.press("Escape")
    await page.locator(f"#c-{first} .gist").click()
    await check("comment")
    for query in ("?q=nothing", "?status=any", "?status=spam", "#rail"):
        await page.goto(f"{base}/desk{query}")
        await check(query)


WHOLE_ROWS = """() => [...document.querySelectorAll("article[data-id]")]
  .map((one) => one.getBoundingClientRect())
  .filter((box) => box.top >= 0 && box.bottom <= innerHeight).length"""
BUTTONS_BY_ROW = """() => [...document.querySelectorAll("article[data-id] .acts, .bar .acts, main > form .foot")]
  .filter((one) => one.checkVisibility())
  .map((one) => [...one.querySelectorAll("button")].filter((button) => button.checkVisibility()))
  .map((buttons) => [buttons.length, new Set(buttons.map((one) => one.getBoundingClientRect().top)).size])"""
CUT_LABELS = """() => [...document.querySelectorAll(".acts button, .more-actions summary, .tabs a")]
  .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1).map((one) => one.outerHTML)"""

CRAMPED_LABELS = """() => [...document.querySelectorAll(".bar .acts button")].filter((one) => {
  const label = document.createRange();
  label.selectNodeContents(one.lastChild);
  return one.getBoundingClientRect().right - label.getBoundingClientRect().right < 8;
}).map((one) => one.outerHTML)"""


@pytest.mark.parametrize(
    ("viewport", "least"), [({"width": 1440, "height": 900}, 8), ({"width": 380, "height": 800}, 3)]
)
async def test_a_screen_shows_many_short_comments_whole(
    browser: Browser, http: ClientSession, smtp: MailServer, viewport: ViewportSize, least: int
) -> None:
    for number in range(12):
        await a_comment(http, author_name=f"Nome {number}", body="Passo a trovarvi sabato. C’è parcheggio?")
    context = await browser.new_context(viewport=viewport)
    page = await enter_desk(context, http, smtp)
    assert await page.evaluate(WHOLE_ROWS) >= least


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it"])
async def test_on_a_narrow_phone_no_button_stands_alone_in_its_row(
    browser: Browser,
    http: ClientSession,
    smtp: MailServer,
    desk: Running,
    tmp_path: Path,
    language: str,
) -> None:
    await replace_sites(desk, tmp_path, SITES.replace('name = "Anna"', f'name = "Anna"\nlanguage = "{language}"'))
    await waiting(http, 3)
    published = await post(http, body="pubblicato")
    await decide(http, "approve", published["id"])
    assert (await http.patch(path_of(published), json={"body": "cambiato"})).status == 200
    context = await browser.new_context(viewport={"width": 380, "height": 800}, has_touch=True, is_mobile=True)
    page = await enter_desk(context, http, smtp)
    await expect(page.locator("article[data-status=edited]")).to_have_count(1)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 380
    await page.locator(".row .pick input").first.check()
    seen = [tuple(one) for one in await page.evaluate(BUTTONS_BY_ROW)]
    await page.locator(f"{ARTICLES} button[data-do=approve]").first.tap()
    await expect(page.locator("article.decided")).to_have_count(1)
    assert await page.evaluate(CUT_LABELS) == []
    for path in ("/desk?status=approved", "/desk?status=any"):
        await page.goto(desk.url + path)
        assert await page.evaluate(CUT_LABELS) == []
        seen += [tuple(one) for one in await page.evaluate(BUTTONS_BY_ROW)]
    await page.goto(f"{desk.url}/desk/comments/{await page.locator(ARTICLES).last.get_attribute('data-id')}")
    seen += [tuple(one) for one in await page.evaluate(BUTTONS_BY_ROW)]
    assert len(seen) >= 8
    assert {rows for _, rows in seen} == {1}
    assert await page.evaluate("document.documentElement.scrollWidth") <= 380


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it"])
async def test_the_buttons_of_the_bar_have_room_for_their_labels(
    browser: Browser, http: ClientSession, smtp: MailServer, desk: Running, tmp_path: Path, language: str
) -> None:
    await replace_sites(desk, tmp_path, SITES.replace('name = "Anna"', f'name = "Anna"\nlanguage = "{language}"'))
    await waiting(http, 2)
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await enter_desk(context, http, smtp)
    for width in (1280, 1000):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await page.evaluate(CRAMPED_LABELS) == [], width
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_text_of_twice_the_size_gives_one_column_and_loses_nothing(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    await waiting(http, 3)
    for width in (1440, 380):
        context = await browser.new_context(viewport={"width": width, "height": 900})
        page = await enter_desk(context, http, smtp)
        session = await context.new_cdp_session(page)
        await session.send("Page.enable")
        await session.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
        await page.reload()
        assert await page.evaluate("getComputedStyle(document.documentElement).fontSize") == "32px"
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        columns = [(buttons, rows) for buttons, rows in await page.evaluate(BUTTONS_BY_ROW)]
        assert all(rows in (1, buttons) for buttons, rows in columns), columns
        await expect(page.locator(".row .acts button").first).to_be_visible()
        await context.close()


async def test_sites_pages_and_names_filter_by_one_press_and_a_thread_opens(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    parent = await a_comment(http, author_name="Giuliana", body="la **domanda**")
    context = await browser.new_context(viewport=SCREEN)
    page = await enter_desk(context, http, smtp)
    await page.locator(f"#c-{parent} button[data-do=approve]").click()
    await expect(page.locator("article.decided")).to_have_count(1)
    answer = await a_comment(http, author_name="Lucia", body="la risposta", parent_id=parent)
    await a_comment(http, author_name="Nadia", page_url="https://www.example.org/altra", page_title="Altra")
    await page.goto(page.url.partition("?")[0])
    await expect(page.locator(ARTICLES)).to_have_count(2)
    await page.locator(".rail").get_by_role("link", name="Altra").click()
    await expect(page.locator(ARTICLES)).to_have_count(1)
    await expect(page.locator("h1")).to_have_text("In attesa: 1")
    await expect(page.locator(".rail [aria-current]")).to_contain_text("Altra")
    await page.locator(".chips a").click()
    await page.locator(ARTICLES).first.get_by_role("link", name="Lucia", exact=True).click()
    await expect(page.locator(ARTICLES)).to_have_count(1)
    await page.locator(f"#c-{answer} .answers a").click()
    await expect(page.locator("#thread")).to_contain_text("la domanda")
    await page.locator("#thread a").click()
    await expect(page.get_by_role("region", name="Risposte")).to_contain_text("la risposta")
