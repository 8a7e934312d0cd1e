"""The service as an operator starts it: a process of its own, which can be watched, stopped and killed."""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.support import forked
from tests.support.forked import Forked
from tests.support.running import until
from tests.support.time_limits import PATIENCE

ROOT = Path(__file__).parents[2]
_URL = re.compile(r"http://127\.0\.0\.1:\d+")
_PORTS = range(11_000, 30_000)  # above 10080, the highest of those that browsers refuse
_next_port = count(os.getpid() * 101)


@dataclass(slots=True)
class Process:
    """A command that runs; `said` grows with what it writes on both streams."""

    child: subprocess.Process | Forked
    said: bytearray = field(default_factory=bytearray)

    @property
    def url(self) -> str:
        """The address that it named first."""
        found = _URL.search(self.words)
        assert found, self.words
        return found[0]

    @property
    def words(self) -> str:
        return self.said.decode()

    async def wait_for(self, words: str, times: int = 1) -> None:
        """Wait until the process has said something so often; fail when it ends before."""
        await until(lambda: self.words.count(words) >= times or self.child.returncode is not None)
        assert self.words.count(words) >= times, self.words

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.child.send_signal(number)
        return await self.ended()

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self.stop(signal.SIGKILL)

    async def ended(self) -> int:
        """The exit code, when it has ended."""
        return await asyncio.wait_for(self.child.wait(), PATIENCE)


@asynccontextmanager
async def command(
    *arguments: str,
    environ: Mapping[str, str],
    folder: Path | None = None,
    python: str = sys.executable,
    wrapper: tuple[str, ...] = (),
    under: tuple[str, ...] = (),
    program: tuple[str, ...] = (),
) -> AsyncIterator[Process]:
    """Run a command of the service until the end of the block.

    It is forked from a process that has loaded its code, which is started `under` a program where that is named.
    With a wrapper, another Python or another program that runs the service it is started by itself.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MODERATION_")}
    clean.pop("PYTHONDONTWRITEBYTECODE", None)  # the command is started hundreds of times, and compiled once
    full = clean | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environ}
    child: subprocess.Process | Forked
    if wrapper or program or python != sys.executable:
        child = await asyncio.create_subprocess_exec(
            *wrapper,
            *(program or (python, "-m", "moderation_service")),
            *arguments,
            cwd=folder,
            env=full,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    else:
        child = await forked.run(arguments, environ=full, folder=folder, root=ROOT, under=under)
    process = Process(child)
    reading = asyncio.create_task(_read(process))
    try:
        yield process
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
        await reading


@asynccontextmanager
async def served(
    environ: Mapping[str, str], *arguments: str, listening: int = 1, wrapper: tuple[str, ...] = ()
) -> AsyncIterator[Process]:
    """Run `serve` until the end of the block, and stop it in order; entered when so many processes listen."""
    async with command("serve", *arguments, environ=environ, wrapper=wrapper) as process:
        try:
            await process.wait_for("Listening on", listening)
            yield process
        finally:
            if process.child.returncode is None:
                await process.stop()


async def finished(
    *arguments: str, environ: Mapping[str, str], folder: Path | None = None, wrapper: tuple[str, ...] = ()
) -> tuple[int, str]:
    """Run a command to its end; return its exit code and what it said."""
    async with command(*arguments, environ=environ, folder=folder, wrapper=wrapper) as process:
        code = await process.ended()
    return code, process.words


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given before it is used.

    The kernel gives out higher ones to whoever asks for any; here each process of the tests has its own.
    """
    while True:
        port = _PORTS[next(_next_port) % len(_PORTS)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


async def answers(port: int, child: subprocess.Process) -> bool:
    """Tell whether a program of the tests takes connections on its port; fail when it has ended."""
    assert child.returncode is None, "it does not start; see what it wrote"
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def _read(process: Process) -> None:
    assert process.child.stdout is not None
    while chunk := await process.child.stdout.read(65536):
        process.said += chunk
