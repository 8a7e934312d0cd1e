"""A mail server that takes everything at little cost: `python -m bench.sink PORT FILE` notes a line for each mail.

The line is how many comments the mail tells of. It speaks no more SMTP than the service needs, so that it takes
less of the processor than what is measured.
"""

import asyncio
import re
import sys
from pathlib import Path
from typing import IO, cast

import uvloop

_COMMENTS = re.compile(rb"^X-Comments: (\d+)", re.MULTILINE)
_END = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    """One connection; keeps nothing but a count."""

    def __init__(self, notes: IO[bytes]) -> None:
        self._notes = notes
        self._read = b""
        self._is_in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer every command, and every mail when all of it is there."""
        self._read += data
        while (end := self._read.find(mark := _END if self._is_in_data else b"\r\n")) >= 0:
            said, self._read = self._read[:end], self._read[end + len(mark) :]
            self._transport.write(self._take(said) if self._is_in_data else self._answer(said))

    def _take(self, mail: bytes) -> bytes:
        self._is_in_data = False
        found = _COMMENTS.search(mail)
        self._notes.write((found[1] if found else b"0") + b"\n")
        return b"250 Taken\r\n"

    def _answer(self, command: bytes) -> bytes:
        match command[:4].upper():
            case b"EHLO":
                return b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
            case b"DATA":
                self._is_in_data = True
                return b"354 Go on\r\n"
            case b"QUIT":
                self._transport.write(b"221 Bye\r\n")
                self._transport.close()
                return b""
            case _:
                return b"250 Well\r\n"


async def main(port: int, notes: IO[bytes]) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(notes), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with Path(sys.argv[2]).open("ab", buffering=0) as opened:
        uvloop.run(main(int(sys.argv[1]), opened))
