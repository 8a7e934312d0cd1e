"""Honest posts beside clients who would stop the others: long Markdown, big bodies, readers who take nothing."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from bench import servers
from bench.loader import Load, run
from bench.memory import resident_mb
from bench.seeding import BODY, seed
from bench.single import POST, ROUNDS, SECONDS, listed
from bench.table import Table

_HONEST = 4
_ATTACKING = 16
_SLOW_READERS = 300
_AT_MOST = 3.0

Attack = Callable[[], AbstractContextManager[None]]


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    settings = servers.environ(folder, f"sqlite:///{folder}/attack.db", servers.free_port()) | {
        "MODERATION_SCREENING": "on",
        "MODERATION_TRUSTED_PROXIES": "127.0.0.1/32",
    }
    seed(settings, pages=1, comments=200, approve=1, body=lambda _: BODY * 60)
    with servers.service(settings) as (url, process):
        run(url + POST, seconds=1, connections=1, script="markdown.lua")
        attacks: dict[str, Attack] = {
            "the Markdown attack": partial(_posting, url, "markdown.lua"),
            "bodies of 256 KiB": partial(_posting, url, "big.lua"),
            f"{_SLOW_READERS} slow readers of a long list": partial(
                _taking_nothing, settings["MODERATION_LISTEN"]
            ),
        }
        for name, attack in attacks.items():
            _measure(table, url, name, attack)
        memory = resident_mb(process.pid)
    table.note("memory after the attacks", f"{memory:.0f} MB")


def _measure(table: Table, url: str, name: str, attack: Attack) -> None:
    pairs = []
    for _ in range(ROUNDS):
        alone = _honest(url)
        with attack():
            pairs.append((_honest(url), alone))
    p50, alone_p50 = median(one.p50 for one, _ in pairs), median(one.p50 for _, one in pairs)
    table.note(
        f"honest POST p50 beside {name}, {_HONEST} connections",
        f"{p50:.1f} ms",
        beside=f"{alone_p50:.1f} ms without it",
        ratio=f"{p50 / alone_p50:.2f}",
        least=f"below {_AT_MOST:.2f}",
        met="yes" if 0 < p50 < _AT_MOST * alone_p50 and not any(one.failed for one, _ in pairs) else "no",
    )


def _honest(url: str) -> Load:
    return run(url + POST, seconds=SECONDS, connections=_HONEST, script="honest.lua")


@contextmanager
def _posting(url: str, script: str) -> Iterator[None]:
    """Post on many connections for a little longer than the honest ones do."""
    attack = threading.Thread(
        target=run,
        args=(url + POST,),
        kwargs={"seconds": SECONDS + 2, "connections": _ATTACKING, "script": script},
    )
    attack.start()
    try:
        yield
    finally:
        attack.join()


@contextmanager
def _taking_nothing(listen: str) -> Iterator[None]:
    """Ask for a long list on many connections, and take nothing of it once it has begun to come."""
    host, _, port = listen.rpartition(":")
    with ExitStack() as stack:
        readers = []
        for _ in range(_SLOW_READERS):
            reader = stack.enter_context(closing(socket.socket()))
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            reader.connect((host, int(port)))
            reader.sendall(f"GET {listed(0, 200)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            readers.append(reader)
        for reader in readers:
            reader.recv(1, socket.MSG_PEEK)
        yield
