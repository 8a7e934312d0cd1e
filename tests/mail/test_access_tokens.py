"""XOAUTH2: tokens from a real token server, for a real mail server, with a clear word for each failure."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult
from click.testing import CliRunner

from moderation_service import cli, config
from moderation_service.cli.command import Limits
from moderation_service.config.values import OAuth
from moderation_service.domain.notifications.retry_policy import Action, Phase
from moderation_service.mail.access_tokens import AccessTokens
from moderation_service.mail.failures import DeliveryError
from moderation_service.mail.transport import Transport
from moderation_service.runtime import sending
from tests.conftest import Start
from tests.support.contract import client_of
from tests.support.factories import a_submission
from tests.support.running import until
from tests.support.settings import REQUIRED, faults
from tests.support.smtp import MailServer

SECRET_OF_CLIENT = "client-secret-canary"


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for what goes over the wire to mail and token servers."""
    return f"sqlite:///{tmp_path}/test.db"


@dataclass(slots=True)
class TokenServer:
    """What it was asked, and how it answers."""

    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    answer: Callable[[int], web.Response] | None = None

    async def give(self, request: web.Request) -> web.Response:
        self.asked.append({name: str(value) for name, value in (await request.post()).items()})
        if self.answer is not None:
            return self.answer(len(self.asked))
        return web.json_response({"access_token": f"token-{len(self.asked)}", "expires_in": 3600})


@pytest.fixture
async def token_server() -> AsyncIterator[TokenServer]:
    server = TokenServer()
    app = web.Application()
    app.router.add_post("/token", server.give)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    yield server
    await runner.cleanup()


def account(server: TokenServer, **changed: Any) -> OAuth:
    values = {"token_url": server.url, "client_id": "us", "client_secret": SECRET_OF_CLIENT, "scope": "mail"}
    return OAuth(**values | changed)


class TokenMailServer(MailServer):
    """A mail server that lets in whoever brings one of the `good` tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.good: set[str] = set()
        self.brought: list[str] = []

    async def auth_XOAUTH2(self, _: SMTP, arguments: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd's name
        words = base64.b64decode(arguments[1]).decode().split("\x01")
        assert words[0] == "user=moderation@example.net"
        token = words[1].removeprefix("auth=Bearer ")
        self.brought.append(token)
        if token in self.good:
            return AuthResult(success=True)
        return AuthResult(success=False, handled=False, message="535 5.7.8 The token is not good")


@asynccontextmanager
async def mail_server() -> AsyncIterator[TokenMailServer]:
    kept = TokenMailServer()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(kept, auth_require_tls=False), "127.0.0.1", 0
    )
    kept.url = f"smtp://moderation%40example.net@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield kept
    finally:
        server.close()
        await server.wait_closed()


def transport(mail: TokenMailServer, tokens: AccessTokens) -> Transport:
    settings = config.read(REQUIRED | {"MODERATION_SMTP_URL": mail.url})
    return Transport(settings.smtp, sender="moderation@example.net", helo="comments.example.net", tokens=tokens)


async def test_a_token_is_fetched_once_kept_and_fetched_anew_before_it_expires(token_server: TokenServer) -> None:
    now = 0.0
    tokens = AccessTokens(account(token_server), monotonic=lambda: now)
    assert [await tokens.get() for _ in range(3)] == ["token-1"] * 3
    now = 3_539.0
    assert await tokens.get() == "token-1"
    now = 3_540.0
    assert await tokens.get() == "token-2"
    assert token_server.asked[0] == {
        "client_id": "us",
        "client_secret": SECRET_OF_CLIENT,
        "scope": "mail",
        "grant_type": "client_credentials",
    }


async def test_a_refresh_token_is_used_where_there_is_one(token_server: TokenServer) -> None:
    await AccessTokens(account(token_server, refresh_token="again")).get()
    [asked] = token_server.asked
    assert (asked["grant_type"], asked["refresh_token"]) == ("refresh_token", "again")


async def test_a_token_that_the_mail_server_refuses_is_fetched_anew_once(token_server: TokenServer) -> None:
    async with mail_server() as mail:
        mail.good = {"token-2"}
        sending = transport(mail, AccessTokens(account(token_server)))
        await sending.log_in()
        await sending.close()
        assert mail.brought == ["token-1", "token-2"]
        mail.good = set()
        refused = transport(mail, AccessTokens(account(token_server)))
        with pytest.raises(DeliveryError) as raised:
            await refused.log_in()
        assert (raised.value.phase, raised.value.code) == (Phase.LOGIN, 535)
        assert raised.value.action is Action.PAUSE_ALL
        assert len(mail.brought) == 4


FAILURES: list[tuple[Callable[[int], web.Response], str]] = [
    (lambda _: web.Response(text="<html>Sign in</html>", content_type="text/html"), "not JSON; check token_url"),
    (lambda _: web.Response(status=500, text="oops"), "answered 500 with something that is not JSON"),
    (
        lambda _: web.json_response(
            {"error": "invalid_client", "error_description": "no such\nsecret"}, status=401
        ),
        "refused (401): invalid_client no such secret",
    ),
    (lambda _: web.json_response({"token_type": "Bearer"}), "without an access token"),
    (lambda _: web.json_response({"access_token": "a\nb"}), "without an access token"),
    (lambda _: web.json_response([]), "answered 200"),
]


@pytest.mark.parametrize(("answer", "said"), FAILURES)
async def test_what_a_token_server_does_wrong_is_said_as_such(
    token_server: TokenServer, answer: Callable[[int], web.Response], said: str
) -> None:
    token_server.answer = answer
    with pytest.raises(DeliveryError) as raised:
        await AccessTokens(account(token_server)).get()
    assert raised.value.phase is Phase.TOKEN
    assert said in raised.value.reply
    assert SECRET_OF_CLIENT not in raised.value.reply
    assert raised.value.action is Action.PAUSE_ALL


async def test_a_token_server_that_is_silent_or_away_holds_nobody_up(token_server: TokenServer) -> None:
    hung_up = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        hung_up.set()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(DeliveryError, match=Phase.TOKEN) as raised:
        await AccessTokens(account(token_server, token_url=f"http://127.0.0.1:{port}/"), within=0.05).get()
    assert "did not answer within" in raised.value.reply
    await hung_up.wait()
    silent.close()
    await silent.wait_closed()
    with pytest.raises(DeliveryError) as raised:
        await AccessTokens(account(token_server, token_url=f"http://127.0.0.1:{port}/")).get()
    assert "cannot be reached" in raised.value.reply


OAUTH = 'token_url = "{url}"\nclient_id = "us"\nclient_secret_file = "{secret}"\nscope = "mail"\n'


async def test_a_moderator_is_notified_of_a_comment_through_a_server_that_takes_tokens_alone(
    start: Start, token_server: TokenServer, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(f"{SECRET_OF_CLIENT}\n")
    file = tmp_path / "oauth.toml"
    file.write_text(OAUTH.format(url=token_server.url, secret=tmp_path / "secret"))
    async with mail_server() as mail:
        mail.good = {"token-1"}
        service = await start(smtp_url=mail.url, smtp_oauth=str(file))
        async with client_of(service.url) as http:
            assert (await http.post("/api/v1/comments", json=a_submission())).status == 202
        await until(lambda: len(mail.mails) == 2)
        service.stop.set()
        assert len(token_server.asked) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("token_url = ", "is not valid TOML"),
        ('token_url = "https://login.example/t"', "lacks client_id"),
        (OAUTH.format(url="http://login.example/t", secret="/dev/null"), "lacks client_secret"),
        (
            OAUTH.format(url="https://login.example/t", secret="/nothing"),
            "has the client_secret_file /nothing: No such file or directory",
        ),
        ('tenant = "x"', "has tenant, which is not an accepted key or not a text"),
    ],
)
def test_a_faulty_file_of_an_account_is_named(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "oauth.toml"
    file.write_text(content)
    found = faults(smtp_oauth=str(file), smtp_url="smtp://user@mail.example.net")
    assert found["MODERATION_SMTP_OAUTH"].startswith(said)


def test_tokens_need_a_user_name(tmp_path: Path) -> None:
    file = tmp_path / "oauth.toml"
    (tmp_path / "secret").write_text("s")
    file.write_text(OAUTH.format(url="https://login.example/t", secret=tmp_path / "secret"))
    assert list(faults(smtp_oauth=str(file))) == ["MODERATION_SMTP_URL"]


def test_check_explains_why_there_is_no_token(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "secret").write_text("s")
    file = tmp_path / "oauth.toml"
    file.write_text(OAUTH.format(url="http://127.0.0.1:9/token", secret=tmp_path / "secret"))
    changed = {"MODERATION_SMTP_OAUTH": str(file), "MODERATION_SMTP_URL": "smtp://user@127.0.0.1:9"}
    ran = CliRunner().invoke(cli.main, ["check"], env=environ | changed)
    assert ran.exit_code == 1
    assert "MODERATION_SMTP_URL does not work (token): the token server cannot be reached" in ran.output


def test_all_connections_share_one_token(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    file = tmp_path / "oauth.toml"
    file.write_text(OAUTH.format(url="https://login.example/t", secret=tmp_path / "secret"))
    changed = {"MODERATION_SMTP_OAUTH": str(file), "MODERATION_SMTP_URL": "smtp://user@mail.example.net"}
    new = sending.transports(config.read(REQUIRED | changed))
    assert new()._tokens is new()._tokens is not None


HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"
BEGINNING = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{"access'


@pytest.mark.parametrize("words", [("check",), ("mail", "test", "olga@example.com")])
@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (HTML, "the token server answered 200 with something that is not JSON; check token_url"),
        (b"", "the token server did not answer within 0.5 seconds"),
        (BEGINNING, "the token server did not answer within 0.5 seconds"),
    ],
    ids=["a page", "nothing", "a byte at a time"],
)
async def test_each_command_says_what_is_wrong_with_a_token_server(
    environ: dict[str, str],
    tmp_path: Path,
    words: tuple[str, ...],
    sent: bytes,
    said: str,
) -> None:
    """One that answers a page, never, or a part and then a byte now and then."""

    finished = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(sent)
            while sent == BEGINNING and not writer.is_closing():
                await asyncio.sleep(0.05)
                writer.write(b" ")
                await writer.drain()
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        finished.set()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    (tmp_path / "secret").write_text(SECRET_OF_CLIENT)
    file = tmp_path / "oauth.toml"
    file.write_text(OAUTH.format(url=f"http://127.0.0.1:{port}/token", secret=tmp_path / "secret"))
    changed = {"MODERATION_SMTP_OAUTH": str(file), "MODERATION_SMTP_URL": "smtp://user@127.0.0.1:9"}
    short = Limits(token=0.5)
    ran = await asyncio.to_thread(CliRunner().invoke, cli.main, list(words), env=environ | changed, obj=short)
    await finished.wait()
    listening.close()
    await listening.wait_closed()
    assert ran.exit_code == 1
    assert said in ran.output
    assert SECRET_OF_CLIENT not in ran.output
