"""Push beside a running service: one tap decides, a second changes nothing, the page undoes; faults are named."""

import signal
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from tests.conftest import Start
from tests.support.cases import one_engine
from tests.support.contract import client_of
from tests.support.desk import a_comment, text_of
from tests.support.factories import PAGE, SITES
from tests.support.processes import served
from tests.support.push_server import TOPIC, Message, PushServer, list_push, push_server
from tests.support.running import until
from tests.support.smtp import MailServer


async def published(http: ClientSession) -> list[str]:
    answer = await http.get("/api/v1/comments", params={"page_url": PAGE})
    return [one["id"] for one in (await answer.json())["comments"]]


async def told(ntfy: PushServer, count: int) -> Message:
    await until(lambda: len(ntfy.messages) == count)
    return ntfy.messages[-1]


async def undo(http: ClientSession, page: str, path: str) -> int:
    """Press the button that takes a decision back."""
    token = page.partition('name="form_token" value="')[2].partition('"')[0]
    seen = page.partition('name="seen" value="')[2].partition('"')[0]
    answer = await http.post(path.rpartition("/")[0] + "/undo", data={"form_token": token, "seen": seen})
    return answer.status


async def test_one_tap_decides_and_the_page_behind_the_message_takes_it_back(
    environ: dict[str, str], start: Start, smtp: MailServer
) -> None:
    async with push_server() as ntfy:
        list_push(environ, SITES, {"anna": [ntfy.url], "paul": [ntfy.url]})
        service = await start(screening="off")
        async with client_of(service.url) as http:
            comment = await a_comment(http)
            await until(lambda: len(ntfy.messages) == len(smtp.mails) == 2)
            [anna] = [one for one in ntfy.messages if one.actions[0]["label"] == "Approva"]
            [paul] = [one for one in ntfy.messages if one is not anna]

            page_of_another_site = {"Origin": "https://ntfy.example", "Sec-Fetch-Site": "cross-site"}
            assert (await anna.tap(http, 0, **page_of_another_site)).status == 403
            assert await published(http) == []
            assert (await anna.tap(http, 0)).status == 200
            assert await published(http) == [comment]
            for late, number, status in ((anna, 1, 409), (paul, 0, 200), (paul, 2, 409)):
                assert (await late.tap(http, number)).status == status
            assert await published(http) == [comment]

            path = urlsplit(anna.click).path
            page = await (await http.get(path)).text()
            assert await published(http) == [comment]
            assert "Annulla" in text_of(page)
            assert await undo(http, page, path) == 200
            assert await published(http) == []
            assert (await paul.tap(http, 2)).status == 200


@one_engine
async def test_a_faulty_url_is_named_at_reload_and_by_check_while_mail_and_push_go_on(
    environ: dict[str, str], smtp: MailServer
) -> None:
    environ["MODERATION_SCREENING"] = "off"
    async with push_server() as ntfy:
        list_push(environ, SITES, {"anna": [ntfy.url]})
        async with served(environ) as process, client_of(process.url) as http:
            list_push(environ, SITES, {"anna": [ntfy.url, "tgram://secret-token"], "paul": ["smoke://secret"]})
            await process.wait_for("sites.faulty")
            assert "site[0].moderator[0].push[1]: Apprise cannot read what stands behind tgram://" in process.words
            assert "site[0].moderator[1].push[0]: Apprise knows no service smoke://" in process.words
            ntfy.status = 500
            await a_comment(http)
            await told(ntfy, 1)
            await until(lambda: len(smtp.mails) == 2)
            await process.wait_for("delivery.refused")
            ntfy.status = 200
            await process.wait_for("delivery.sent")
            for secret in ("secret-token", "smoke://secret", TOPIC, ntfy.host):
                assert secret not in process.words


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_stop_waits_for_a_message_that_is_being_handed_in(environ: dict[str, str]) -> None:
    environ["MODERATION_SCREENING"] = "off"
    async with push_server() as ntfy:
        list_push(environ, SITES, {"anna": [ntfy.url]})
        async with served(environ) as process, client_of(process.url) as http:

            def stop(_: Message) -> int:
                process.child.send_signal(signal.SIGTERM)
                return 200

            ntfy.answer = stop
            await a_comment(http)
            assert await process.ended() == 0
            assert "delivery.sent" in process.words
            assert len(ntfy.messages) == 1
