"""Posting while mail is due, beside posting while none is; and how much mail one process sends."""

import json
import threading
import time
import urllib.request
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

PEOPLE = 2_000
"""How many people a comment is due to be mailed to where mail itself is measured."""

_LEAST = 0.95
_LEAST_SENT = 150
_BESIDE_POSTS = 8
"""Seconds of posts at full rate beside mail."""

_LEAST_SENT_BESIDE = 30
_LEAST_POSTS_BESIDE = 0.80
_PAGE_OF_THE_CROWD = "https://crowd.example.org/s0"


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    measure_sending(folder, table)
    for engine, database_url in databases(folder):
        with ExitStack() as stack:
            sink_url, notes = stack.enter_context(servers.mail_sink(folder / engine))
            settings = _settings(folder / "busy", database_url) | {"MODERATION_SMTP_URL": sink_url}
            busy, _ = stack.enter_context(servers.service(settings))
            idle, _ = stack.enter_context(servers.service(_settings(folder / "away", another(database_url))))
            pairs = []
            for _ in range(ROUNDS):
                flooded = _flood(busy)
                _settle(notes)
                pairs.append((flooded, _flood(idle)))
            messages = [int(line) for line in notes.read_text().split()]
        table.add(f"POST of {COMMENTS:,} comments while mail is due, {engine}", pairs, least=_LEAST)
        table.note("mail sent meanwhile", f"{len(messages)} messages", beside=f"of {sum(messages):,} comments")


def measure_sending(folder: Path, table: Table) -> None:
    """Tell of one comment all who moderate a site, alone and beside posts to another site."""
    for engine, database_url in databases(folder):
        notes = folder / f"crowd {engine}"
        with servers.mail_sink(notes) as (sink_url, _):
            settings = _settings(folder / "crowd", database_url) | {
                "MODERATION_SMTP_URL": sink_url,
                "MODERATION_MAIL_INTERVAL": "1",
            }
            _add_crowd(Path(settings["MODERATION_SITES"]))
            with servers.service(settings) as (url, _):
                _measure_crowd(url, notes, engine, table)


def _measure_crowd(url: str, notes: Path, engine: str, table: Table) -> None:
    alone, beside, pairs = [], [], []
    for number in range(ROUNDS):
        _wait_for_the_interval(2 * number)
        alone.append(_send_to_all(url, notes))
        _wait_for_the_interval(2 * number + 1)
        rest = threading.Thread(target=_send_to_all, args=(url, notes))
        rest.start()
        before = _count(notes)
        posted = run(url + POST, seconds=_BESIDE_POSTS, script="post.lua")
        beside.append((_count(notes) - before) / _BESIDE_POSTS)
        rest.join()
        pairs.append((posted, run(url + POST, seconds=_BESIDE_POSTS, script="post.lua")))
    for name, rates, least in (
        ("messages", alone, _LEAST_SENT),
        ("messages beside posts at full rate", beside, _LEAST_SENT_BESIDE),
    ):
        rate = median(rates)
        table.note(
            f"{name}, {PEOPLE:,} people due, {engine}",
            f"{rate:,.0f}",
            least=f"{least} a second",
            met="yes" if rate >= least else "no",
        )
    table.add(f"POST beside that mail, {engine}", pairs, least=_LEAST_POSTS_BESIDE)


def _add_crowd(sites: Path) -> None:
    with sites.open("a", encoding="utf-8") as file:
        file.write('\n[[site]]\nid = "crowd"\nname = "Crowd"\norigins = ["https://crowd.example.org"]\n')
        for number in range(PEOPLE):
            file.write(
                f'\n[[site.moderator]]\nid = "m{number}"\nname = "Maria {number}"\n'
                f'email = "m{number}@example.org"\nlanguage = "it"\n'
            )


def _wait_for_the_interval(mailed: int) -> None:
    """Wait until a message may follow as many as nobody answered by a decision: the interval doubles with each."""
    if mailed:
        time.sleep(2 ** (mailed - 1) + 1)


def _send_to_all(url: str, notes: Path) -> float:
    """Post a comment of which everybody is notified; return the messages a second until the last has come."""
    wanted = _count(notes) + PEOPLE
    body = {
        "page_url": _PAGE_OF_THE_CROWD,
        "author_name": "Giuliana",
        "author_email": "giuliana@example.com",
        "body": f"Interessante… {time.time()}",
    }
    headers = {"Content-Type": "application/json"}
    began = time.monotonic()
    asked = urllib.request.Request(url + POST, json.dumps(body).encode(), headers)  # noqa: S310 - loopback
    urllib.request.urlopen(asked).close()  # noqa: S310 - loopback
    while _count(notes) < wanted:
        if time.monotonic() - began > PEOPLE:
            raise TimeoutError("the mail did not come")
        time.sleep(0.05)
    return PEOPLE / (time.monotonic() - began)


def _count(notes: Path) -> int:
    return notes.read_bytes().count(b"\n")


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
    """Post until there are enough comments; wrk is bounded in time, so by batches."""
    loads: list[Load] = []
    while sum(one.rate for one in loads) * SECONDS < COMMENTS:
        loads.append(run(url + POST, seconds=SECONDS, script="post.lua"))
    return Load(
        rate=sum(one.rate for one in loads) / len(loads),
        p50=median(one.p50 for one in loads),
        p99=max(one.p99 for one in loads),
        failed=sum(one.failed for one in loads),
    )
