"""The desk by keys alone: where the focus is after every action, and that it can be seen."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from tests.conftest import Start
from tests.support.desk import a_comment, cookieless, logged_in, logins_to, replace_sites
from tests.support.desk_browser import at_its_own_address, enter_desk, violations
from tests.support.factories import OTHER_PAGE, PAGE, SITES
from tests.support.posting import post
from tests.support.running import Running, until
from tests.support.smtp import MailServer

SCREEN: ViewportSize = {"width": 1440, "height": 900}
OF_BOTH_SITES = SITES.replace(
    'id = "olga"\nname = "Olga"\nemail = "olga@example.com"',
    'id = "anna"\nname = "Anna"\nemail = "anna@example.org"',
).replace('paths = ["/blog"]\n', 'language = "it"\n')
UNSEEN = """() => {
  const one = document.activeElement;
  const { top, bottom, left, right } = one.getBoundingClientRect();
  const isInSight = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
  if (!isInSight) return `out of sight: ${one.outerHTML}`;
  const rings = [one, one.closest(".find")].filter(Boolean).map((of) => getComputedStyle(of));
  if (rings.some((style) => style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 3)) return "";
  return `without a ring: ${one.outerHTML}`;
}"""


@pytest.fixture
async def place(tmp_path: Path) -> str:
    """One engine is enough for what a browser shows."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
async def desk(start: Start, tmp_path: Path) -> Running:
    running = await at_its_own_address(start, screening="off")
    await replace_sites(running, tmp_path, OF_BOTH_SITES)
    return running


@pytest.fixture
async def http(desk: Running) -> AsyncIterator[ClientSession]:
    async with cookieless(desk.url) as session:
        yield session


async def press(page: Page, key: str, then: Locator | None = None) -> None:
    """Press a key; wait for where the focus is to be then, or that it is somewhere, and that it is seen."""
    await page.keyboard.press(key)
    await settled(page, then)


async def settled(page: Page, then: Locator | None = None) -> None:
    if then:
        await expect(then).to_be_focused()
    await page.wait_for_function("() => document.activeElement !== document.body")
    assert await page.evaluate(UNSEEN) == ""


async def reach(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press the tabulator until the element has the focus."""
    for _ in range(40):
        await press(page, key)
        if await target.evaluate("(one) => one === document.activeElement"):
            return
    pytest.fail(f"no way to {target} by {key}")


async def waiting(http: ClientSession, count: int) -> list[str]:
    return [
        await a_comment(http, author_name=f"Nome {number}", body=f"numero {number}") for number in range(count)
    ]


async def test_a_moderator_logs_in_decides_and_takes_it_back_and_never_loses_the_focus(
    browser: Browser, http: ClientSession, smtp: MailServer, desk: Running
) -> None:
    ids = await waiting(http, 4)
    page = await (await browser.new_context(viewport=SCREEN, locale="it")).new_page()
    await page.goto(f"{desk.url}/desk")
    await settled(page, page.get_by_label("E-mail"))
    await page.keyboard.type("anna@example.org")
    before = len(logins_to(smtp, "anna@example.org"))
    await press(page, "Enter", page.get_by_role("status"))
    await until(lambda: len(logins_to(smtp, "anna@example.org")) > before)
    await page.goto(logins_to(smtp, "anna@example.org")[-1][0])
    await settled(page, page.get_by_role("button", name="Accedi"))
    await press(page, "Enter", page.locator(".tabs [aria-current]"))
    await expect(page.locator("h1")).to_have_text("In attesa: 4")

    first, second, third = (page.locator(f"#c-{one}") for one in ids[:3])
    await press(page, "j", first)
    await press(page, "j", second)
    await press(page, "k", first)
    await press(page, "Enter", page.get_by_role("heading", level=1, name="Nome 0"))
    await reach(page, page.get_by_role("link", name="Torna all’elenco"), "Shift+Tab")
    await press(page, "Enter", page.locator(".tabs [aria-current]"))

    await press(page, "j", first)
    await press(page, "x", first)
    await expect(page.locator("#selected")).to_have_text("1 selezionato")
    await reach(page, page.locator("#clear"), "Shift+Tab")
    await press(page, "Enter", page.locator("#all input"))
    await expect(page.locator("#selected")).to_contain_text("Decidi su un commento")
    await press(page, "j", first)
    await press(page, "a", second)
    await expect(first).to_have_class(re.compile("decided"))
    await press(page, "u", first)
    await expect(page.locator("article.decided")).to_have_count(0)
    await reach(page, second.get_by_role("button", name="Rifiuta"))
    await press(page, "Enter", third)
    await expect(second).to_have_class(re.compile("decided"))
    await reach(page, second.locator(".decided-line").get_by_role("button", name="Annulla"), "Shift+Tab")
    await press(page, "Enter", second)
    await reach(page, second.locator(".more-actions summary"))
    await press(page, "Enter")
    await reach(page, second.locator(".menu a").first)
    await press(page, "Escape", second.locator(".more-actions summary"))


async def test_a_moderator_filters_and_decides_on_all_that_match_and_never_loses_the_focus(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    await waiting(http, 52)
    elsewhere = await a_comment(http, page_url=OTHER_PAGE, page_title="Primo", author_name="Lucia")
    page = await enter_desk(await browser.new_context(viewport=SCREEN), http, smtp)
    await settled(page, page.locator(".tabs [aria-current]"))
    rail = page.locator(".rail")
    await reach(page, rail.get_by_role("link", name="Altro"), "Shift+Tab")
    await press(page, "Enter", rail.get_by_role("link", name="Altro"))
    await expect(page.locator("h1")).to_have_text("In attesa: 1")
    await press(page, "j", page.locator(f"#c-{elsewhere}"))
    await press(page, "/", page.get_by_role("searchbox"))
    await press(page, "Tab")
    await reach(page, rail.get_by_role("link", name="Tutti i siti"))
    await press(page, "Enter", rail.get_by_role("link", name="Tutti i siti"))
    await reach(page, rail.get_by_role("link", name="Chi siamo"))
    await press(page, "Enter", rail.get_by_role("link", name="Chi siamo"))
    await expect(page.locator("h1")).to_have_text("In attesa: 52")

    every = page.get_by_role("link", name="Seleziona tutti (52)")
    await reach(page, every)
    await press(page, "Enter")
    await page.wait_for_url("**scope=all**")
    await settled(page)
    await reach(page, page.locator(".bar button.approve"))
    await press(page, "Enter", page.get_by_role("heading", level=1, name="Approvare 52 commenti?"))
    await reach(page, page.get_by_role("button", name="Approva"))
    await press(page, "Enter", page.locator(".tabs [aria-current]"))
    await expect(page.locator("h1")).to_have_text("In attesa: 0")
    await reach(page, page.locator(".bulks").get_by_role("button", name="Annulla"))
    await press(page, "Enter", page.locator(".tabs [aria-current]"))
    await expect(page.locator("h1")).to_have_text("In attesa: 52")
    await expect(page.locator(".bulks")).to_have_count(0)


async def test_a_thread_is_opened_from_what_a_comment_answers(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    parent = await a_comment(http, author_name="Giuliana", body="la domanda")
    page = await enter_desk(await browser.new_context(viewport=SCREEN), http, smtp)
    await press(page, "j", page.locator(f"#c-{parent}"))
    await press(page, "a", page.locator("#done a"))
    answer = await a_comment(http, author_name="Lucia", body="la risposta", parent_id=parent)
    await press(page, "Enter", page.locator(".tabs [aria-current]"))
    await press(page, "j", page.locator(f"#c-{answer}"))
    await reach(page, page.locator(f"#c-{answer} .answers a"))
    await press(page, "Enter", page.locator("#thread"))
    await reach(page, page.locator("#thread a"))
    await press(page, "Enter", page.get_by_role("heading", level=1, name="Giuliana"))
    await reach(page, page.get_by_role("button", name="Rifiuta"))
    await press(page, "Enter", page.locator(".tabs [aria-current]"))


async def test_the_focus_outlives_a_decision_of_a_colleague_under_it(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    comment_id = await a_comment(http, page_url=PAGE)
    paul = await logged_in(http, smtp, "paul@example.org")
    page = await enter_desk(await browser.new_context(viewport=SCREEN), http, smtp)
    row = page.locator(f"#c-{comment_id}")
    await press(page, "j", row)
    await reach(page, row.locator("button.approve"))
    await paul.post("/desk/decisions", {"one": f"approve.{comment_id}.pending.1"})
    await expect(row.locator(".stands")).to_contain_text("Approvato")
    await settled(page, row)


async def test_an_author_who_edits_changes_the_row_before_anything_is_decided_on_it(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    receipt = await post(http)
    path = f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}"
    page = await enter_desk(await browser.new_context(viewport=SCREEN), http, smtp)
    row = page.locator(f"#c-{receipt['id']}")
    await press(page, "j", row)
    assert (await http.patch(path, json={"body": "molto interessante"})).status == 200
    await page.keyboard.press("a")
    await expect(row.locator(".text")).to_contain_text("molto interessante")
    await expect(row.locator(".stands")).to_be_hidden()
    await settled(page, row)
    assert (await (await http.get(path)).json())["status"] == "pending"
    await page.keyboard.press("a")
    await expect(row.locator(".stands")).to_contain_text("Approvato")
    other = await post(http, body="un altro")
    await page.reload()
    row = page.locator(f"#c-{other['id']}")
    await expect(row).to_be_visible()
    answer = await http.delete(f"/api/v1/receipts/{other['receipt_url'].rpartition('/')[2]}")
    assert answer.status == 200
    await expect(row.locator(".stands")).to_contain_text("Ritirato")
    await expect(row.locator("button[data-do]:visible")).to_have_count(0)


async def test_a_moderator_shortens_a_comment_and_replies_to_it_and_never_loses_the_focus(
    browser: Browser, http: ClientSession, smtp: MailServer, desk: Running
) -> None:
    comment_id = await a_comment(http, body="Chiamatemi al 4711 la sera.")
    page = await enter_desk(await browser.new_context(viewport=SCREEN, locale="it"), http, smtp)
    await page.goto(f"{desk.url}/desk/comments/{comment_id}")
    left = page.locator("#left")
    await open_form(page, "#redaction", left)
    await type_anew(page, "Chiamatemi di nascosto la sera.")
    await reach(page, page.locator("#redaction button"))
    await press(page, "Enter", left)
    await expect(page.locator("#left-fault")).to_contain_text("«di»")
    await expect(left).to_have_value("Chiamatemi di nascosto la sera.")
    assert await violations(page) == []
    assert await listed(http) == []
    await type_anew(page, "Chiamatemi al la sera.")
    await reach(page, page.locator("#redaction button"))
    heading = page.get_by_role("heading", level=1, name="Giuliana")
    await press(page, "Enter", heading)
    shortened = ("Chiamatemi al […] la sera.", False, True)
    assert await listed(http) == [shortened]

    await expect(page.locator(".difference del")).to_contain_text("4711")
    await open_form(page, "#answer", page.locator("#body"))
    await page.keyboard.type("Grazie: correggiamo la pagina.")
    await reach(page, page.locator("#answer button"))
    await press(page, "Enter", heading)
    await expect(page.get_by_role("status")).to_have_text("La tua risposta è pubblicata.")
    assert await violations(page) == []
    assert await listed(http) == [shortened, ("Grazie: correggiamo la pagina.", True, False)]
    await reach(page, page.get_by_role("button", name="Annulla"))
    await press(page, "Enter", page.locator(".tabs [aria-current]"))
    assert await listed(http) == [shortened], "the reply goes with the decision"


async def open_form(page: Page, of: str, field: Locator) -> None:
    """Open what is folded, and go to its field."""
    await reach(page, page.locator(f"{of} summary"))
    await press(page, "Enter")
    await reach(page, field)


async def type_anew(page: Page, text: str) -> None:
    await page.keyboard.press("Control+A")
    await page.keyboard.type(text)


async def listed(http: ClientSession) -> list[tuple[str, bool, bool]]:
    """What readers see: the text, whether it is the site's, and whether passages were taken out."""
    answer = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
    return [(one["body"], one["by_site"], one["redacted"]) for one in answer["comments"]]


async def test_who_uses_a_mouse_finds_no_ring_after_a_press(
    browser: Browser, http: ClientSession, smtp: MailServer
) -> None:
    await a_comment(http)
    page = await enter_desk(await browser.new_context(viewport=SCREEN), http, smtp)
    await page.locator(".tabs a").nth(1).click()
    await page.wait_for_url("**status=approved")
    await expect(page.locator("h1")).to_have_text("Approvati: 0")
    assert await page.evaluate("document.activeElement === document.body")
    assert urlsplit(page.url).path == "/desk"
