"""What reading, posting and deciding cost with ten thousand comments, and with ten times more each time.

The processor's time is measured, of the service and of PostgreSQL, whatever else the machine does.
"""

import asyncio
import json
import os
import random
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

from bench import growing, servers
from bench.databases import databases, kept_databases
from bench.table import Table
from moderation_service import config
from moderation_service.domain.moderation.decisions import Decision, Request
from moderation_service.domain.moderation.queue_order import Order
from moderation_service.runtime import container
from moderation_service.services.moderation import desk_counts
from moderation_service.services.moderation.queue import Filter

_MOST = int(os.environ.get("BENCH_MOST", "1000000"))
_ROUNDS, _ASKED = 8, 20
_IDLE, _IDLE_WITHIN = 0.03, 600.0
"""So many seconds of processor time in a second are of a service at rest, which it comes to within so many."""
_MOST_GROWTH = 1.5
"""What takes so many times as long in ten times as many comments takes no longer for all that a site can have."""
_KEY = "a-bearer-key-for-measuring"
_KEY_HASH = "sha256:" + sha256(_KEY.encode()).hexdigest()
_numbers = count()


@dataclass(frozen=True, slots=True)
class Stored:
    """A database of so many comments, and a service on it."""

    comments: int
    url: str
    service: int
    """The service's process."""
    server: int | None
    """The first process of its PostgreSQL."""
    ids: tuple[str, ...]

    @property
    def public(self) -> int:
        return growing.public_pages(self.comments)


Question = Callable[[Stored, random.Random], str]


def measure(folder: Path, table: Table) -> None:
    """Fill the table; a folder named by BENCH_DATABASES keeps the databases, BENCH_MOST is the largest size."""
    kept = os.environ.get("BENCH_DATABASES")
    for engine, database_url in databases(folder) if kept is None else kept_databases(Path(kept)):
        grown = _grown(Path(kept or folder), engine, database_url, table)
        with ExitStack() as running:
            all_stored = []
            for size, url in grown.items():
                place = folder / f"{engine}-{size}"
                place.mkdir()
                address, process = running.enter_context(servers.service(_settings(place, url)))
                all_stored.append(_stored(size, address, process.pid, _server_of(url)))
            for stored in all_stored:
                _wait_until_idle(stored)
            for what, question in _QUESTIONS.items():
                took = _interleaved(all_stored, partial(_asked, question))
                _note(table, engine, what, took)
            _note(table, engine, "a comment is posted", _interleaved(all_stored, _posted))
        at_desk: dict[str, dict[int, float]] = {}
        for size, url in grown.items():
            for what, milliseconds in asyncio.run(_desk(_settings(folder / f"{engine}-{size}", url))).items():
                at_desk.setdefault(what, {})[size] = milliseconds
        for what, took in at_desk.items():
            _note(table, engine, f"desk: {what}", took)


def _grown(folder: Path, engine: str, database_url: str, table: Table) -> dict[int, str]:
    """Return the URL of a database of each size; what a folder keeps of an earlier run is used."""
    found: dict[int, str] = {}
    size, before = growing.FIRST, None
    while size <= _MOST:
        mark = folder / f"{engine}-{size}.grown"
        url = _of_size(folder, database_url, size)
        if not mark.exists():
            began = time.monotonic()
            _copy(database_url, before, url)
            if before is None:
                place = folder / f"begin-{engine}"
                place.mkdir(exist_ok=True)
                growing.begin(servers.environ(place, url, servers.free_port()))
            else:
                growing.grow(url, servers.SECRET)
            mark.touch()
            table.note(f"{engine}: growing to {size:,}", f"{time.monotonic() - began:.0f} s")
        found[size] = before = url
        size *= 10
    return found


def _of_size(folder: Path, database_url: str, size: int) -> str:
    if database_url.startswith("sqlite:"):
        return f"sqlite:///{folder}/growth-{size}.db"
    return database_url.replace("/postgres?", f"/growth-{size}?")


def _copy(database_url: str, before: str | None, url: str) -> None:
    """Make the database of a URL, as a copy of the one of the size before where there is one."""
    if database_url.startswith("postgresql:"):
        template = "template1" if before is None else urlsplit(before).path.strip("/")
        asyncio.run(_create(database_url, urlsplit(url).path.strip("/"), template))
    elif before is not None:
        shutil.copyfile(before.removeprefix("sqlite:///"), url.removeprefix("sqlite:///"))


async def _create(admin_url: str, name: str, template: str) -> None:
    import asyncpg  # noqa: PLC0415 - an optional extra

    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()


def _settings(place: Path, database_url: str) -> dict[str, str]:
    """Return settings of a service that keeps hardly any answer in memory, learns nothing, and lets much wait."""
    settings = servers.environ(place, database_url, servers.free_port()) | {"MODERATION_CACHE_MB": "1"}
    sites = Path(settings["MODERATION_SITES"])
    keyed = sites.read_text(encoding="utf-8").replace("\n\n", f'\napi_keys = ["{_KEY_HASH}"]\n\n', 1)
    screening = "\n[site.screening]\nlearned = false\nwaiting_at_most = 100000000\n"
    sites.write_text(keyed + screening, encoding="utf-8")
    return settings


def _stored(size: int, url: str, service: int, server: int | None) -> Stored:
    public = growing.public_pages(size)
    ids = []
    for number in random.Random(1).sample(range(public), 50):  # noqa: S311 - which page is asked for
        ids += [one["id"] for one in json.loads(_fetch(url, _listed(number)))["comments"]]
    _connections.pop(url).close()
    return Stored(size, url, service, server, tuple(ids))


def _listed(page: int, and_then: str = "&limit=20") -> str:
    return f"/api/v1/comments?page_url=https://www.example.org/s{page}{and_then}"


def _counts(stored: Stored, chance: random.Random) -> str:
    asked = [f"page_url=https://www.example.org/s{chance.randrange(stored.public)}" for _ in range(20)]
    return f"/api/v1/counts?{'&'.join(asked)}"


_QUESTIONS: dict[str, Question] = {
    "the comments of a page": lambda stored, chance: _listed(chance.randrange(stored.public)),
    "the same by threads": lambda stored, chance: _listed(chance.randrange(stored.public), "&view=threads"),
    "a page of comments": lambda stored, chance: (
        f"/comments?page_url=https://www.example.org/s{chance.randrange(stored.public)}"
    ),
    "a single comment": lambda stored, chance: f"/api/v1/comments/{chance.choice(stored.ids)}",
    "how many comments 20 pages have": _counts,
    "the newest comments of the site": lambda _, chance: (
        f"/api/v1/latest?site=bench&limit={chance.randrange(20, 100)}"
    ),
    "a feed of the site": lambda _, chance: f"/feeds/atom?site=bench&limit={chance.randrange(20, 100)}",
    "pages of the site": lambda _, chance: f"/api/v1/pages?site=bench&limit={chance.randrange(20, 100)}",
    "100 changes": lambda stored, chance: (
        f"/api/v1/changes?site=bench&limit=100&after={chance.randrange(stored.public * growing.A_PAGE)}"
    ),
    "50 comments that wait": lambda _, __: "/api/v1/moderation/comments?order=queue&limit=50",
    "the figures for operators": lambda _, __: "/metrics",
}


def _interleaved(all_stored: list[Stored], ask: Callable[[Stored, random.Random], None]) -> Mapping[int, float]:
    """Return the milliseconds of processor time that a request takes at each size, the median of all turns."""
    took: dict[int, list[float]] = {one.comments: [] for one in all_stored}
    for turn in range(_ROUNDS):
        for stored in all_stored:
            chance = random.Random(turn)  # noqa: S311 - what is asked for
            before = _processor_time(stored)
            for _ in range(_ASKED):
                ask(stored, chance)
            _connections.pop(stored.url).close()  # the service would close it while others are asked
            took[stored.comments].append((_processor_time(stored) - before) * 1e3 / _ASKED)
    return {size: median(each) for size, each in took.items()}


def _wait_until_idle(stored: Stored) -> None:
    """Wait until a service does nothing of its own: some is counted and looked through after a start."""
    deadline = time.monotonic() + _IDLE_WITHIN
    before = _processor_time(stored)
    while time.monotonic() < deadline:
        time.sleep(1)
        before, taken = _processor_time(stored), _processor_time(stored) - before
        if taken <= _IDLE:
            return
    raise TimeoutError("the service does not come to rest")


def _processor_time(stored: Stored) -> float:
    """Return the seconds that service and server have had of the processor."""
    ticks = _ticks(stored.service)[0]
    if stored.server is not None:
        ticks += _ticks_of_server(stored.server)
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks_of_server(server: int) -> int:
    """Sum up all processes of a server, also those that have ended."""
    while True:
        children = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii").split()
        try:
            return sum(_ticks(server)) + sum(_ticks(int(child))[0] for child in children)
        except FileNotFoundError:  # one has just ended: its time is its parent's now
            continue


def _ticks(process: int) -> tuple[int, int]:
    """Return the ticks that a process had of the processor, and those of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    own, ended = fields[11:13], fields[13:15]
    return sum(map(int, own)), sum(map(int, ended))


def _server_of(database_url: str) -> int | None:
    """Return the first process of the PostgreSQL behind a URL that names its folder; None for SQLite."""
    if database_url.startswith("sqlite:"):
        return None
    [folder] = parse_qs(urlsplit(database_url).query)["host"]
    return int(Path(folder, "postmaster.pid").read_text(encoding="ascii").split()[0])


def _asked(question: Question, stored: Stored, chance: random.Random) -> None:
    _fetch(stored.url, question(stored, chance))


def _posted(stored: Stored, chance: random.Random) -> None:
    fields = {
        "page_url": f"https://www.example.org/w{chance.randrange(stored.public)}",
        "author_name": "Giuliana",
        "author_email": "g@example.com",
        "body": f"Un commento come tanti, il numero {next(_numbers)}.",
    }
    _fetch(stored.url, "/api/v1/comments", json.dumps(fields))


_connections: dict[str, HTTPConnection] = {}


def _fetch(url: str, path: str, body: str | None = None) -> bytes:
    """Ask on a connection that is kept; raise RuntimeError for any answer but a good one."""
    connection = _connections.setdefault(url, HTTPConnection(urlsplit(url).netloc, timeout=60))
    headers = {"Authorization": f"Bearer {_KEY}", "Content-Type": "application/json"}
    connection.request("GET" if body is None else "POST", path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status not in (200, 202):
        raise RuntimeError(f"{path}: {answer.status} {content[:200]!r}")
    return content


async def _desk(settings: Mapping[str, str]) -> dict[str, float]:
    """Return the milliseconds that presses at the desk take within the service, and one decision: the quickest."""
    async with container.opened(config.read(settings)) as opened:
        person_id = opened.directory.person_of("anna@example.org")
        assert person_id is not None
        memberships = opened.directory.memberships_of(person_id)
        wanted = Filter(order=Order.QUEUE, suspects=False)
        waiting: list[str] = []

        async def first_page() -> None:
            found = await opened.web.desk.queue_page(
                memberships, wanted, site_id=None, after=None, limit=50, suspects_apart=True
            )
            waiting[:] = [one.comment.id for one in found.items]

        async def numbers() -> None:
            async with opened.database.read() as connection:
                await desk_counts.overview(
                    connection, opened.keys, memberships, wanted, site_id=None, with_search=True
                )

        async def decision() -> None:
            request = Request(comment_id=waiting.pop(), decision=Decision.REJECT, expected=None)
            await opened.web.desk.decide(memberships, [request])

        acts = {"its first page": first_page, "its numbers": numbers, "a decision": decision}
        return {what: min([await _timed(act) for _ in range(_ASKED)]) for what, act in acts.items()}


async def _timed(act: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await act()
    return (time.perf_counter() - started) * 1e3


def _note(table: Table, engine: str, what: str, took: Mapping[int, float]) -> None:
    """Note the figures of all sizes, and the growth that the last tenfold made."""
    sizes = sorted(took)
    last = [took[size] for size in sizes[-2:]]
    growth = last[-1] / last[0]
    table.note(
        f"{engine}: {what}",
        " / ".join(f"{took[size]:.1f}" for size in sizes) + " ms",
        beside=" / ".join(f"{size:,}" for size in sizes),
        ratio=f"{growth:.2f}",
        least=f"at most {_MOST_GROWTH}",
        met="yes" if growth <= _MOST_GROWTH else "no",
    )
