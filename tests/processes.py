"""The service as a process of its own, which can be killed."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
_LISTENING = re.compile(r"Listening on (http://\S+)")


@dataclass(slots=True)
class Served:
    """A running `serve`: its address, and all that it wrote to standard error so far."""

    process: Process
    url: str = ""
    lines: list[str] = field(default_factory=list)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@asynccontextmanager
async def served(
    environ: dict[str, str], *arguments: str, listening: int = 1, wrapper: tuple[str, ...] = ()
) -> AsyncIterator[Served]:
    """Run `serve` with arguments until the end of the block; entered when so many processes listen."""
    process = await asyncio.create_subprocess_exec(
        *wrapper,
        sys.executable,
        "-m",
        "moderation_service",
        "serve",
        *arguments,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        stderr=PIPE,
    )
    found = Served(process)
    ready = asyncio.Event()
    reading = asyncio.create_task(_read(found, ready, listening))
    try:
        async with asyncio.timeout(30):
            await asyncio.wait([asyncio.create_task(ready.wait()), reading], return_when=asyncio.FIRST_COMPLETED)
        assert ready.is_set(), "".join(found.lines)
        yield found
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(20):
            await process.wait()
            await reading


async def _read(found: Served, ready: asyncio.Event, listening: int) -> None:
    assert found.process.stderr is not None
    seen = 0
    while line := (await found.process.stderr.readline()).decode():
        found.lines.append(line)
        match = _LISTENING.search(line)
        if match:
            found.url = match[1]
            seen += 1
            if seen >= listening:
                ready.set()
