"""A webhook's life beside a running service: told, verified, ended, shown, and sent again by the commands."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner, Result
from standardwebhooks.webhooks import WebhookVerificationError

from moderation_service.cli import main
from tests.conftest import Start
from tests.support import misbehaving_http
from tests.support.contract import client_of
from tests.support.desk import a_comment, logged_in, text_of
from tests.support.factories import SITES, bearer
from tests.support.processes import ROOT, free_port
from tests.support.running import until
from tests.support.smtp import MailServer
from tests.support.webhook_receiver import OTHER_SECRET, SECRET, Receiver, list_webhooks, receiving


async def command(line: str, environ: dict[str, str]) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, line.split(), env=environ | {"COLUMNS": "200"})


async def decide(http: ClientSession, comment_id: str, decision: str) -> None:
    chosen = {"decisions": [{"id": comment_id, "decision": decision}]}
    answer = await http.post("/api/v1/moderation/decisions", json=chosen, headers=bearer())
    assert answer.status == 200


async def changes(http: ClientSession) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, Any]]] = await (await http.get("/api/v1/changes?site=coop")).json()
    return found["changes"]


async def test_a_receiver_verifies_each_change_and_an_operator_sees_and_mends_what_ends(
    environ: dict[str, str], start: Start, smtp: MailServer, tmp_path: Path
) -> None:
    secret_files = [tmp_path / "first", tmp_path / "second"]
    for path, secret in zip(secret_files, (SECRET, OTHER_SECRET), strict=True):
        path.write_text(f"{secret}\n", encoding="utf-8")
    async with receiving() as receiver:
        rotating = {
            "id": "mirror",
            "url": receiver.url,
            "secret": None,
            "secret_file": [str(p) for p in secret_files],
        }
        build = {"id": "build", "url": receiver.url, "kind": "build_hook", "events": ["erased"]}
        list_webhooks(environ, SITES, rotating, build)
        service = await start(screening="off")
        await until(lambda: known(environ, "coop/mirror"))
        async with client_of(service.url) as http:
            comment = await a_comment(http)
            await decide(http, comment, "approve")
            await until(lambda: len(receiver.posts) == 1)
            [change] = await changes(http)
            [post] = receiver.posts
            for secret in (SECRET, OTHER_SECRET):
                assert post.verified(secret) == {"type": "published", "timestamp": change["at"], "data": change}
            with pytest.raises(WebhookVerificationError):
                post.verified("whsec_" + "A" * 32)
            assert post.headers["content-type"] == "application/json"
            assert post.headers["user-agent"].startswith("moderation-service/")

            await decide(http, comment, "reject")
            await until(lambda: len(receiver.posts) == 2)
            assert receiver.posts[1].verified()["data"] == (await changes(http))[0]
            assert receiver.posts[1].event["type"] == "withdrawn"

            shown = await command("webhooks list", environ)
            assert shown.exit_code == 0, shown.output
            assert "coop/mirror" in shown.output
            assert "2 of 2" in shown.output
            assert SECRET not in shown.output
            tried = await command("webhooks test mirror", environ)
            assert tried.exit_code == 0, tried.output
            assert [line.split(":")[0].strip() for line in tried.output.splitlines()] == [
                "To coop/mirror at 127.0.0.1",
                "ok      address found",
                "ok      address allowed",
                "ok      connected",
                "ok      answered",
                "It was taken.",
            ]
            assert receiver.posts.pop().verified()["type"] == "test"

            await decide(http, comment, "approve")
            await until(lambda: len(receiver.posts) == 3)
            await ends_and_goes_on(http, environ, receiver, smtp, comment)
        for line, words in {
            "webhooks show nobody": "No webhook of the sites file is called 'nobody'; there are: coop/build",
            "webhooks test nobody": "No webhook of the sites file is called 'nobody'",
            "webhooks replay mirror --after 99": "The newest change of coop is 4",
        }.items():
            refused = await command(line, environ)
            assert refused.exit_code == 1
            assert words in refused.output
        balanced = await command("audit", environ)
        assert balanced.exit_code == 0, balanced.output


async def ends_and_goes_on(
    http: ClientSession, environ: dict[str, str], receiver: Receiver, smtp: MailServer, comment: str
) -> None:
    receiver.status = 410
    await decide(http, comment, "reject")
    await until(lambda: has_ended(http))
    said = text_of(await (await (await logged_in(http, smtp)).get("/desk")).text())
    assert "Il webhook mirror è fermo dal" in said
    assert (
        'moderation_webhook_posts_refused_total{action="park_message"' in await (await http.get("/metrics")).text()
    )
    shown = await command("webhooks list", environ)
    assert shown.exit_code == 3
    assert "ended: it answered 410" in shown.output
    shown = await command("webhooks show coop/mirror", environ)
    assert "parked" in shown.output
    assert "change 4 of 4" in shown.output

    receiver.status = 204
    receiver.posts.clear()
    again = await command("webhooks replay mirror --after 0", environ)
    assert again.exit_code == 0, again.output
    await until(lambda: receiver.posts)
    assert [one.verified()["data"] for one in receiver.posts] == await changes(http)
    await until(lambda: nothing_is_degraded(http))


async def known(environ: dict[str, str], name: str) -> bool:
    """Whether a service has begun with a webhook."""
    shown = await command(f"webhooks show {name}", environ)
    return "works" in shown.output


async def degraded(http: ClientSession) -> list[str]:
    found: list[str] = (await (await http.get("/health/ready")).json())["degraded"]
    return found


async def has_ended(http: ClientSession) -> bool:
    return await degraded(http) == ["webhooks_parked"]


async def nothing_is_degraded(http: ClientSession) -> bool:
    return await degraded(http) == []


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_the_receiver_of_the_documentation_takes_what_is_sent(environ: dict[str, str]) -> None:
    port = free_port()
    example = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "docs/examples/receiver.py"), SECRET, str(port), stdout=asyncio.subprocess.PIPE
    )
    try:
        here = {"id": "here", "url": f"http://127.0.0.1:{port}/"}
        list_webhooks(environ, SITES, here, here | {"id": "stranger", "secret": OTHER_SECRET})

        async def is_taken() -> bool:
            return (await command("webhooks test here", environ)).exit_code == 0

        await until(is_taken)
        assert example.stdout is not None
        assert (await example.stdout.readline()).startswith(b"test ")
        refused = await command("webhooks test stranger", environ)
        assert "FAILED  answer: 401" in refused.output
    finally:
        example.kill()
        await example.communicate()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_try_says_where_it_ended(environ: dict[str, str]) -> None:
    async with misbehaving_http.redirects_to("http://127.0.0.1/") as elsewhere:
        private = {"id": "private", "url": elsewhere.url.replace("127.0.0.1", "[::ffff:127.0.0.1]")}
        list_webhooks(
            environ, SITES, {"id": "elsewhere", "url": elsewhere.url}, private | {"allow_private": False}
        )
        tried = await command("webhooks test elsewhere", environ)
        assert "FAILED  answer: 307 it leads elsewhere, which is not followed" in tried.output
        tried = await command("webhooks test private", environ)
        assert "FAILED  address: not of the public internet: ::ffff:7f00:1" in tried.output
        assert "allow_private = true" in tried.output
        assert tried.exit_code == 1
        assert len(elsewhere.requests) == 1
