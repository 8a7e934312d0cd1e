"""Mail servers that misbehave, each in one way, as real servers were seen to do."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.running import until

HANG_UP = None
"""Instead of an answer: the connection ends."""

_NO_ANSWER = "no answer"


@dataclass(slots=True)
class Misbehaving:
    """A server at `url`: how often it was called, and the mails that it took in spite of itself."""

    url: str = ""
    calls: int = 0
    open: int = 0
    most_open: int = 0
    commands: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)


def refuses_at_connect() -> AbstractAsyncContextManager[Misbehaving]:
    return _nobody_listens()


def greets_with(answer: str) -> AbstractAsyncContextManager[Misbehaving]:
    return _server(greeting=answer)


def drops_after_data() -> AbstractAsyncContextManager[Misbehaving]:
    return _server({"DATA": HANG_UP})


def drops_between_data_and_its_answer() -> AbstractAsyncContextManager[Misbehaving]:
    return _server({".": HANG_UP})


def answers_sender_with(answer: str) -> AbstractAsyncContextManager[Misbehaving]:
    return _server({"MAIL": answer})


def answers_recipient_with(answer: str) -> AbstractAsyncContextManager[Misbehaving]:
    return _server({"RCPT": answer})


def answers_log_in_with(answer: str | None) -> AbstractAsyncContextManager[Misbehaving]:
    return _server({"AUTH": answer}, offers=("AUTH PLAIN",))


def answers_data_with(answer: str) -> AbstractAsyncContextManager[Misbehaving]:
    return _server({"DATA": answer})


def answers_message_with(answer: str) -> AbstractAsyncContextManager[Misbehaving]:
    return _server({".": answer})


def refuses_a_word(word: str, answer: str = "550 5.7.1 Spam") -> AbstractAsyncContextManager[Misbehaving]:
    return _server(word=(word, answer))


def never_answers() -> AbstractAsyncContextManager[Misbehaving]:
    return _server(greeting=_NO_ANSWER)


def leaves_unanswered(verb: str) -> AbstractAsyncContextManager[Misbehaving]:
    return _server({verb: _NO_ANSWER})


def never_answers_the_message() -> AbstractAsyncContextManager[Misbehaving]:
    return _server({".": _NO_ANSWER})


def speaks_one_byte_a_second() -> AbstractAsyncContextManager[Misbehaving]:
    return _server(pause=1.0)


def ends_every_connection_after_one_message() -> AbstractAsyncContextManager[Misbehaving]:
    return _server(most_messages=1)


def has_a_certificate(
    context: ssl.SSLContext, *, at_once: bool = False
) -> AbstractAsyncContextManager[Misbehaving]:
    """STARTTLS, or TLS at once, with the context's certificate, right or wrong."""
    return _server(tls=context, at_once=at_once, offers=() if at_once else ("STARTTLS",))


def offers_no_starttls() -> AbstractAsyncContextManager[Misbehaving]:
    return _server()


def refuses_starttls_with(answer: str) -> AbstractAsyncContextManager[Misbehaving]:
    return _server({"STARTTLS": answer}, offers=("STARTTLS",))


def greets_when_so_many_are_connected(count: int) -> AbstractAsyncContextManager[Misbehaving]:
    return _server(crowd=count)


def offers_no_smtputf8() -> AbstractAsyncContextManager[Misbehaving]:
    return _server()


@asynccontextmanager
async def _nobody_listens() -> AsyncIterator[Misbehaving]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Misbehaving(url=f"smtp://127.0.0.1:{bound.getsockname()[1]}")


@asynccontextmanager
async def _server(  # noqa: C901, PLR0915 - one conversation, in its order
    answers: Mapping[str, str | None] | None = None,
    *,
    greeting: str = "220 misbehaving.example ready",
    offers: tuple[str, ...] = (),
    word: tuple[str, str] | None = None,
    pause: float = 0.0,
    tls: ssl.SSLContext | None = None,
    at_once: bool = False,
    most_messages: int = 1_000_000,
    crowd: int = 1,
) -> AsyncIterator[Misbehaving]:
    server = Misbehaving()
    usual = {
        "AUTH": "235 OK",
        "DATA": "354 Go ahead",
        "QUIT": "221 Bye",
        "STARTTLS": "220 Go ahead",
        ".": "250 Kept",
    }
    usual["EHLO"] = "\r\n".join([*(f"250-{one}" for one in ("misbehaving.example", *offers)), "250 HELP"])

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: str | None) -> None:
        if answer is HANG_UP:
            raise ConnectionAbortedError
        if answer == _NO_ANSWER:
            await reader.read()
            raise ConnectionAbortedError
        line = f"{answer}\r\n".encode()
        for piece in [line] if not pause else [line[place : place + 1] for place in range(len(line))]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.calls += 1
        await until(lambda: server.most_open >= crowd)
        await say(reader, writer, greeting)
        taken = 0
        while taken < most_messages and (line := await reader.readline()):
            verb = line.split()[0].decode().upper() if line.split() else ""
            server.commands.append(verb)
            answer = (usual | dict(answers or {})).get(verb, "250 OK")
            await say(reader, writer, answer)
            if verb == "STARTTLS" and tls is not None and str(answer).startswith("220"):
                await writer.start_tls(tls)
            if verb == "DATA" and str(answer).startswith("354"):
                mail = (await reader.readuntil(b"\r\n.\r\n")).decode()
                refusal = word[1] if word and word[0] in mail else None
                await say(reader, writer, refusal or (usual | dict(answers or {}))["."])
                if refusal is None:
                    server.mails.append(mail)
                taken += refusal is None

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        server.open += 1
        server.most_open = max(server.most_open, server.open)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await converse(reader, writer)
        server.open -= 1
        writer.transport.abort() if tls is not None else writer.close()

    running: set[asyncio.Task[None] | None] = set()
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls if at_once else None)
    server.url = f"{'smtps' if at_once else 'smtp'}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for task in running:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in running if task is not None), return_exceptions=True)
