"""Several processes of the service behind one port, started again when they die, stopped together."""

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import closing, suppress

import structlog

from moderation_service.config.values import Address

STOP_WITHIN = 12.0
"""Seconds that a process has to stop before it is killed."""

_FIRST_DELAY = 1.0
_LONGEST_DELAY = 30.0
_HEALTHY_AFTER = 60.0

_log = structlog.stdlib.get_logger(__name__)


async def run(count: int, command: Sequence[str], listen: Address, stop: asyncio.Event) -> None:
    """Run `count` processes of a command that listen on one port, until `stop`; raise OSError if it is taken.

    The kernel hands each connection to one of them (SO_REUSEPORT). The command is given the port's number and
    its own among the processes, from 1, which stays the same over its restarts.
    """
    with closing(_reserved(listen)) as reserved:
        port = reserved.getsockname()[1]
        full = [sys.executable, *command, "--join-port", str(port), "--number"]
        await asyncio.gather(*(_kept_running([*full, str(number + 1)], stop) for number in range(count)))


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


async def _kept_running(command: Sequence[str], stop: asyncio.Event) -> None:
    delay = _FIRST_DELAY
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        began = loop.time()
        process = await asyncio.create_subprocess_exec(*command)
        stopping = asyncio.create_task(stop.wait())
        ending = asyncio.create_task(process.wait())
        await asyncio.wait([stopping, ending], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if stop.is_set():
            await _end(process)
            return
        _log.error("process.died", pid=process.pid, code=process.returncode)
        delay = _FIRST_DELAY if loop.time() - began > _HEALTHY_AFTER else min(delay * 2, _LONGEST_DELAY)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), delay)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()
