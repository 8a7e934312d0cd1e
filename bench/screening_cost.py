"""What screening costs: posts with all local checks beside posts without, and a score for all that is stored."""

import asyncio
import random
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench import servers
from bench.databases import databases
from bench.loader import run
from bench.seeding import seed
from bench.single import POST, SECONDS, beside
from bench.table import Table
from moderation_service import config
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Request
from moderation_service.domain.screening.attack import PERIODS, Standing
from moderation_service.domain.screening.candidate import learned_text
from moderation_service.domain.screening.features import features_of
from moderation_service.runtime import container
from moderation_service.services.screening import rule_replay
from moderation_service.storage.screening import history, traffic

_CONNECTIONS = 32
_DECIDED = 400
_USUAL = 100_000.0
"""Posts in ten minutes that the measured site is used to, so that it is not under attack by those of this run."""
_STORED = 10_000
_BUSY = """
[site.screening]
posts_per_site = 1_000_000
"""
_ASKING = f'{_BUSY}proof_of_work = "always"\n'
_RULES = """
[[site.rule]]
name = "new here and full of links"
when = {links_over = 1, first_comments = 3}
then = "suspect"

[[site.rule]]
name = "words"
when = {words = ["casino", "pills", "buy now", "crypto"]}
then = "spam"

[[site.rule]]
name = "shops"
when = {domains = ["shop.example", "pills.example"]}
then = "spam"

[[site.rule]]
name = "another script"
when = {script = ["Cyrillic", "Han"]}
then = "hold"

[[site.rule]]
name = "pattern"
when = {pattern = "(?i)(telegram|whatsapp)[ :@+]"}
then = "suspect"
"""
_HONEST = "un commento come tanti che saluta racconta qualcosa della cooperativa grazie bella pagina ieri"
_SPAM = "cheap pills buy now at https://shop.example/x casino crypto offer free visit my channel un come"


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    for engine, database_url in databases(folder):
        off = servers.environ(folder, database_url, servers.free_port())
        off |= {"MODERATION_TRUSTED_PROXIES": "127.0.0.0/8"}
        on = off | _screened(folder / "screened", _BUSY)
        asking = off | _screened(folder / "asking", _ASKING)
        seed(off, pages=100, comments=_DECIDED, approve=0, body=_body)
        asyncio.run(_teach(on))
        load = partial(run, seconds=SECONDS, connections=_CONNECTIONS, script="screened.lua")
        with servers.service(off) as (without, _), servers.service(on) as (screened, _):
            beside(
                table,
                f"POST with all local checks, {engine}, {_CONNECTIONS} connections",
                lambda load=load, url=screened: load(url + POST),  # type: ignore[misc]
                lambda load=load, url=without: load(url + POST),  # type: ignore[misc]
                least=0.75,
            )
        with servers.service(off) as (without, _), servers.service(asking) as (asked, _):
            beside(
                table,
                f"POST that is asked for work as well, {engine}, {_CONNECTIONS} connections",
                lambda load=load, url=asked: load(url + POST),  # type: ignore[misc]
                lambda load=load, url=without: load(url + POST),  # type: ignore[misc]
            )
        if engine == "SQLite":
            stored = on | {"MODERATION_DATABASE_URL": f"sqlite:///{folder}/stored.db"}
            seed(stored | {"MODERATION_SCREENING": "off"}, pages=100, comments=_STORED, approve=0, body=_body)
            asyncio.run(_teach(stored))
            asyncio.run(_measure_stored(table, stored))


def _screened(folder: Path, screening: str) -> dict[str, str]:
    """Return the settings of a service with all local checks, whose site has its own settings of screening."""
    folder.mkdir(exist_ok=True)
    sites = folder / "sites.toml"
    head, moderator, rest = servers.SITES.partition("\n[[site.moderator]]")
    sites.write_text(f"{head}{screening}{_RULES}{moderator}{rest}", encoding="utf-8")
    return {
        "MODERATION_SCREENING": "on",
        "MODERATION_SITES": str(sites),
        "MODERATION_LISTEN": f"127.0.0.1:{servers.free_port()}",
    }


def _body(number: int) -> str:
    """Return some 300 bytes of words, those of honest comments for odd numbers and of spam for even ones."""
    words = _HONEST if number % 2 else _SPAM
    return " ".join(random.Random(number).choices(words.split(), k=45))  # noqa: S311 - no secret


async def _teach(settings: Mapping[str, str]) -> None:
    """Decide on the first comments that are stored, and learn from that; so many posts are usual for the site."""
    async with container.opened(config.read(settings)) as opened:
        site = opened.directory.sites.get("bench")
        assert site is not None
        async with opened.database.read() as connection:
            found = await history.stretch(connection, after=None, limit=_DECIDED)
        for decision, decided in ((Decision.SPAM, found[::2]), (Decision.APPROVE, found[1::2])):
            requests = [Request(comment_id=one.id, decision=decision, expected=None) for one in decided]
            await opened.moderation.decide(site, requests, actor=Actor(channel=Channel.API))
        while await opened.learned.learn():
            pass
        async with opened.database.write() as connection:
            await traffic.begin(connection, site.id, Standing(usual=_USUAL, periods=PERIODS))


async def _measure_stored(table: Table, settings: Mapping[str, str]) -> None:
    async with container.opened(config.read(settings)) as opened:
        model = await opened.learned.model("bench")
        began = time.perf_counter()
        scored, after = 0, None
        while scored < _STORED:
            async with opened.database.read() as connection:
                batch = await history.stretch(connection, after=after, limit=rule_replay.STRETCH)
            for comment in batch:
                model.score(features_of(learned_text(comment.body, comment.author_url)))
            scored, after = scored + len(batch), batch[-1].id
        seconds = time.perf_counter() - began
        table.note(
            f"score {_STORED:,} stored comments",
            f"{seconds:.2f} s",
            least="under 2 s",
            met="yes" if seconds < 2 else "no",
        )
        site = opened.directory.sites.get("bench")
        assert site is not None
        began = time.perf_counter()
        await rule_replay.replay(opened.database, {site.id: site.rules}, most_shown=20)
        table.note(
            f"hold {len(site.rules)} rules against them (`rules test`)", f"{time.perf_counter() - began:.2f} s"
        )
