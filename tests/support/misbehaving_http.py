"""HTTP servers that misbehave, each in one way, as receivers of webhooks were seen to do."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class MisbehavingHttp:
    """A server at `url`, which counts the requests that it got and the bytes of the answer that went out."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    sent: int = 0


Answering = Callable[[MisbehavingHttp, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def never_answers() -> AbstractAsyncContextManager[MisbehavingHttp]:
    async def wait(_: MisbehavingHttp, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await reader.read()

    return serving(wait)


def answers_one_byte_a_second() -> AbstractAsyncContextManager[MisbehavingHttp]:
    async def drip(server: MisbehavingHttp, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in _answer("200 OK"):
            writer.write(bytes([byte]))
            await writer.drain()
            server.sent += 1
            await asyncio.sleep(1)

    return serving(drip)


def answers(
    status: str, *headers: str, body: bytes = b"", tls: ssl.SSLContext | None = None
) -> AbstractAsyncContextManager[MisbehavingHttp]:
    async def say(_: MisbehavingHttp, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_answer(status, *headers, body=body))
        await writer.drain()

    return serving(say, tls=tls)


def redirects_to(url: str) -> AbstractAsyncContextManager[MisbehavingHttp]:
    return answers("307 Temporary Redirect", f"Location: {url}")


def answers_html(status: str) -> AbstractAsyncContextManager[MisbehavingHttp]:
    page = b"<!doctype html><title>Bad gateway</title><script>alert(1)</script>"
    return answers(status, "Content-Type: text/html; charset=utf-8", body=page)


def closes_without_an_answer() -> AbstractAsyncContextManager[MisbehavingHttp]:
    async def close(_: MisbehavingHttp, __: asyncio.StreamReader, ___: asyncio.StreamWriter) -> None:
        pass

    return serving(close)


def answers_without_end(status: str) -> AbstractAsyncContextManager[MisbehavingHttp]:
    async def pour(server: MisbehavingHttp, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        while True:
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            await writer.drain()
            server.sent += 65_536

    return serving(pour)


@asynccontextmanager
async def speaks_first(words: bytes) -> AsyncIterator[MisbehavingHttp]:
    """It is no HTTP server: it does not wait to be asked."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        writer.close()

    listening = await asyncio.start_server(greet, "127.0.0.1", 0)
    yield MisbehavingHttp(url=f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook")
    listening.close()


@asynccontextmanager
async def refuses_to_connect() -> AsyncIterator[MisbehavingHttp]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield MisbehavingHttp(url=f"http://127.0.0.1:{bound.getsockname()[1]}/hook")


@asynccontextmanager
async def serving(answering: Answering, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[MisbehavingHttp]:
    """Read one request of each connection, answer it so, and close."""
    server = MisbehavingHttp()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            server.requests.append(await _read_request(reader))
            await answering(server, reader, writer)
        writer.transport.abort() if tls is not None else writer.close()

    running: set[asyncio.Task[None] | None] = set()
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    server.url = f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook"
    try:
        yield server
    finally:
        listening.close()
        for task in running:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in running if task is not None), return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
    )
    return head + await reader.readexactly(length)


def _answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body
