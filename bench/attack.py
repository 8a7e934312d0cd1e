"""Honest posts beside a client that sends long Markdown over its limit, on 16 connections."""

import threading
from pathlib import Path
from statistics import median

from bench import servers
from bench.loader import Load, run
from bench.memory import resident_mb
from bench.single import POST, ROUNDS, SECONDS
from bench.table import Table

_HONEST = 4
_ATTACKING = 16
_AT_MOST = 3.0


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    settings = servers.environ(folder, f"sqlite:///{folder}/attack.db", servers.free_port()) | {
        "MODERATION_SCREENING": "on",
        "MODERATION_TRUSTED_PROXIES": "127.0.0.1/32",
    }
    with servers.service(settings) as (url, process):
        run(url + POST, seconds=1, connections=1, script="markdown.lua")
        pairs = []
        for _ in range(ROUNDS):
            alone = _honest(url)
            pairs.append((_beside(url), alone))
        memory = resident_mb(process.pid)
    p50, alone_p50 = median(one.p50 for one, _ in pairs), median(one.p50 for _, one in pairs)
    table.note(
        f"honest POST p50 beside the Markdown attack, {_HONEST} connections",
        f"{p50:.1f} ms",
        beside=f"{alone_p50:.1f} ms without it",
        ratio=f"{p50 / alone_p50:.2f}",
        least=f"below {_AT_MOST:.2f}",
        met="yes" if p50 < _AT_MOST * alone_p50 and not any(one.failed for one, _ in pairs) else "no",
    )
    table.note("memory after the attack", f"{memory:.0f} MB")


def _honest(url: str) -> Load:
    return run(url + POST, seconds=SECONDS, connections=_HONEST, script="honest.lua")


def _beside(url: str) -> Load:
    attack = threading.Thread(
        target=run,
        args=(url + POST,),
        kwargs={"seconds": SECONDS + 2, "connections": _ATTACKING, "script": "markdown.lua"},
    )
    attack.start()
    try:
        return _honest(url)
    finally:
        attack.join()
