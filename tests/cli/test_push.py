"""The command that tries out the places of a moderator: each step is said, and no secret."""

import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trustme

from moderation_service.cli.command import Limits
from tests.support import misbehaving_http
from tests.support.commands import run
from tests.support.factories import SITES
from tests.support.misbehaving_http import MisbehavingHttp
from tests.support.push_server import TOPIC, list_push, push_server

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


async def test_each_place_of_a_moderator_gets_a_message_in_their_language(environ: dict[str, str]) -> None:
    async with push_server() as one, push_server() as other:
        list_push(environ, SITES, {"anna": [one.url, other.url], "paul": [one.url]})
        ran = await run(environ, "push", "test", "coop/anna")
        assert ran.exit_code == 0, ran.output
        assert ran.output.splitlines() == [
            "To coop/anna, place 1 of 2: ntfy://",
            "  ok      the URL is one that Apprise can use",
            "  ok      the message was taken",
            "To coop/anna, place 2 of 2: ntfy://",
            "  ok      the URL is one that Apprise can use",
            "  ok      the message was taken",
            "Every place took it: see whether it arrived.",
        ]
        [message], [again] = one.messages, other.messages
        assert message == again
        assert message.title == "Associazione dell'Esempio"
        assert message.text.startswith("Questo è un messaggio di prova.")
        assert (message.click, message.actions) == ("https://comments.example.net/desk", [])
        assert (await run(environ, "push", "test", "paul")).output.endswith("See whether it arrived.\n")
        assert one.messages[-1].text.startswith("This is a test message.")


async def test_what_a_place_refuses_is_said_in_words_and_the_next_one_is_tried(environ: dict[str, str]) -> None:
    async with push_server() as refusing, push_server() as other:
        refusing.status = 403
        list_push(environ, SITES, {"anna": [refusing.url, other.url]})
        ran = await run(environ, "push", "test", "anna")
    assert ran.exit_code == 1
    assert "  FAILED  answered 403\n          The place refuses who sends: correct the token" in ran.output
    assert "would park the message" in ran.output
    assert ran.output.endswith("1 of 2 places did not take it.\n")
    assert len(other.messages) == 1
    for secret in (TOPIC, refusing.host):
        assert secret not in ran.output


def answers_by_tls() -> AbstractAsyncContextManager[MisbehavingHttp]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return misbehaving_http.answers("200 OK", tls=context)


@pytest.mark.parametrize(
    ("make", "scheme", "said"),
    [
        (misbehaving_http.refuses_to_connect, "ntfy", "nothing listens there"),
        (misbehaving_http.never_answers, "ntfy", "it did not answer in time"),
        (misbehaving_http.closes_without_an_answer, "ntfy", "it closed the connection without an answer"),
        (lambda: misbehaving_http.speaks_first(b"220 mail\r\n"), "ntfys", "it does not speak TLS there"),
        (answers_by_tls, "ntfys", "its certificate cannot be trusted"),
        (lambda: misbehaving_http.answers_html("502 Bad Gateway"), "ntfy", "answered 502"),
    ],
)
async def test_why_a_place_does_not_answer_is_said_without_its_url(
    environ: dict[str, str],
    make: Callable[[], AbstractAsyncContextManager[MisbehavingHttp]],
    scheme: str,
    said: str,
) -> None:
    async with make() as server:
        host = server.url.split("/")[2]
        list_push(environ, SITES, {"anna": [f"{scheme}://{host}/{TOPIC}"]})
        ran = await run(environ, "push", "test", "anna", obj=Limits(push=0.5))
    assert ran.exit_code == 1
    assert f"  FAILED  {said}\n          The service would try again, later each time" in ran.output
    assert TOPIC not in ran.output
    assert host not in ran.output


async def test_a_host_without_an_address_is_told_from_one_that_is_down(environ: dict[str, str]) -> None:
    list_push(environ, SITES, {"anna": [f"ntfy://nowhere.invalid/{TOPIC}"]})
    ran = await run(environ, "push", "test", "anna")
    assert "  FAILED  no address is known for its host\n" in ran.output
    assert "nowhere.invalid" not in ran.output


async def test_whatever_cannot_be_tried_is_named(environ: dict[str, str]) -> None:
    async with push_server() as ntfy:
        twice = SITES.replace('id = "olga"', 'id = "anna"')
        list_push(environ, twice, {})
        for name, said in {
            "anna": "Several moderators are called 'anna'; there are: altro/anna, coop/anna.",
            "nobody": "No moderator of the sites file is called 'nobody'; there are: "
            "altro/anna, coop/anna, coop/paul.",
            "paul": "coop/paul has no places for push: list their URLs as push or push_file.",
        }.items():
            ran = await run(environ, "push", "test", name)
            assert (ran.exit_code, ran.output) == (1, f"{said}\n")
        list_push(environ, SITES, {"anna": [ntfy.url, "tgram://secret-token", "smoke://secret"]})
        ran = await run(environ, "push", "test", "anna")
        assert ran.exit_code == 1
        assert "site[0].moderator[0].push[1]: Apprise cannot read what stands behind tgram://" in ran.output
        assert "site[0].moderator[0].push[2]: Apprise knows no service smoke://" in ran.output
        assert "secret" not in ran.output
        assert ntfy.messages == []
