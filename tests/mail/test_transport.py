"""What a mail server does, how aiosmtplib tells it, and what is done about it: one row each."""

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from moderation_service.config.values import Server, smtp_url
from moderation_service.domain.notifications import retry_policy
from moderation_service.domain.notifications.retry_policy import Action, Outage, Phase
from moderation_service.mail.failures import DeliveryError
from moderation_service.mail.transport import Limits, Transport, greeting_name
from tests.support import misbehaving_smtp as servers
from tests.support.misbehaving_smtp import Misbehaving
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENCE

ANNA = "anna@example.org"
SHORT_WAITS = Limits(connecting=0.3, greeting=0.3, command=0.3)
"""For a server that says nothing from the start: it makes no difference how far we came."""

SHORT_WAIT_FOR_RECEIPT = Limits(greeting=5.0, command=5.0, data=5.0, block=0.0, answer=0.5)
"""For a server that falls silent late: the way there takes a moment on a slow machine."""

Make = Callable[[], AbstractAsyncContextManager[Misbehaving]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def certificate(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def a_mail(text: str = "interessante…", to: str = ANNA) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "A comment"
    mail["From"] = "moderation@example.net"
    mail["To"] = to
    mail.set_content(text, cte="quoted-printable")
    return mail


def transport(server: Server, limits: Limits | None = None, **options: Any) -> Transport:
    return Transport(
        server, sender="moderation@example.net", helo="comments.example.net", limits=limits, **options
    )


async def failure(sending: Transport, mail: EmailMessage | None = None, to: str = ANNA) -> DeliveryError:
    try:
        with pytest.raises(DeliveryError) as caught:
            await sending.send(mail or a_mail(), to)
    finally:
        await sending.close()
    return caught.value


# What the server does; the phase, code and action that follow; whether the mail may have arrived.
ROWS: list[tuple[str, Make, Phase, int | None, Action]] = [
    ("refuses at connect", servers.refuses_at_connect, Phase.CONNECT, None, Action.PAUSE_ALL),
    ("greets with 554", lambda: servers.greets_with("554 5.7.1 No"), Phase.CONNECT, 554, Action.PAUSE_ALL),
    ("greets with 421", lambda: servers.greets_with("421 4.3.2 Busy"), Phase.CONNECT, 421, Action.PAUSE_ALL),
    ("greets with nonsense", lambda: servers.greets_with("hello there"), Phase.CONNECT, None, Action.PAUSE_ALL),
    ("530 at MAIL", lambda: servers.answers_sender_with("530 5.7.0 Log in"), Phase.SENDER, 530, Action.PAUSE_ALL),
    ("550 at MAIL", lambda: servers.answers_sender_with("550 5.7.1 No"), Phase.SENDER, 550, Action.PAUSE_ALL),
    ("451 at MAIL", lambda: servers.answers_sender_with("451 4.3.0 Later"), Phase.SENDER, 451, Action.PAUSE_ALL),
    ("421 at MAIL", lambda: servers.answers_sender_with("421 4.3.2 Bye"), Phase.SENDER, 421, Action.PAUSE_ALL),
    (
        "421 at RCPT",
        lambda: servers.answers_recipient_with("421 4.7.0 Bye"),
        Phase.RECIPIENT,
        421,
        Action.PAUSE_ALL,
    ),
    ("450 at RCPT", lambda: servers.answers_recipient_with("450 4.2.1 Grey"), Phase.RECIPIENT, 450, Action.AGAIN),
    (
        "550 at RCPT",
        lambda: servers.answers_recipient_with("550 5.1.1 Who?"),
        Phase.RECIPIENT,
        550,
        Action.PARK_PERSON,
    ),
    (
        "530 at RCPT",
        lambda: servers.answers_recipient_with("530 5.7.0 Log in"),
        Phase.RECIPIENT,
        530,
        Action.PAUSE_ALL,
    ),
    ("535 to DATA", lambda: servers.answers_data_with("535 5.7.8 No"), Phase.DATA, 535, Action.PAUSE_ALL),
    ("drops after DATA", servers.drops_after_data, Phase.ANSWER, None, Action.PAUSE_ALL),
    (
        "drops between DATA and its answer",
        servers.drops_between_data_and_its_answer,
        Phase.ANSWER,
        None,
        Action.PAUSE_ALL,
    ),
    (
        "answers the message with nonsense",
        lambda: servers.answers_message_with("well done"),
        Phase.ANSWER,
        None,
        Action.PAUSE_ALL,
    ),
    ("450 at DATA", lambda: servers.answers_data_with("450 4.3.0 Later"), Phase.DATA, 450, Action.AGAIN),
    (
        "421 to the message",
        lambda: servers.answers_message_with("421 4.3.0 Bye"),
        Phase.DATA,
        421,
        Action.PAUSE_ALL,
    ),
    (
        "550 to a word in the message",
        lambda: servers.refuses_a_word("interessante"),
        Phase.DATA,
        550,
        Action.PARK_MESSAGE,
    ),
]


@pytest.mark.parametrize(
    ("make", "phase", "code", "action"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
async def test_a_failure_is_classified_by_phase_and_code(
    make: Make, phase: Phase, code: int | None, action: Action
) -> None:
    async with make() as server:
        error = await failure(transport(smtp_url(server.url)))
    assert (error.phase, error.code, error.action) == (phase, code, action)
    assert retry_policy.may_have_arrived(error.phase) is (phase is Phase.ANSWER)


@pytest.mark.parametrize(
    ("make", "limits", "phase"),
    [
        (servers.never_answers, SHORT_WAITS, Phase.CONNECT),
        (servers.speaks_one_byte_a_second, SHORT_WAITS, Phase.CONNECT),
        (servers.never_answers_the_message, SHORT_WAIT_FOR_RECEIPT, Phase.ANSWER),
    ],
)
async def test_no_answer_is_a_failure_after_a_while(make: Make, limits: Limits, phase: Phase) -> None:
    async with make() as server:
        error = await failure(transport(smtp_url(server.url), limits))
    assert (error.phase, error.code, error.action) == (phase, None, Action.PAUSE_ALL)
    assert retry_policy.may_have_arrived(error.phase) is (phase is Phase.ANSWER)


@pytest.mark.parametrize(
    ("answer", "code", "action"),
    [
        ("535 5.7.8 Wrong", 535, Action.PAUSE_ALL),
        ("530 5.7.0 No", 530, Action.PAUSE_ALL),
        ("454 4.7.0 Later", 454, Action.PAUSE_ALL),
        (servers.HANG_UP, None, Action.PAUSE_ALL),
    ],
)
async def test_a_refused_log_in_is_classified(answer: str | None, code: int | None, action: Action) -> None:
    async with servers.answers_log_in_with(answer) as server:
        error = await failure(transport(smtp_url(server.url.replace("//", "//user:secret@"))))
    assert (error.phase, error.code, error.action) == (Phase.LOGIN, code, action)


async def test_log_in_at_a_server_that_offers_none_pauses_all() -> None:
    async with servers.offers_no_starttls() as server:
        error = await failure(transport(smtp_url(server.url.replace("//", "//user:secret@"))))
    assert (error.phase, error.action) == (Phase.LOGIN, Action.PAUSE_ALL)
    assert server.mails == []


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("fault", ["another name", "an unknown authority"])
async def test_a_wrong_certificate_pauses_all(
    authority: trustme.CA, ca_file: str, fault: str, *, at_once: bool
) -> None:
    issuer = authority if fault == "another name" else trustme.CA()
    name = "other.example" if fault == "another name" else "127.0.0.1"
    async with servers.has_a_certificate(certificate(issuer, name), at_once=at_once) as server:
        error = await failure(transport(secured(server.url, ca_file)))
    assert (error.phase, error.code, error.action) == (
        Phase.TLS,
        None,
        Action.PAUSE_ALL,
    )
    assert server.mails == []


@pytest.mark.parametrize(
    ("make", "code", "action"),
    [
        (servers.offers_no_starttls, None, Action.PAUSE_ALL),
        (lambda: servers.refuses_starttls_with("501 5.5.1 No"), 501, Action.PAUSE_ALL),
        (lambda: servers.refuses_starttls_with("454 4.7.0 Later"), 454, Action.PAUSE_ALL),
        (lambda: servers.refuses_starttls_with("220 Go ahead, in plain text"), None, Action.PAUSE_ALL),
    ],
    ids=["not offered", "refused", "refused for now", "offered and not done"],
)
async def test_without_starttls_nothing_is_sent_in_plain_text(
    make: Make, ca_file: str, code: int | None, action: Action
) -> None:
    async with make() as server:
        error = await failure(transport(secured(server.url, ca_file), SHORT_WAIT_FOR_RECEIPT))
    assert (error.phase, error.code, error.action) == (Phase.TLS, code, action)
    assert {"AUTH", "MAIL", "RCPT", "DATA"}.isdisjoint(server.commands)


async def test_a_missing_file_of_authorities_is_a_failure_of_tls() -> None:
    async with servers.offers_no_starttls() as server:
        error = await failure(transport(secured(server.url, "/nonexistent/ca.pem")))
    assert error.phase is Phase.TLS


async def test_an_address_that_needs_smtputf8_is_parked_where_it_is_not_offered() -> None:
    async with servers.offers_no_smtputf8() as server:
        error = await failure(transport(smtp_url(server.url)), a_mail(to="jörg@example.org"), "jörg@example.org")
    assert (error.phase, error.action) == (Phase.RECIPIENT, Action.PARK_PERSON)
    assert server.mails == []


@pytest.mark.parametrize(
    ("address", "envelope", "options"),
    [
        ("jörg@example.org", "jörg@example.org", ["SMTPUTF8", "BODY=8BITMIME"]),
        ("anna@bücher.example", "anna@xn--bcher-kva.example", []),
        (ANNA, ANNA, []),
    ],
)
async def test_smtputf8_is_asked_for_only_where_the_recipient_needs_it(
    smtp: MailServer, monkeypatch: pytest.MonkeyPatch, address: str, envelope: str, options: list[str]
) -> None:
    asked: list[list[str]] = []

    async def note_sender(_: Any, __: Any, session_envelope: Any, sender: str, wanted: list[str]) -> str:
        asked.append(wanted)
        session_envelope.mail_from = sender
        return "250 OK"

    monkeypatch.setattr(MailServer, "handle_MAIL", lambda _, *rest: note_sender(*rest), raising=False)
    sending = transport(smtp_url(smtp.url))
    await sending.send(a_mail(to=envelope), address)
    await sending.close()
    [mail] = smtp.mails
    assert mail.recipients == (envelope,)
    assert mail.message["To"] == envelope
    assert asked == [options]


class _CramMd5:
    """AUTH CRAM-MD5, which aiosmtpd leaves to its users."""

    async def auth_CRAM__MD5(self, server: SMTP, _: Any) -> AuthResult:  # noqa: N802 - aiosmtpd's name
        challenge = b"<1.1@mail.example>"
        answer = await server.challenge_auth(challenge)
        assert isinstance(answer, bytes)
        user, digest = answer.decode().split()
        wanted = hmac.new(b"secret", challenge, hashlib.md5).hexdigest()
        return AuthResult(success=(user, digest) == ("user", wanted), handled=False)


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("at_once", [False, True])
async def test_a_mail_travels_over_tls_after_a_log_in(
    authority: trustme.CA, ca_file: str, method: str, *, at_once: bool
) -> None:
    kept = MailServer()

    def authenticate(_: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and data == LoginPassword(b"user", b"secret")
        return AuthResult(success=right and mechanism == method)

    context = certificate(authority, "127.0.0.1")
    handler = type("Handler", (_CramMd5,), {"handle_RCPT": kept.handle_RCPT, "handle_DATA": kept.handle_DATA})()
    listening = await asyncio.get_running_loop().create_server(
        lambda: SMTP(
            handler,
            tls_context=None if at_once else context,
            require_starttls=not at_once,
            auth_required=not at_once,
            auth_require_tls=not at_once,
            auth_exclude_mechanism=[one for one in ("PLAIN", "LOGIN", "CRAM-MD5") if one != method],
            authenticator=authenticate,
        ),
        "127.0.0.1",
        0,
        ssl=context if at_once else None,
    )
    port = listening.sockets[0].getsockname()[1]
    steps: list[Phase] = []
    sending = transport(
        smtp_url(
            f"{'smtps' if at_once else 'smtp'}://user:secret@127.0.0.1:{port}"
            f"?ca_file={ca_file}{'' if at_once else '&starttls=always'}"
        ),
        on_step=lambda phase, _: steps.append(phase),
    )
    try:
        await sending.send(a_mail(), ANNA)
    finally:
        await sending.close()
        listening.close()
    assert [mail.recipients for mail in kept.mails] == [(ANNA,)]
    assert steps == [Phase.CONNECT, Phase.TLS, Phase.LOGIN, Phase.SENDER, Phase.RECIPIENT, Phase.DATA]


async def test_a_connection_is_kept_open_over_a_run_of_messages_and_refusals() -> None:
    async with servers.refuses_a_word("refused") as server:
        sending = transport(smtp_url(server.url))
        await sending.send(a_mail("one"), ANNA)
        with pytest.raises(DeliveryError):
            await sending.send(a_mail("refused"), ANNA)
        await sending.send(a_mail("three"), ANNA)
        await sending.close()
    assert server.calls == 1
    assert len(server.mails) == 2
    assert server.commands[-1] == "QUIT"


async def test_a_kept_connection_that_the_server_ended_is_no_failure_of_the_message() -> None:
    async with servers.ends_every_connection_after_one_message() as server:
        sending = transport(smtp_url(server.url))
        for text in ("one", "two", "three"):
            await sending.send(a_mail(text), ANNA)
        await sending.close()
    assert server.calls == 3
    assert len(server.mails) == 3


@pytest.mark.parametrize("limits", [Limits(messages=1), Limits(connection=0.0)], ids=["messages", "seconds"])
async def test_a_connection_is_replaced_when_its_limit_is_reached(limits: Limits) -> None:
    async with servers.offers_no_starttls() as server:
        sending = transport(smtp_url(server.url), limits)
        await sending.send(a_mail("one"), ANNA)
        await sending.send(a_mail("two"), ANNA)
        await sending.close()
    assert server.calls == 2
    assert server.commands.count("QUIT") == 2


@pytest.mark.parametrize(
    ("make", "short", "phase"),
    [
        (servers.never_answers, "greeting", Phase.CONNECT),
        (lambda: servers.leaves_unanswered("EHLO"), "command", Phase.CONNECT),
        (lambda: servers.leaves_unanswered("MAIL"), "command", Phase.SENDER),
        (lambda: servers.leaves_unanswered("RCPT"), "command", Phase.RECIPIENT),
        (lambda: servers.leaves_unanswered("DATA"), "data", Phase.ANSWER),
        (servers.never_answers_the_message, "answer", Phase.ANSWER),
    ],
    ids=["greeting", "EHLO", "MAIL", "RCPT", "DATA", "answer"],
)
async def test_each_phase_has_a_patience_of_its_own(make: Make, short: str, phase: Phase) -> None:
    """A server that is slow in one phase is given up there, however patient all other phases are."""
    limits = replace(Limits(block=0.0), **dict[str, Any]({short: 0.3}))
    async with make() as server:
        async with asyncio.timeout(PATIENCE):
            error = await failure(transport(smtp_url(server.url), limits))
    assert (error.phase, error.code, error.outage) == (phase, None, Outage.AWAY)


def test_no_phase_is_cut_shorter_than_the_standard_says() -> None:
    """RFC 5321, 4.5.3.2, in seconds."""
    limits = Limits()
    assert (limits.greeting, limits.command, limits.data, limits.block, limits.answer) == (300, 300, 120, 180, 600)


@pytest.mark.parametrize(
    ("make", "outage"),
    [
        (servers.refuses_at_connect, Outage.AWAY),
        (lambda: servers.greets_with("421 4.3.2 Busy"), Outage.AWAY),
        (lambda: servers.answers_sender_with("451 4.3.0 Later"), Outage.AWAY),
        (lambda: servers.answers_recipient_with("421 4.7.0 Bye"), Outage.AWAY),
        (lambda: servers.greets_with("554 5.7.1 No"), Outage.REFUSES),
        (lambda: servers.answers_sender_with("550 5.7.1 No"), Outage.REFUSES),
        (lambda: servers.answers_data_with("535 5.7.8 No"), Outage.REFUSES),
    ],
)
async def test_a_server_that_is_away_is_distinguished_from_one_that_refuses_us(make: Make, outage: Outage) -> None:
    async with make() as server:
        error = await failure(transport(smtp_url(server.url)))
    assert (error.action, error.outage) == (Action.PAUSE_ALL, outage)


@pytest.mark.parametrize(
    ("make", "about_our_name"),
    [
        (lambda: servers.answers_recipient_with("504 5.5.2 <localhost>: need fully-qualified hostname"), True),
        (lambda: servers.answers_recipient_with("501 5.5.2 <x>: Helo command rejected: Invalid name"), True),
        (lambda: servers.answers_recipient_with("550 5.7.1 <x>: HELO command rejected: Host not found"), True),
        (lambda: servers.answers_recipient_with("450 4.7.1 <x>: Helo command rejected: Host not found"), True),
        (lambda: servers.answers_recipient_with("550 5.1.1 <anna@example.org>: unknown"), False),
        (lambda: servers.answers_recipient_with("501 5.1.3 Bad recipient address syntax"), False),
    ],
)
async def test_a_refusal_of_our_own_name_pauses_all_and_parks_nobody(make: Make, *, about_our_name: bool) -> None:
    async with make() as server:
        error = await failure(transport(smtp_url(server.url)))
    assert error.about_our_name is about_our_name
    assert error.action is (Action.PAUSE_ALL if about_our_name else Action.PARK_PERSON)
    assert about_our_name is (error.action is Action.PAUSE_ALL)


async def test_lines_that_begin_with_a_dot_arrive_as_they_were_written(smtp: MailServer) -> None:
    text = ".first\n..second\nbetween\n.\nlast\n"
    sending = transport(smtp_url(smtp.url))
    await sending.send(a_mail(text), ANNA)
    await sending.close()
    assert smtp.mails[0].text().splitlines() == text.splitlines()


async def test_the_status_of_a_reply_is_kept_without_its_words() -> None:
    async with servers.answers_recipient_with("550 5.1.1 <anna@example.org>: no such user") as server:
        error = await failure(transport(smtp_url(server.url)))
    assert error.status == "5.1.1"
    assert ANNA in error.reply
    assert ANNA not in str(error)


def secured(url: str, ca_file: str) -> Server:
    return smtp_url(f"{url}?ca_file={ca_file}" + ("" if url.startswith("smtps") else "&starttls=always"))


@pytest.mark.parametrize(
    ("chosen", "public_url", "own", "name"),
    [
        ("relay.example.net", "https://comments.example.org", "box.example.com", "relay.example.net"),
        ("", "https://comments.example.org/talk", "box.example.com", "comments.example.org"),
        ("", "https://kommentare.bücher.example", "box.example.com", "kommentare.xn--bcher-kva.example"),
        ("", "http://comments:8080", "box.example.com", "box.example.com"),
        ("", "http://192.0.2.7:8080", "box.example.com", "box.example.com"),
        ("", "http://192.0.2.7:8080", "box", "[192.0.2.7]"),
    ],
)
def test_the_mail_server_is_greeted_by_a_name_that_it_can_know(
    monkeypatch: pytest.MonkeyPatch, chosen: str, public_url: str, own: str, name: str
) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: own)
    assert greeting_name(chosen, public_url) == name
