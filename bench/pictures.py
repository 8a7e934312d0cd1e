"""The pictures of docs/desk.md, taken of a running service: python -m bench.pictures."""

import asyncio
import tempfile
from pathlib import Path
from typing import Literal

from aiohttp import ClientSession
from playwright.async_api import Browser, Page

from tests.support.browser import launched
from tests.support.factories import API_KEY, SECRET
from tests.support.processes import ROOT, free_port, served
from tests.support.running import until
from tests.support.smtp import MailServer, mail_server

FOLDER = ROOT / "docs" / "desk"
SITE = "https://www.example.org"
SITES = """
[[site]]
id = "coop"
name = "Associazione dell'Esempio"
origins = ["https://www.example.org"]
language = "it"
timezone = "Europe/Rome"
api_keys = ["sha256:6dbe92d43edffb80f3b7d601dd0805183cb1f9516dfee8c449ad7ffdc8ae3de3"]
""" + "".join(
    f'[[site.moderator]]\nid = "{name.lower()}"\nname = "{name}"\nemail = "{name.lower()}@example.org"\n'
    f'language = "{language}"\n'
    for name, language in (("Anna", "en"), ("Dieter", "de"), ("Carla", "it"))
)
LONG = (
    "Non sono d’accordo: i dati del 1998 sono sbagliati. Nel verbale dell’assemblea si legge che i soci erano "
    "42 e non 24, e che la quota fu portata a 15.000 lire solo l’anno dopo. Ho una copia del verbale e la porto "
    "volentieri sabato. "
)
COMMENTS = (
    ("chi-siamo", "Chi siamo", "Tom Baker", "Great article, thanks."),
    ("assemblea", "Assemblea 2026", "Bruno Rossi", "Passo a trovarvi sabato. C’è parcheggio vicino alla sede?"),
    (
        "assemblea",
        "Assemblea 2026",
        "Best Pharmacy",
        "Best price: http://pills.example/?id=771 http://pills.example/?id=772 http://a.example/ [url=http://b]x[/url]",
    ),
    ("orto", "Orto di via Roma", "Zoë Martin", LONG * 4),
    ("statuto", "Statuto", "Paolo Verdi", "Dove trovo il testo aggiornato dell’articolo 7?"),
    ("chi-siamo", "Chi siamo", "Sara", "Anch’io ci sono stata, con la scuola!"),
)


class Pictures:
    """A running service with comments, a browser, and the mail that came."""

    def __init__(self, http: ClientSession, smtp: MailServer, browser: Browser) -> None:
        self._http = http
        self._smtp = smtp
        self._browser = browser

    async def page(self, *, is_phone: bool = False, scheme: Literal["light", "dark"] = "light") -> Page:
        size = (390, 844) if is_phone else (1440, 900)
        context = await self._browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale="en-GB"
        )
        return await context.new_page()

    async def post(self, path: str, title: str, name: str, body: str, parent: str | None = None) -> str:
        fields = {
            "page_url": f"{SITE}/{path}",
            "page_title": title,
            "author_name": name,
            "author_email": f"{name.partition(' ')[0].lower()}@example.com",
            "body": body,
        }
        answer = await self._http.post("/api/v1/comments", json=fields | ({"parent_id": parent} if parent else {}))
        assert answer.status == 202, await answer.text()
        comment_id: str = (await answer.json())["id"]
        return comment_id

    async def decide(self, comment_id: str, decision: str) -> None:
        answer = await self._http.post(
            "/api/v1/moderation/decisions",
            headers={"Authorization": f"Bearer {API_KEY}"},
            json={"decisions": [{"id": comment_id, "decision": decision}]},
        )
        assert answer.status == 200

    async def enter(self, page: Page) -> None:
        await self._http.post("/desk/login", data={"email": "anna@example.org"})
        await until(lambda: any("/desk/login/" in one.text() for one in self._smtp.to("anna@example.org")))
        mail = next(one for one in self._smtp.to("anna@example.org") if "/desk/login/" in one.text())
        [link] = set(mail.links())
        await page.goto(link)
        await page.locator("form button").click()
        await page.wait_for_url("**/desk")

    async def link(self, person: str) -> str:
        await until(lambda: bool(self._smtp.to(f"{person}@example.org")))
        return self._smtp.to(f"{person}@example.org")[0].link("/approve")

    async def take(self) -> None:
        """Post comments, and take a picture of each page that moderators see."""
        first = await self.post(
            "chi-siamo",
            "Chi siamo",
            "Giuliana",
            "interessante… qualcuno si ricorda della vecchia sede di via Roma?",
        )
        by_link = await self.link("dieter"), await self.link("carla")
        dark = await self.page(is_phone=True, scheme="dark")
        await dark.goto(by_link[0])
        await dark.screenshot(path=FOLDER / "link-before-phone-dark-de.png")
        light = await self.page(is_phone=True)
        await light.goto(by_link[1])
        await light.locator("form button").first.click()
        await light.screenshot(path=FOLDER / "link-after-phone-it.png")
        reply = "Che bella pagina! Anch’io ci sono stata da bambina, con la scuola."
        answer = await self.post("chi-siamo", "Chi siamo", "Lucia Ferri", reply, parent=first)
        for comment in COMMENTS:
            await self.post(*comment)
        desk = await self.page()
        await self.enter(desk)
        address = desk.url
        await desk.locator("article", has_text="Great article").get_by_role("button", name="Approve").click()
        await desk.locator("button[data-do=undo]:visible").first.wait_for()
        await desk.locator("article", has_text="Best Pharmacy").locator("input[type=checkbox]").check()
        await desk.mouse.move(700, 890)
        await desk.screenshot(path=FOLDER / "queue-en.png")
        await desk.goto(f"{address}/comments/{answer}")
        await desk.screenshot(path=FOLDER / "comment-en.png")
        await desk.set_viewport_size({"width": 390, "height": 844})
        await desk.emulate_media(color_scheme="dark")
        await desk.goto(address)
        await desk.screenshot(path=FOLDER / "queue-phone-dark-en.png")


async def main() -> None:
    """Run a service of its own on a free port, and a mail server that keeps what arrives."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sites.toml").write_text(SITES, encoding="utf-8")
        async with mail_server() as smtp, launched() as browser:
            environ = {
                "MODERATION_DATABASE_URL": f"sqlite:///{folder}/moderation.db",
                "MODERATION_PUBLIC_URL": f"http://127.0.0.1:{port}",
                "MODERATION_LISTEN": f"127.0.0.1:{port}",
                "MODERATION_SECRET_KEYS": SECRET,
                "MODERATION_SMTP_URL": smtp.url,
                "MODERATION_MAIL_FROM": "moderation@example.org",
                "MODERATION_SITES": str(folder / "sites.toml"),
            }
            async with served(environ), ClientSession(f"http://127.0.0.1:{port}") as http:
                await Pictures(http, smtp, browser).take()


if __name__ == "__main__":
    asyncio.run(main())
