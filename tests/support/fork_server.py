"""Loads the code of the service once, and runs each command that it is asked for in a fork of itself.

Started as `python fork_server.py PATH`, it listens on a Unix socket at that path until its standard input ends.
Whoever connects sends one line of JSON with `arguments`, `environ` and `folder`, and with it the file that the
command writes to; what comes back is its process id and, when it has ended, its exit code, each on a line.
"""

import array
import gc
import importlib
import json
import os
import runpy
import select
import socket
import sys
import time
from contextlib import suppress
from typing import Any

LOADED = (
    "aiosqlite",
    "alembic.command",
    "asyncpg",
    "moderation_service.cli",
    "moderation_service.demo",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "uvloop",
)
"""What commands load, by themselves or when they are run."""


def main() -> None:
    """Answer until nobody is left who asks; in each fork, run a command instead.

    What was loaded is hidden from the collector, which would else walk through it in each fork, and have each copy
    it: that took most of the time of a short command, much of it when it ended.
    """
    for name in LOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    if order := listen(sys.argv[1]):
        become(order)
        runpy.run_module("moderation_service", run_name="__main__", alter_sys=True)


def listen(path: str) -> dict[str, Any] | None:
    """Fork for each connection; return there what is asked for, and None when standard input has ended."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        while True:
            found, _, _ = select.select([listening, sys.stdin], [], [], 1.0)
            reap()
            if sys.stdin in found:
                return None
            if found:
                connection, _ = listening.accept()
                with connection:
                    if os.fork() == 0:
                        listening.close()
                        return keep(connection)


def reap() -> None:
    """Take note of forks that have ended, so that their work is counted as ours."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def keep(connection: socket.socket) -> dict[str, Any]:
    """Fork once more: return in the command's own process what to run, and report here how that one ends."""
    line, files = receive(connection)
    pid = os.fork()
    if pid == 0:
        connection.close()
        order: dict[str, Any] = json.loads(line) | {"output": files[0]}
        return order
    os.close(files[0])
    with suppress(ConnectionError):  # nobody waits for it any more
        connection.sendall(b"%d\n" % pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(ConnectionError):
        connection.sendall(b"%d\n" % code)
    os._exit(0)


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    line, files = b"", array.array("i")
    while not line.endswith(b"\n"):
        more, given, _, _ = socket.recv_fds(connection, 65_536, 1)
        line += more
        files.extend(given)
    return line, list(files)


def become(order: dict[str, Any]) -> None:
    """Take on arguments, environment, folder and files of a command that is started by itself."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, number in ((nothing, 0), (order["output"], 1), (order["output"], 2)):
        os.dup2(file, number)
    os.close(nothing)
    os.close(order["output"])
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    os.chdir(order["folder"])
    sys.argv[1:] = order["arguments"]


if __name__ == "__main__":
    main()
