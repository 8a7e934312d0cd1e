"""Commands of the service in processes of their own, which need not load its code: one that has is forked.

Loading takes longer than most commands then run. What is the same: a process with its own arguments, environment,
folder and output, which is sent signals, killed, and ends with an exit code.
"""

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

_SERVER = Path(__file__).with_name("fork_server.py")


class Forked:
    """A command that runs, with as much of `asyncio.subprocess.Process` as tests use."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader, ending: asyncio.Task[int]) -> None:
        self.pid = pid
        self.stdout = stdout
        self._ending = ending

    @property
    def returncode(self) -> int | None:
        return self._ending.result() if self._ending.done() else None

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        return await asyncio.shield(self._ending)


async def run(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    folder: Path | None,
    root: Path,
    under: tuple[str, ...] = (),
) -> Forked:
    """Run a command of the service as `python -m moderation_service` does, where wanted under another program.

    What that program changes (permissions, limits) comes down to the fork from the process that it starts.
    """
    order = {"arguments": arguments, "environ": dict(environ), "folder": str(folder or Path.cwd())}
    path = await asyncio.to_thread(_server, root, under)
    reading, writing = os.pipe()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    with os.fdopen(writing, "wb"):
        socket.send_fds(connection, [json.dumps(order).encode() + b"\n"], [writing])
    answers, asking = await asyncio.open_unix_connection(sock=connection)
    pid = int(await answers.readline())

    async def end() -> int:
        code = int(await answers.readline())
        asking.close()
        return code

    return Forked(pid, await _reader(reading), asyncio.create_task(end()))


async def _reader(file: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb")
    )
    return reader


@cache
def _server(root: Path, under: tuple[str, ...]) -> str:
    """Start what forks, which ends with this process; the path where it listens."""
    path = f"{tempfile.mkdtemp(prefix='fork')}/socket"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MODERATION_")}
    clean.pop("PYTHONDONTWRITEBYTECODE", None)
    server = subprocess.Popen(
        [*under, sys.executable, "-u", "-P", str(_SERVER), path],
        env=clean | {"PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    def end() -> None:
        with server:
            server.communicate()

    atexit.register(end)
    assert server.stdout is not None
    assert server.stdout.readline() == b"listening\n"
    return path
