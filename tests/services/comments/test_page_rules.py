"""The rules of a site change: what is stored is found from the start, and brought along."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from moderation_service import config
from moderation_service.domain.accounts.sites import Sites
from moderation_service.domain.comments.changes import ChangeType
from moderation_service.domain.comments.page_rules import OriginsAreOne, PageRules, TrailingSlash
from moderation_service.runtime.container import Container, new_id
from moderation_service.storage.comments import changes
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments, page_rules, pages
from tests.conftest import Clock, Start
from tests.support.contract import client_of
from tests.support.factories import PAGE
from tests.support.office import Office, opened
from tests.support.running import running, until

SLASH = f"{PAGE}/"
KEEP = PageRules(trailing_slash=TrailingSlash.KEEP)


def changed(sites: Sites, **values: Any) -> Sites:
    """The same sites, but for some values of the first."""
    return Sites([replace(one, **values) if one.id == "coop" else one for one in sites])


def write_rules(environ: dict[str, str], rules: str) -> None:
    """Give the first site of the file rules for its pages."""
    file = Path(environ["MODERATION_SITES"])
    text = file.read_text(encoding="utf-8")
    first = "[[site.moderator]]"
    file.write_text(text.replace(first, f"[site.pages]\n{rules}\n{first}", 1), encoding="utf-8")


async def put_in_force(container: Container, sites: Sites) -> None:
    """Take over a changed list as the watcher of the sites file does."""
    async with container.page_addresses.adopting(sites):
        await container.reassignment.replace_sites(sites, now=container.clock(), new_id=new_id)


async def stored(database: Database) -> dict[str, int]:
    """How many comments stand under each page's address."""
    async with database.read() as connection:
        query = select(pages.c.url, func.count(comments.c.id)).join(comments, comments.c.page_id == pages.c.id)
        return {row[0]: row[1] for row in await connection.execute(query.group_by(pages.c.id, pages.c.url))}


async def test_pages_that_become_one_are_merged_and_keep_the_address_that_was_met_first(
    environ: dict[str, str], clock: Clock
) -> None:
    async with opened(environ, clock) as office:
        container = office.container
        sites = container.directory.sites
        await put_in_force(container, changed(sites, page_rules=KEEP))
        first = await office.post(2, page_url=SLASH)
        clock.advance(minutes=1)
        second = await office.post(1, page_url=PAGE)
        await office.decide([*first, *second])
        assert await stored(office.database) == {SLASH: 2, PAGE: 1}
        async with office.database.read() as connection:
            before = (await changes.counters(connection))["coop"]
        await put_in_force(container, sites)
        assert not container.page_addresses.is_settled
        listing = await container.web.listings.of_page(
            container.directory.page_of(PAGE), after=None, limit=10, newest_first=False
        )
        assert [one.id for one in listing.comments] == [*first, *second]
        await container.page_addresses.bring_along()
        assert container.page_addresses.is_settled
        assert await stored(office.database) == {SLASH: 3}
        found = await office.changes_after(before)
        assert [(one.comment_id, one.type, one.page_url) for one in found] == [
            (one, ChangeType.UPDATED, SLASH) for one in first
        ]


async def test_pages_that_are_no_longer_one_stay_where_the_first_was_met(
    environ: dict[str, str], clock: Clock
) -> None:
    async with opened(environ, clock) as office:
        sites = office.container.directory.sites
        await office.post(1, page_url=SLASH)
        await office.post(1, page_url=f"{PAGE}/index.html")
        await put_in_force(office.container, changed(sites, page_rules=KEEP))
        await office.container.page_addresses.bring_along()
        await office.post(1, page_url=PAGE)
        assert await stored(office.database) == {SLASH: 2, PAGE: 1}


async def test_another_preferred_origin_gives_all_pages_their_address_on_it(
    environ: dict[str, str], clock: Clock
) -> None:
    async with opened(environ, clock) as office:
        sites = office.container.directory.sites
        await office.post(1, page_url=PAGE)
        bare = PAGE.replace("www.", "")
        origins = ("https://example.org", "https://www.example.org")
        await put_in_force(office.container, changed(sites, origins=origins))
        await office.container.page_addresses.bring_along()
        assert await stored(office.database) == {bare: 1}
        apart = PageRules(origins_are_one=OriginsAreOne.NONE)
        await put_in_force(office.container, changed(sites, origins=origins, page_rules=apart))
        await office.post(1, page_url=PAGE)
        assert await stored(office.database) == {bare: 1, PAGE: 1}


async def test_the_same_rules_again_write_nothing_and_ask_about_no_page(
    environ: dict[str, str], clock: Clock
) -> None:
    async with opened(environ, clock) as office:
        await office.post(1, page_url=PAGE)
        async with office.database.read() as connection:
            before = (await connection.execute(select(page_rules).order_by(page_rules.c.site_id))).all()
    async with opened(environ, clock) as office:
        assert office.container.page_addresses.is_settled
        async with office.database.read() as connection:
            after = (await connection.execute(select(page_rules).order_by(page_rules.c.site_id))).all()
    assert [tuple(row) for row in after] == [tuple(row) for row in before]


async def test_a_replica_whose_rules_are_no_longer_in_force_moves_nothing_back(
    environ: dict[str, str], clock: Clock
) -> None:
    async with opened(environ, clock) as newer, opened(environ, clock) as older:
        sites = newer.container.directory.sites
        await older.post(1, page_url=SLASH)
        await put_in_force(newer.container, changed(sites, page_rules=KEEP))
        late = await older.post(1, page_url=f"{SLASH}index.html")
        await older.container.page_addresses.bring_along()
        await newer.container.page_addresses.bring_along()
        assert newer.container.page_addresses.is_settled
        assert await stored(newer.database) == {SLASH: 2}
        kept_apart = newer.container.directory.page_of(SLASH)
        async with newer.database.read() as connection:
            query = select(comments.c.page_id).where(comments.c.id.in_(late))
            assert (await connection.execute(query)).scalar_one() == kept_apart.id


async def test_what_an_older_version_stores_beside_this_one_is_brought_along(
    environ: dict[str, str], clock: Clock
) -> None:
    async with opened(environ, clock) as office:
        await put_in_force(office.container, changed(office.container.directory.sites, page_rules=KEEP))
        await office.post(1, page_url=SLASH)
        async with office.database.write() as connection:
            await connection.execute(update(pages).values(form=1))
            await connection.execute(page_rules.delete())
    async with opened(environ, clock) as office:
        assert not office.container.page_addresses.is_settled
        await office.container.page_addresses.bring_along()
        page = office.container.directory.page_of(PAGE)
        async with office.database.read() as connection:
            assert (await connection.execute(select(pages.c.id))).scalars().all() == [page.id]


async def test_a_changed_file_is_asked_about_stored_pages_while_the_service_runs(
    environ: dict[str, str], clock: Clock
) -> None:
    settings = config.read(environ | {"MODERATION_SCREENING": "off"})
    async with running(settings, clock) as service, client_of(service.url) as http:
        office = Office(service.container, clock, timedelta(0))
        ids = await office.post(2, page_url=f"{PAGE}?lang=it")
        await office.decide(ids)

        async def listed() -> list[str]:
            answer = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
            return [one["id"] for one in answer["comments"]]

        assert await listed() == []
        write_rules(environ, 'ignore_parameters = ["lang"]')
        service.container.sites_changed.set()
        await until(lambda: service.container.directory.page_of(f"{PAGE}?lang=it").url == PAGE)
        assert await listed() == ids
        await service.container.page_addresses.bring_along()
        assert await listed() == ids


@pytest.mark.parametrize("routes", [True, False])
async def test_a_route_in_the_fragment_names_a_page_where_the_site_says_so_and_the_list_tells(
    start: Start, environ: dict[str, str], *, routes: bool
) -> None:
    write_rules(environ, f"fragment_routes = {str(routes).lower()}")
    service = await start(screening="off")
    route = f"{PAGE}#/primo"
    async with client_of(service.url) as http:
        sent = {"author_name": "G", "author_email": "giuliana.canary@example.com", "body": "ciao"}
        posted = await (await http.post("/api/v1/comments", json=sent | {"page_url": route})).json()
        assert posted["page_url"] == (route if routes else PAGE)
        found = await (await http.get("/api/v1/comments", params={"page_url": f"{route}/"})).json()
        assert found["page_url"] == posted["page_url"]
        assert found.get("fragment_routes", False) is routes
