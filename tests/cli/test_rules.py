"""The command that holds rules against the comments that are stored."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from moderation_service.cli import main
from moderation_service.domain.moderation.decisions import Decision
from moderation_service.domain.screening.assessment import Assessment
from moderation_service.domain.screening.rules import Action, Conditions, Rule
from moderation_service.services.screening import rule_replay
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import metadata, pages
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.cases import only_sqlite
from tests.support.factories import OTHER_PAGE
from tests.support.office import Office

RULES = """
[[site]]
id = "coop"

[[site.rule]]
name = "new and linking"
when = {links_over = 0, first_comments = 2}
then = "suspect"

[[site.rule]]
name = "shops"
when = {domains = "shop.example"}
then = "hold"

[[site.rule]]
name = "late"
when = {page_older_than_days = 30}
then = "refuse"

[[site.rule]]
name = "bad score"
when = {score_over = 0.9}
then = "spam"
"""


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


@pytest.fixture(autouse=True)
def operator(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


async def run(*words: str, exit_code: int = 0) -> str:
    """Run the command in a thread, as it has a loop of its own; what it says."""
    result = await asyncio.to_thread(CliRunner().invoke, main, ["rules", "test", *words])
    assert result.exit_code == exit_code, result.output
    return result.output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES, encoding="utf-8")
    return path


async def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored."""
    async with database.read() as connection:
        return {
            table.name: sorted(map(tuple, await connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


async def test_each_rule_says_what_it_would_have_done_and_what_moderators_thought_of_it(
    office: Office, file: Path
) -> None:
    author: dict[str, Any] = {"author_email": "nuova@example.com"}
    linking = await office.post(4, body="see https://shop.example and write to me: nuova@example.com", **author)
    await office.decide(linking[:1])
    await office.decide(linking[1:2], Decision.SPAM)
    [anonymous] = await office.post(
        1, body="https://www.example.org/\n\u202eok " + "word " * 50, author_email=None
    )
    [bad] = await office.post(1, body="pills", assessment=Assessment(probability=950))
    await office.post(2, body="https://shop.example", page_url=OTHER_PAGE)
    async with office.database.write() as connection:
        await connection.execute(update(pages).values(created_at=office.clock()))
    office.clock.advance(days=31)
    [late] = await office.post(1, body="tardi", **author)
    before = await rows(office.database)
    said = await run(str(file))
    assert await rows(office.database) == before
    assert "coop: 7 comments" in said
    assert "new and linking: would have suspected 4 of 7; moderators had approved 1 of them" in said
    assert "shops: would have held 4 of 7; moderators had approved 1 of them" in said
    assert "late: would have refused 1 of 7; moderators had approved 0 of them" in said
    assert "bad score: would have filed as spam 1 of 7; moderators had approved 0 of them" in said
    assert "altro" not in said
    assert "@example.com" not in said
    assert "\u202e" not in said
    shown = re.findall(r"^ {4}([0-9a-f-]{36})  (\w+) +(\S+)  (.*)$", said, re.MULTILINE)
    assert [one[0] for one in shown] == [*linking[:3], anonymous, *linking, late, bad]
    assert shown[0][1:] == (
        "approved",
        "https://www.example.org/chi-siamo",
        "see https://shop.example and write to me: …@…",
    )
    assert shown[3][3].endswith("word…")
    assert "and 3 more" in await run(str(file), "--show", "1")
    assert "chi-siamo" not in await run(str(file), "--show", "0")


@only_sqlite
async def test_rules_of_the_sites_file_are_tried_where_no_other_file_is_named(
    office: Office, environ: dict[str, str], file: Path
) -> None:
    sites = Path(environ["MODERATION_SITES"])
    listed = await asyncio.to_thread(sites.read_text, encoding="utf-8")
    assert await run() == "No site has a rule.\n"
    await office.post(1, body="one")
    rule = '[[site.rule]]\nname = "all in one"\nwhen = {words = ["one"]}\nthen = "hold"\n\n[[site.moderator]]'
    await asyncio.to_thread(sites.write_text, listed.replace("[[site.moderator]]", rule, 1), encoding="utf-8")
    assert "coop: 1 comment\n\n  all in one: would have held 1 of 1; moderators had approved 0 of" in await run()
    for wrong, fault in (
        (
            '"coop"',
            "site[0].rule[1].when.pattern: '(' is no regular expression that can be used here: missing ): (",
        ),
        ('"nobody"', "the sites file lists no site 'nobody'"),
    ):
        text = RULES.replace('id = "coop"', f"id = {wrong}")
        if wrong == '"coop"':
            text = text.replace('domains = "shop.example"', 'pattern = "("')
        await asyncio.to_thread(file.write_text, text, encoding="utf-8")
        assert await run(str(file), exit_code=1) == f"{file}: {fault}\n"


async def test_no_more_is_kept_than_is_shown_however_much_matches(office: Office) -> None:
    await office.post(5, body="one")
    rules = {"coop": (Rule(name="one", when=Conditions(words=(" one ",)), then=Action.HOLD),)}
    found = await rule_replay.replay(office.database, rules, most_shown=2, stretch=2)
    [replayed] = found["coop"].rules
    assert (found["coop"].comments, replayed.matched, len(replayed.samples)) == (5, 5, 2)
