"""Several processes of the service behind one port, started again when they die, stopped together."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import replace

import structlog

from moderation_service.config.values import Address, InheritedSocket, Listen
from moderation_service.runtime import listening

STOP_WITHIN = 12.0
"""Seconds that a process has to stop before it is killed."""

_FIRST_DELAY = 1.0
_LONGEST_DELAY = 30.0
_HEALTHY_AFTER = 60.0

_log = structlog.stdlib.get_logger(__name__)


class ProcessGroup:
    """`count` processes of a command that listen on one port, or on one socket.

    The kernel hands each connection to one of them (SO_REUSEPORT, or the socket itself, which they inherit). The
    command is given the port's number or that of the socket's open file; its own number among the processes, from
    1, which stays the same over its restarts; and the reading end of a pipe that nobody writes to, which ends when
    this process does, however that comes about (see `when_parent_ends`).
    """

    def __init__(self, count: int, command: Sequence[str], listen: Listen) -> None:
        self._count = count
        self._command = command
        self._listen = listen
        self._running: set[asyncio.subprocess.Process] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the processes running until `stop`; raise OSError if the port is taken."""
        reading, writing = os.pipe()
        try:
            with _shared(self._listen) as shared:
                join, files = _how_to_join(self._listen, shared)
                full = [sys.executable, *self._command, *join, "--parent-pipe", str(reading)]
                await asyncio.gather(
                    *(
                        self._keep_running([*full, "--number", str(number + 1)], [reading, *files], stop)
                        for number in range(self._count)
                    )
                )
        finally:
            os.close(reading)
            os.close(writing)

    def forward(self, number: int) -> None:
        """Send a signal to each of the processes."""
        for process in self._running:
            with suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep_running(self, command: Sequence[str], files: Sequence[int], stop: asyncio.Event) -> None:
        delay = _FIRST_DELAY
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            began = loop.time()
            process = await asyncio.create_subprocess_exec(*command, pass_fds=files)
            self._running.add(process)
            stopping = asyncio.create_task(stop.wait())
            ending = asyncio.create_task(process.wait())
            await asyncio.wait([stopping, ending], return_when=asyncio.FIRST_COMPLETED)
            self._running.discard(process)
            stopping.cancel()
            if stop.is_set():
                await _end(process)
                return
            _log.error("process.died", pid=process.pid, code=process.returncode)
            if loop.time() - began > _HEALTHY_AFTER:
                delay = _FIRST_DELAY
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), delay)
            delay = min(delay * 2, _LONGEST_DELAY)


def when_parent_ends(pipe: int, stop: Callable[[], None]) -> None:
    """Call `stop` once the process at the other end of the pipe is gone, also where it was killed."""
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(pipe)
        os.close(pipe)
        _log.error("process.orphaned")
        stop()

    loop.add_reader(pipe, ended)


def joined(listen: Listen, *, port: int | None, file: int | None) -> Listen:
    """Return where a process of the group listens, by what the group told it."""
    if file is not None:
        return InheritedSocket(number=file)
    if port is not None and isinstance(listen, Address):
        return replace(listen, port=port, is_shared=True)
    return listen


def _shared(listen: Listen) -> AbstractContextManager[socket.socket]:
    if not isinstance(listen, Address):
        return listening.opened(listen)
    with listening.naming(listen):
        return closing(_reserved(listen))


def _how_to_join(listen: Listen, shared: socket.socket) -> tuple[list[str], list[int]]:
    """Return what tells a process where to listen, and the files that it needs for it."""
    if isinstance(listen, Address):
        return ["--join-port", str(shared.getsockname()[1])], []
    return ["--join-fd", str(shared.fileno())], [shared.fileno()]


def _reserved(listen: Address) -> socket.socket:
    """Return a socket that holds the port without listening, so that no stranger joins it between two starts."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as alone:
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        alone.bind((listen.host, listen.port))
        alone.listen()
    reserved = socket.socket(family, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind((listen.host, listen.port))
    return reserved


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_WITHIN)
    except TimeoutError:
        _log.error("process.killed", pid=process.pid, after=STOP_WITHIN)
        process.kill()
        await process.wait()
