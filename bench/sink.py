"""A mail server that takes everything: `python -m bench.sink PORT FILE` notes a line for each message.

The line is how many comments the message tells of.
"""

import asyncio
import re
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

_COMMENTS = re.compile(rb"^X-Comments: (\d+)", re.MULTILINE)


class Sink:
    """Keeps nothing but a count."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        del server, session
        assert isinstance(envelope.content, bytes)
        told = _COMMENTS.search(envelope.content)
        with self._file.open("ab") as notes:
            notes.write((told[1] if told else b"0") + b"\n")
        return "250 Taken"


async def main() -> None:
    """Serve until the process is ended."""
    sink = Sink(Path(sys.argv[2]))
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(sink), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
