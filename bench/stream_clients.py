"""Clients of a stream in a process of their own: python -m bench.stream_clients URL COUNT [stalled | slow].

Prints `connected` when all are, and then for each event its number and when the last of them had it. Those that
are `stalled` take nothing after the stream's beginning and come again after five seconds; `slow` ones take
a kilobyte a second.
"""

import asyncio
import socket
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

_STALLED_FOR = 5.0
_A_SECOND = 1_024
_RECEIVED_AHEAD = 4_096
"""Bytes that the kernel takes for a client that does not read."""


async def _read(host: str, port: int, target: str, heard: asyncio.Queue[int]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(_asked(host, target))
    number = 0
    while line := await reader.readline():
        if line.startswith(b"id: "):
            if number == 0:
                heard.put_nowait(0)
            number = int(line.rpartition(b".")[2]) or -1
        elif line.startswith(b"data: "):
            heard.put_nowait(number)


async def _stall(host: str, port: int, target: str, heard: asyncio.Queue[int], *, takes: int) -> None:
    """Connect again and again, and take so many bytes a second."""
    loop = asyncio.get_running_loop()
    is_new = True
    while True:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_AHEAD)
        connection.setblocking(False)
        await loop.sock_connect(connection, (host, port))
        with connection:
            await loop.sock_sendall(connection, _asked(host, target))
            await loop.sock_recv(connection, _RECEIVED_AHEAD)
            if is_new:
                heard.put_nowait(0)
                is_new = False
            if takes:
                taken = b"x"
                while taken:
                    await asyncio.sleep(1)
                    taken = await loop.sock_recv(connection, takes)
            else:
                await asyncio.sleep(_STALLED_FOR)


def _asked(host: str, target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n".encode()


async def _keep_stalling(host: str, port: int, target: str, heard: asyncio.Queue[int], *, takes: int) -> None:
    while True:
        try:
            await _stall(host, port, target, heard, takes=takes)
        except OSError:
            await asyncio.sleep(1)


async def _main(url: str, count: int, kind: str) -> None:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    heard: asyncio.Queue[int] = asyncio.Queue()
    target = f"{parts.path}?{parts.query}"
    place = parts.hostname, parts.port, target, heard
    readers = {
        "": lambda: _read(*place),
        "stalled": lambda: _keep_stalling(*place, takes=0),
        "slow": lambda: _keep_stalling(*place, takes=_A_SECOND),
    }
    reading = [asyncio.create_task(readers[kind]()) for _ in range(count)]
    counted: Counter[int] = Counter()
    while any(not task.done() for task in reading):
        number = await heard.get()
        counted[number] += 1
        if counted[number] == count:
            print("connected" if number == 0 else f"{number} {time.time()}", flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), "".join(sys.argv[3:])))
