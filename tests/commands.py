"""The service as an operator starts it: a process of its own, with its standard error kept."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.running import until

ROOT = Path(__file__).parent.parent
_URL = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass(slots=True)
class Process:
    """A command that runs; `said` grows with what it writes on both streams."""

    child: asyncio.subprocess.Process
    said: bytearray

    @property
    def url(self) -> str:
        found = _URL.search(self.said.decode())
        assert found, self.said.decode()
        return found[0]

    @property
    def words(self) -> str:
        return self.said.decode()

    async def wait_for(self, words: str) -> None:
        """Wait until the process says something; fail when it ends before."""
        await until(lambda: words in self.words or self.child.returncode is not None)
        assert words in self.words, self.words

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.child.send_signal(number)
        return await asyncio.wait_for(self.child.wait(), 20)


@asynccontextmanager
async def command(
    *arguments: str, environ: Mapping[str, str], folder: Path | None = None, python: str = sys.executable
) -> AsyncIterator[Process]:
    """Run a command of the service until the end of the block."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MODERATION_")}
    child = await asyncio.create_subprocess_exec(
        python,
        "-m",
        "moderation_service",
        *arguments,
        cwd=folder,
        env=clean | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    process = Process(child, bytearray())
    reading = asyncio.create_task(_read(process))
    try:
        yield process
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
        await reading


async def finished(*arguments: str, environ: Mapping[str, str], folder: Path | None = None) -> tuple[int, str]:
    """Run a command to its end; return its exit code and what it said."""
    async with command(*arguments, environ=environ, folder=folder) as process:
        code = await asyncio.wait_for(process.child.wait(), 60)
    return code, process.words


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _read(process: Process) -> None:
    assert process.child.stdout is not None
    while chunk := await process.child.stdout.read(65536):
        process.said += chunk
