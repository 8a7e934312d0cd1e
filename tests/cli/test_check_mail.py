"""`check` and the mail server: as far as a message would go, without sending one."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner, Result

from moderation_service.cli import main
from moderation_service.cli.command import Limits
from tests.support import misbehaving_smtp as servers
from tests.support.misbehaving_smtp import Misbehaving
from tests.support.posting import post
from tests.support.processes import served
from tests.support.smtp import MailServer

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)

OUR_NAME = "MODERATION_HELO_NAME: the mail server refuses the name by which the service greets it"


async def run(environ: dict[str, str], *words: str, obj: Limits | None = None) -> Result:
    """Run a command in a thread, as it has a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main, list(words), env=environ, obj=obj)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: servers.answers_recipient_with("504 5.5.2 <x>: not fully qualified"),
            f"{OUR_NAME}, {{}} (recipient): 504",
        ),
        (lambda: servers.answers_recipient_with("501 5.5.2 HELO name"), f"{OUR_NAME}, {{}} (recipient): 501"),
        (lambda: servers.answers_recipient_with("550 5.7.1 Bad EHLO"), f"{OUR_NAME}, {{}} (recipient): 550"),
        (lambda: servers.answers_sender_with("550 5.7.1 Bad HELO"), f"{OUR_NAME}, {{}} (sender): 550"),
        (
            lambda: servers.answers_sender_with("550 5.7.1 Not yours"),
            "MODERATION_MAIL_FROM: the mail server refuses the sender moderation@example.net: 550 5.7.1 Not yours",
        ),
        (
            lambda: servers.answers_recipient_with("550 5.1.1 Who?"),
            "MODERATION_SMTP_URL: the mail server takes no mail for a moderator's address: 550 5.1.1 Who?",
        ),
        (servers.refuses_at_connect, "MODERATION_SMTP_URL does not work (connect): Connection refused"),
    ],
)
async def test_check_says_what_a_mail_server_refuses_of_us(
    environ: dict[str, str], make: Callable[[], AbstractAsyncContextManager[Misbehaving]], said: str
) -> None:
    async with make() as server:
        ran = await run(environ | {"MODERATION_SMTP_URL": server.url}, "check")
    assert ran.exit_code == 1
    assert said.format("comments.example.net") in ran.output
    assert "DATA" not in server.commands


async def test_check_names_a_moderator_and_takes_that_back(environ: dict[str, str]) -> None:
    async with servers.offers_no_smtputf8() as server:
        ran = await run(environ | {"MODERATION_SMTP_URL": server.url}, "check")
    assert ran.exit_code == 0
    assert server.commands == ["EHLO", "MAIL", "RCPT", "RSET", "QUIT"]


async def test_a_recipient_who_is_refused_for_now_is_a_warning(environ: dict[str, str]) -> None:
    async with servers.answers_recipient_with("450 4.2.0 Greylisted") as server:
        ran = await run(environ | {"MODERATION_SMTP_URL": server.url}, "check")
    assert ran.exit_code == 0
    assert "450 4.2.0 Greylisted; the service would try again." in ran.output


async def test_a_server_that_says_nothing_does_not_hold_check_up(environ: dict[str, str]) -> None:
    assert Limits().mail <= 60
    async with servers.leaves_unanswered("RCPT") as server:
        ran = await run(environ | {"MODERATION_SMTP_URL": server.url}, "check", obj=Limits(mail=0.3))
    assert ran.exit_code == 1
    assert "MODERATION_SMTP_URL: the server did not answer within 0.3 seconds" in ran.output


@pytest.mark.parametrize(
    ("chosen", "public_url", "expected"),
    [
        ("mail.example.org", "https://comments.example.net", "mail.example.org"),
        ("", "https://comments.example.net", "comments.example.net"),
    ],
)
async def test_every_command_greets_by_the_same_name(
    environ: dict[str, str], smtp: MailServer, chosen: str, public_url: str, expected: str
) -> None:
    environ |= {"MODERATION_PUBLIC_URL": public_url}
    if chosen:
        environ["MODERATION_HELO_NAME"] = chosen
    assert (await run(environ, "check")).exit_code == 0
    assert smtp.greetings == [expected]
    assert (await run(environ, "mail", "test", "olga@example.com")).exit_code == 0
    assert smtp.greetings == [expected] * 2
    async with served(environ) as process, ClientSession(process.url) as http:
        await post(http)
        await smtp.wait_for(3)
    assert len(smtp.greetings) > 2
    assert set(smtp.greetings) == {expected}
