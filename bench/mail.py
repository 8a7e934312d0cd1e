"""Posting while a moderator's mail is due, beside posting while the mail server is away, in the same run."""

import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench import servers
from bench.databases import another, databases
from bench.loader import Load, run
from bench.single import POST, ROUNDS, SECONDS
from bench.table import Table

COMMENTS = 10_000
INTERVAL = 2
"""Seconds between two messages to the moderator: thirty times as many as by default, so that some fall in."""

_LEAST = 0.95


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    for engine, database_url in databases(folder):
        with ExitStack() as stack:
            sink_url, notes = stack.enter_context(servers.mail_sink(folder / engine))
            told = _settings(folder / "told", database_url) | {"MODERATION_SMTP_URL": sink_url}
            busy, _ = stack.enter_context(servers.service(told))
            quiet, _ = stack.enter_context(servers.service(_settings(folder / "away", another(database_url))))
            pairs = []
            for _ in range(ROUNDS):
                flooded = _flood(busy)
                _settle(notes)
                pairs.append((flooded, _flood(quiet)))
            messages = [int(line) for line in notes.read_text().split()]
        table.add(f"POST of {COMMENTS:,} comments while mail is due, {engine}", pairs, least=_LEAST)
        table.note("mail sent meanwhile", f"{len(messages)} messages", beside=f"of {sum(messages):,} comments")


def _settle(notes: Path) -> None:
    """Wait until no message came for two intervals, so that the rest of the mail is in nobody's way."""
    size = -1
    while size != (size := notes.stat().st_size):
        time.sleep(2 * INTERVAL)


def _settings(folder: Path, database_url: str) -> dict[str, str]:
    """Return the settings of a service with a folder of its own."""
    folder.mkdir(exist_ok=True)
    return servers.environ(folder, database_url, servers.free_port()) | {"MODERATION_MAIL_INTERVAL": str(INTERVAL)}


def _flood(url: str) -> Load:
    """Post until there are enough comments; wrk is bounded in time, so by stretches."""
    loads: list[Load] = []
    while sum(one.rate for one in loads) * SECONDS < COMMENTS:
        loads.append(run(url + POST, seconds=SECONDS, script="post.lua"))
    return Load(
        rate=sum(one.rate for one in loads) / len(loads),
        p50=median(one.p50 for one in loads),
        p99=max(one.p99 for one in loads),
        failed=sum(one.failed for one in loads),
    )
