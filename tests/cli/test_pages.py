"""The commands about pages: comments get another address, and whoever uses the old one finds them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner, Result

from moderation_service import config
from moderation_service.cli import main
from moderation_service.cli.command import Limits
from moderation_service.domain.comments.changes import ChangeType
from moderation_service.runtime.limits import ServiceLimits
from moderation_service.services.comments import page_moves
from moderation_service.services.comments.page_moves import Wanted
from moderation_service.storage.comments import changes, page_aliases
from moderation_service.storage.comments import pages as stored_pages
from moderation_service.storage.comments.pages import Moved
from tests.conftest import Clock
from tests.support.contract import client_of
from tests.support.factories import OTHER_PAGE, a_submission
from tests.support.office import Office
from tests.support.running import Running, running, until
from tests.support.time_limits import PATIENT, patient

ROOT = "https://www.example.org"
OLD, NEW = f"{ROOT}/alt", f"{ROOT}/neu"


@pytest.fixture
async def service(environ: dict[str, str], limits: ServiceLimits) -> AsyncIterator[Running]:
    async with running(config.read(environ | {"MODERATION_SCREENING": "off"}), limits=limits) as found:
        yield found


@pytest.fixture
async def http(service: Running) -> AsyncIterator[ClientSession]:
    async with client_of(service.url) as found:
        yield found


@pytest.fixture
def office(service: Running, clock: Clock) -> Office:
    return Office(service.container, clock, timedelta(0))


@pytest.fixture(autouse=True)
def operator(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (environ | {"COLUMNS": "200"}).items():
        monkeypatch.setenv(name, value)


async def run(*words: str, exit_code: int = 0, obj: Limits | None = None) -> Result:
    """Run a command in a thread, as it has a loop of its own."""
    result = await asyncio.to_thread(CliRunner().invoke, main, ["pages", *words], obj=obj)
    assert result.exit_code == exit_code, result.output
    return result


async def published(office: Office, url: str, count: int = 1) -> list[str]:
    ids = await office.post(count, page_url=url)
    await office.decide(ids)
    return ids


async def listed(http: ClientSession, url: str) -> tuple[str, list[str]]:
    """The address that the list of a page names, and the ids of its comments."""
    answer = await (await http.get("/api/v1/comments", params={"page_url": url})).json()
    assert answer["count"] == len(answer["comments"])
    return answer["page_url"], [one["id"] for one in answer["comments"]]


async def test_a_page_moves_with_its_comments_and_the_old_address_leads_to_the_new_one(
    http: ClientSession, office: Office
) -> None:
    ids = await published(office, OLD, 3)
    waiting = await office.post(1, page_url=OLD)
    assert await listed(http, OLD) == (OLD, ids)
    assert await listed(http, NEW) == (NEW, [])
    async with office.database.read() as connection:
        before = (await changes.counters(connection))["coop"]
    said = (await run("move", OLD, NEW)).output
    assert f"{OLD} -> {NEW} (4 comments)" in said
    for url in (OLD, NEW, f"{OLD}/", f"{OLD}/index.html"):
        await until(partial(_is_listed, http, url, NEW, ids))
    found = await office.changes_after(before)
    assert {(one.comment_id, one.type, one.page_url) for one in found} == {
        (one, ChangeType.UPDATED, NEW) for one in ids
    }
    answer = await (await http.post("/api/v1/comments", json=a_submission(page_url=OLD, parent_id=ids[0]))).json()
    assert answer["page_url"] == NEW
    await office.decide([*waiting, answer["id"]])
    assert await listed(http, OLD) == (NEW, [*ids, *waiting, answer["id"]])
    await office.assert_balanced()


async def _is_listed(http: ClientSession, url: str, address: str, ids: list[str]) -> bool:
    return await listed(http, url) == (address, ids)


async def test_a_dry_run_says_what_would_move_and_merge_and_moves_nothing(
    http: ClientSession, office: Office
) -> None:
    old, new = await published(office, OLD, 2), await published(office, NEW)
    said = (await run("move", OLD, NEW, "--dry-run")).output
    assert f"{OLD} -> {NEW} (2 comments, joins other comments there)" in said
    assert "1 page with 2 comments would be moved." in said
    assert await listed(http, OLD) == (OLD, old)
    await run("move", OLD, NEW)
    await until(lambda: _is_listed(http, OLD, NEW, sorted([*old, *new])))


async def test_all_pages_below_an_address_move_to_the_same_place_below_another(
    http: ClientSession, office: Office
) -> None:
    a, b = await published(office, f"{OLD}/a"), await published(office, f"{OLD}/b/c?x=1")
    other = await published(office, f"{OLD}er/a")
    said = (await run("move", f"{OLD}/", f"{NEW}/tief/", "--prefix")).output
    assert "2 pages with 2 comments are moved." in said
    await until(lambda: _is_listed(http, f"{OLD}/a", f"{NEW}/tief/a", a))
    assert await listed(http, f"{NEW}/tief/b/c?x=1") == (f"{NEW}/tief/b/c?x=1", b)
    assert await listed(http, f"{OLD}er/a") == (f"{OLD}er/a", other)
    refused = await run("move", OLD, f"{OLD}/tief", "--prefix", exit_code=1)
    assert "lies below" in refused.output


async def test_chains_lead_to_the_last_address_and_going_back_makes_a_page_itself_again(
    http: ClientSession, office: Office
) -> None:
    third = f"{ROOT}/terzo"
    ids = await published(office, OLD)
    await run("move", OLD, NEW)
    await run("move", NEW, third)
    await until(lambda: _is_listed(http, OLD, third, ids))
    assert await listed(http, NEW) == (third, ids)
    await run("move", third, OLD)
    for url in (OLD, NEW, third):
        await until(partial(_is_listed, http, url, OLD, ids))
    await run("move", OLD, NEW)
    await until(lambda: _is_listed(http, third, NEW, ids))
    refused = await run("move", OLD, f"{ROOT}/quarto", exit_code=1)
    assert f"{OLD} was moved to {NEW}" in refused.output


async def test_an_unfinished_move_is_moved_on_and_back(office: Office) -> None:
    """What was still on its way when the next move began goes where that leads, also back to where it was."""
    container = office.container
    ids = await published(office, OLD, 2)
    for old, new in ((OLD, NEW), (NEW, f"{ROOT}/terzo"), (f"{ROOT}/terzo", OLD)):
        plan = await page_moves.plan(office.database, container.directory, [Wanted(old=old, new=new)])
        async with office.database.write() as connection:
            batch = [(one.page, one.target) for one in plan.moves]
            await stored_pages.send(connection, batch)
            aliases = [(one.page.id, one.page.url, one.target) for one in plan.moves]
            await page_aliases.put(connection, aliases, at=office.clock())
        await container.page_addresses.load_aliases()
    await container.page_addresses.bring_along()
    listing = await container.web.listings.of_page(
        container.directory.page_of(NEW), after=None, limit=10, newest_first=False
    )
    assert (listing.page_url, [one.id for one in listing.comments]) == (OLD, ids)


async def test_a_map_moves_many_and_a_bad_line_moves_none(
    http: ClientSession, office: Office, tmp_path: Path
) -> None:
    a, b = await published(office, f"{ROOT}/a"), await published(office, f"{ROOT}/b")
    file = tmp_path / "map.csv"
    good = f"old,new\n{ROOT}/a,{ROOT}/x\n\n{ROOT}/b , {ROOT}/x\n{ROOT}/niente,{ROOT}/y\n"
    for line, wrong in {
        f"{ROOT}/c": "must be the old address",
        f"{ROOT}/c,": "must be the old address",
        f"{ROOT}/a,{ROOT}/z": "another new address",
        f"{ROOT}/c,{ROOT}/a": "is an old address, too",
        f"{ROOT}/a/,{OTHER_PAGE}": "comments stay with their site",
        f"{ROOT}/c,https://nobody.example/": "belongs to no site",
        f"alt,{ROOT}/z": "is not an http(s) address",
    }.items():
        await asyncio.to_thread(file.write_text, f"{good}{line}\n")
        refused = (await run("move", "--map", str(file), exit_code=1)).output
        assert "line 6: " in refused, refused
        assert wrong in refused
        assert "Nothing was moved." in refused
    assert await listed(http, f"{ROOT}/a") == (f"{ROOT}/a", a)
    await asyncio.to_thread(file.write_text, good)
    said = (await run("move", "--map", str(file))).output
    assert f"{ROOT}/niente: no comments" in said
    assert "2 pages with 2 comments are moved." in said
    await until(lambda: _is_listed(http, f"{ROOT}/b", f"{ROOT}/x", sorted([*a, *b])))
    again = (await run("move", "--map", str(file))).output
    assert "0 pages with 0 comments are moved." in again


async def test_what_cannot_be_moved_is_refused_with_the_reason(office: Office) -> None:
    assert "No comments are stored under" in (await run("move", OLD, NEW, exit_code=1)).output
    assert "is not an http(s) address" in (await run("move", "alt", NEW, exit_code=1)).output
    await published(office, OLD)
    for new, said in {
        f"{OLD}/": "are one page already",
        OTHER_PAGE: "comments stay with their site",
        "https://nobody.example/": "belongs to no site",
    }.items():
        assert said in (await run("move", OLD, new, exit_code=1)).output, new


async def test_a_command_without_addresses_says_what_it_takes() -> None:
    for words in ([], [OLD], [OLD, NEW, "--by-rules"], ["--prefix", "--by-rules"]):
        assert "Give OLD and NEW" in (await run("move", *words, exit_code=2)).output


async def test_pages_are_listed_with_how_many_comments_they_have_and_where_they_were(office: Office) -> None:
    await published(office, OLD, 2)
    await office.post(1, page_url=OLD)
    await run("move", OLD, NEW)
    said = (await run("list")).output
    [page] = [line for line in said.splitlines() if line.startswith("│") and OLD not in line]
    assert [one.strip() for one in page.strip("│").split("│")] == ["coop", NEW, "2", "1", "3"]
    [moved] = [line for line in said.splitlines() if OLD in line]
    assert [one.strip() for one in moved.strip("│").split("│")] == ["coop", OLD, NEW]


async def test_a_comment_that_a_replica_stored_under_the_old_address_meanwhile_is_brought_along(
    office: Office, http: ClientSession
) -> None:
    ids = await published(office, OLD)
    directory = office.container.directory
    known = directory.aliases
    await run("move", OLD, NEW)
    await until(lambda: _is_listed(http, OLD, NEW, ids))
    aliases, directory.aliases = directory.aliases, known
    late = await office.post(1, page_url=OLD)
    directory.aliases = aliases
    await office.container.page_addresses.bring_along()
    await office.decide(late)
    assert await listed(http, NEW) == (NEW, [*ids, *late])


@pytest.mark.parametrize("limits", [patient(database=replace(PATIENT, page_rows=2))])
async def test_a_move_that_is_stopped_goes_on_when_a_service_runs(
    office: Office, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(PATIENT, page_rows=2)
    ids = await published(office, OLD, 5)
    steps: list[Moved] = []
    move = stored_pages.move

    async def stopping(*arguments: object, **options: object) -> Moved:
        if len(steps) == 1:
            raise KeyboardInterrupt
        steps.append(await move(*arguments, **options))  # type: ignore[arg-type]
        return steps[-1]

    monkeypatch.setattr(stored_pages, "move", stopping)
    await run("move", OLD, NEW, exit_code=1, obj=Limits(database=small))
    monkeypatch.setattr(stored_pages, "move", move)
    await until(lambda: _is_listed(http, OLD, NEW, ids))
    await office.container.page_addresses.bring_along()
    assert office.container.page_addresses.is_settled
    assert await listed(http, NEW) == (NEW, ids)
