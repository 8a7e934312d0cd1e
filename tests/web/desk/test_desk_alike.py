"""A flood of copies from everywhere, in small: the honest comment stays on top, and one press clears the rest."""

import asyncio
import os
import re
from html import unescape

import pytest

from moderation_service.runtime.intervals import Intervals
from tests.conftest import ENGINES, Clock, Start
from tests.support.contract import client_of
from tests.support.desk import Browser, logged_in
from tests.support.factories import PAGE
from tests.support.posting import post
from tests.support.proofs import proof_of
from tests.support.running import until
from tests.support.smtp import MailServer

POSTS = int(os.environ.get("MODERATION_TEST_FLOOD", "250"))
"""How many copies come; 4,000 in `make soak`."""

SPAM = (
    "Make money from home with this simple trick number {} that banks do not want you to know: https://{}.example/"
)
HONEST = "Grazie, una pagina davvero interessante per tutta la cooperativa"
_AT_ONCE = 16
_MOST_EARLY = 45
"""How many come before both replicas know that there are too many: some in flight, and those of a moment."""
_ALIKE = re.compile(r"<strong>([\d.]+) simili</strong>")


@pytest.mark.parametrize("place", ENGINES if POSTS > 1_000 else [ENGINES[0]], indirect=True)
async def test_copies_from_everywhere_are_one_item_that_one_press_decides(
    start: Start, clock: Clock, smtp: MailServer
) -> None:
    intervals = Intervals(traffic=0.05)
    replicas = [await start(clock=clock, trusted_proxies="127.0.0.1/32", intervals=intervals) for _ in range(2)]
    at_once = asyncio.Semaphore(_AT_ONCE)
    async with client_of(replicas[0].url) as http, client_of(replicas[1].url) as elsewhere:

        async def come(number: int) -> None:
            network = {"X-Forwarded-For": f"{1 + number // 256}.{number % 256}.7.1"}
            body, page = SPAM.format(number, f"shop{number}"), f"{PAGE}/{number % 50}"
            async with at_once:
                await post((http, elsewhere)[number % 2], headers=network, body=body, page_url=page)

        await asyncio.gather(*map(come, range(POSTS // 2)))
        receipt = await post(http, headers={"X-Forwarded-For": "198.51.100.1"}, body=HONEST)
        honest = receipt["id"]
        if "challenge" in receipt:
            path = f"/api/v1/receipts/{receipt['receipt_url'].rsplit('/', 1)[1]}/proof"
            assert (await http.post(path, json={"proof": proof_of(receipt["challenge"])})).status == 200
        await asyncio.gather(*map(come, range(POSTS // 2, POSTS)))
        await until(lambda: all(one.container.traffic.attacks for one in replicas))
        anna = await logged_in(elsewhere, smtp)
        shown = await anna.shown()
        assert honest in shown
        assert len(shown) < _MOST_EARLY
        text = await page_of(anna)
        assert "più commenti del solito" in text
        [alike] = [int(one.replace(".", "")) for one in _ALIKE.findall(text)]
        assert POSTS - _MOST_EARLY < alike < POSTS
        [members] = re.findall(r'href="([^"]*alike=\d+[^"]*)"', text)
        of_group = await anna.shown(members)
        assert len(of_group) == 50
        assert honest not in of_group
        assert not set(of_group) & set(await anna.shown("/desk?suspects=only"))
        assert (await anna.get("/desk?suspects=only&alike=x")).status == 200
        [snapshot] = re.findall(r'name="snapshot" value="([^"]+)"', text[_ALIKE.search(text).end() :])[:1]  # type: ignore[union-attr]
        pressed = {"snapshot": snapshot, "confirmed": "yes", "all": "spam"}
        assert (await anna.post("/desk/bulk", pressed)).status == 303
        while _ALIKE.search(await page_of(anna)):
            await asyncio.sleep(0.05)
        assert honest in await anna.shown()


async def page_of(browser: Browser, path: str = "/desk") -> str:
    return unescape(await (await browser.get(path)).text())
