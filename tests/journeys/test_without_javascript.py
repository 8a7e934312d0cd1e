"""What people see and press, in a real browser without JavaScript."""

import re
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from playwright.async_api import Browser, Page, expect

from tests.support.browser import opened
from tests.support.contract import client_of
from tests.support.factories import SITES
from tests.support.processes import Process, command, free_port
from tests.support.running import Running, until
from tests.support.smtp import MailServer


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Process]:
    """The demo on a port of its own, without any other setting."""
    settings = {"MODERATION_LISTEN": f"127.0.0.1:{free_port()}", "MODERATION_MAIL_INTERVAL": "0"}
    async with command("demo", environ=settings, folder=tmp_path) as process:
        await process.wait_for("Stop with Ctrl-C.")
        yield process


async def open_mail(page: Page, url: str, subject: str) -> None:
    """Look into the mailbox until the mail is there, and open it."""
    link = page.get_by_role("link", name=re.compile(subject))

    async def is_there() -> int:
        await page.goto(f"{url}/demo/mailbox")
        return await link.count()

    await until(is_there)
    await link.first.click()
    await page.wait_for_url("**/demo/mailbox/*")


async def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled sideways: the page cannot be moved to the right."""
    await page.mouse.move(100, 300)
    await page.mouse.wheel(500, 0)
    box = await page.locator("main").bounding_box()
    size = page.viewport_size
    assert box is not None
    assert size is not None
    return box["x"] >= 0 and box["x"] + box["width"] <= size["width"]


@pytest.mark.parametrize("width", [1280, 390])
async def test_the_whole_story_in_a_browser_without_javascript(
    demo: Process, browser: Browser, width: int
) -> None:
    async with opened(browser, width=width) as page:
        await page.goto(f"{demo.url}/demo")
        await expect(page.get_by_text("Una risposta a")).to_have_count(0)
        assert await fits(page)
        await page.get_by_label("Commento").fill("interessante…")
        await page.get_by_label("Nome").fill("Giuliana")
        await page.get_by_role("textbox", name="E-mail").fill("giuliana@esempio")
        await page.get_by_label("Sito web").fill("https://giuliana.example")
        await page.get_by_role("button", name="Invia commento").click()

        await expect(page.get_by_text("Inserisci un indirizzo e-mail valido.")).to_be_visible()
        await expect(page.get_by_label("Commento")).to_have_value("interessante…")
        await expect(page.get_by_label("Nome")).to_have_value("Giuliana")
        await expect(page.get_by_role("textbox", name="E-mail")).to_have_value("giuliana@esempio")
        await expect(page.get_by_label("Sito web")).to_have_value("https://giuliana.example")
        assert await fits(page)
        await page.get_by_role("textbox", name="E-mail").fill("giuliana@example.com")
        await page.get_by_role("button", name="Invia commento").click()

        await expect(page).to_have_url(re.compile(re.escape(f"{demo.url}/demo?")))
        await expect(page.get_by_role("status")).to_contain_text("Grazie")
        await expect(page.get_by_text("Una risposta a")).to_have_count(0)
        await open_mail(page, demo.url, "Giuliana.* ha commentato .*Chi siamo")
        assert await fits(page)
        assert "giuliana@example.com" not in await page.content()
        await page.frame_locator("iframe").get_by_role("link", name="Approva").click()

        await expect(page.get_by_role("button", name="Approva")).to_be_visible()
        assert "interessante…" in await page.inner_text("article")
        assert await fits(page)
        await page.get_by_role("button", name="Approva").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Approvato")
        await page.get_by_role("link", name="Vedi la pagina").click()

        await expect(page).to_have_url(f"{demo.url}/demo")
        await expect(page.get_by_role("heading", name="Una risposta a")).to_be_visible()
        reply = await page.locator(".comment").inner_text()
        assert re.search(r"Giuliana scrive:.*interessante…", reply, re.DOTALL)


async def test_english_readers_are_spoken_to_in_english(demo: Process, browser: Browser) -> None:
    async with opened(browser, language="en-GB", scheme="dark") as page:
        await page.goto(f"{demo.url}/demo")
        await page.get_by_role("textbox", name="Comment").fill("interesting…")
        await page.get_by_label("Name").fill("Giuliana")
        await page.get_by_role("textbox", name="E-mail").fill("giuliana@esempio")
        await page.get_by_role("button", name="Send comment").click()
        await expect(page.get_by_text("Please enter a valid e-mail address.")).to_be_visible()
        await page.get_by_role("textbox", name="E-mail").fill("giuliana@example.com")
        await page.get_by_role("button", name="Send comment").click()
        await open_mail(page, demo.url, "Giuliana.* commented on .*About us")
        await page.frame_locator("iframe").get_by_role("link", name="Reject").click()
        await page.get_by_role("button", name="Reject").click()
        await expect(page.get_by_role("status")).to_contain_text("Rejected")
        await page.get_by_role("button", name="Undo").click()
        await expect(page.get_by_role("button", name="Approve")).to_be_visible()


async def test_a_keyboard_is_enough(demo: Process, browser: Browser) -> None:
    async with opened(browser) as page:
        await page.goto(f"{demo.url}/demo")
        await tab_to(page, "#body")
        await page.keyboard.type("interessante…")
        await tab_to(page, "#author_name")
        await page.keyboard.type("Giuliana")
        await tab_to(page, "#author_email")
        await page.keyboard.type("giuliana@example.com")
        await tab_to(page, "button")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("Grazie")
        await open_mail(page, demo.url, "Giuliana.* ha commentato")
        path = await page.frame_locator("iframe").get_by_role("link", name="Approva").get_attribute("href")
        assert path is not None
        await page.goto(path)
        await tab_to(page, "button.big")
        await page.keyboard.press("Space")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Approvato")


async def test_a_form_mended_on_our_page_leads_back_to_a_site_elsewhere(
    start: Callable[..., Awaitable[Running]], smtp: MailServer, browser: Browser, tmp_path: Path
) -> None:
    async def show(_: web.Request) -> web.Response:
        return web.Response(text=f"<h1>La pagina</h1>{form}", content_type="text/html")

    app = web.Application()
    app.router.add_get("/chi-siamo", show)
    app.router.add_get("/favicon.ico", show)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site = f"http://127.0.0.1:{runner.addresses[0][1]}"
    sites = tmp_path / "elsewhere.toml"
    sites.write_text(SITES.replace("https://www.example.org", site))
    port = free_port()
    service = await start(sites=str(sites), public_url=f"http://127.0.0.1:{port}", listen=f"127.0.0.1:{port}")
    form = f"""<form method="post" action="{service.url}/api/v1/comments">
        <input type="hidden" name="page_url" value="{site}/chi-siamo">
        <input name="body"><input name="author_name"><input name="author_email"><button>Invia</button></form>"""
    try:
        async with opened(browser) as page:
            await page.goto(f"{site}/chi-siamo")
            await page.locator("[name=body]").fill("interessante…")
            await page.get_by_role("button").click()
            await expect(page.get_by_role("alert")).to_be_visible()
            await page.get_by_label("Nome").fill("Giuliana")
            await page.get_by_role("textbox", name="E-mail").fill("giuliana@example.com")
            await page.get_by_role("button").click()
            await expect(page.get_by_role("heading")).to_have_text("La pagina")
            await expect(page).to_have_url(
                re.compile(rf"^{site}/chi-siamo\?comment_receipt=[\w.-]+#comment-[0-9a-f-]+$")
            )
        await smtp.wait_for(2)
    finally:
        await runner.cleanup()


async def test_the_name_localhost_leads_to_the_demos_one_origin(demo: Process) -> None:
    port = demo.url.rpartition(":")[2]
    async with ClientSession() as http:
        answer = await http.get(f"http://localhost:{port}/demo?inviato=1", allow_redirects=False)
        assert answer.status == 307
        assert answer.headers["Location"] == f"{demo.url}/demo?inviato=1"
        assert (await http.get(f"http://localhost:{port}/")).url.path == "/demo"


async def test_a_taken_port_moves_the_demo_to_the_next_free_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        async with command("demo", environ={}, folder=tmp_path) as process:
            await process.wait_for("Stop with Ctrl-C.")
            assert re.search(r"Port 8080 is taken; using 80\d\d\.", process.words)
            assert process.url != "http://127.0.0.1:8080"
            async with client_of(process.url) as http:
                assert (await http.get("/demo")).status == 200
            assert await process.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_demo_ends_at_once_and_quietly(demo: Process, number: int) -> None:
    said = demo.words
    assert await demo.stop(number) == 0
    assert demo.words == said


async def tab_to(page: Page, selector: str) -> None:
    """Press the tabulator until the element has the focus."""
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await page.locator(f"{selector}:focus").count():
            return
    pytest.fail(f"no way to {selector} by keyboard")
