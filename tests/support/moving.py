"""Files of other systems as tests write them, and imports of them without a command."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from moderation_service.domain.importing.records import Dialect, Entry, LeftOut, PageInfo, Person, Record, State
from moderation_service.domain.importing.times import TimeReader
from moderation_service.domain.keys import KeyRing
from moderation_service.importing import formats, sources
from moderation_service.importing.sources import Source
from moderation_service.runtime import container
from moderation_service.services.accounts import sites_file
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.operations.imported_pages import ImportedPages
from moderation_service.services.operations.importing import AT_ONCE, Importing, Report, Wanted
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments
from tests.support.factories import PAGE, SECRET, SITES

DATA = Path(os.environ.get("MODERATION_TEST_DATA", Path(__file__).parents[3] / "shared/data"))
"""Files of other projects, which lie beside this one and not in it."""

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def missing(path: Path) -> str:
    """Why a test that needs a file of others is skipped."""
    return f"a file of another project is missing: {path} (MODERATION_TEST_DATA names the folder)"


@dataclass(slots=True)
class Read:
    """What a reader read, by kind."""

    records: list[Record] = field(default_factory=list)
    pages: dict[str, PageInfo] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    others: list[Entry] = field(default_factory=list)

    def __getitem__(self, comment_id: str) -> Record:
        """The only comment of an id."""
        [found] = [one for one in self.records if one.id == comment_id]
        return found

    @property
    def states(self) -> dict[str, State]:
        return {one.id: one.state for one in self.records}

    @property
    def parents(self) -> dict[str, str]:
        return {one.id: one.parent for one in self.records if one.parent}


def read(name: str, path: Path, zone: str = "UTC") -> Read:
    """Read a file that is of a format, to its end; a fault is raised."""
    found = Read()
    fill(found, name, path, zone)
    return found


def fill(found: Read, name: str, path: Path, zone: str = "UTC", *, longest: int = sources.LONGEST_TEXT) -> None:
    """Read a file as far as it goes."""
    source = Source(path, longest=longest)
    for entry in formats.of(name, source).read(source, TimeReader(ZoneInfo(zone), now=NOW)):
        match entry:
            case Record():
                found.records.append(entry)
            case PageInfo():
                found.pages[entry.key] = entry
            case Person():
                found.people[entry.key] = entry
            case LeftOut():
                found.left_out.append(entry)
            case _:
                found.others.append(entry)


def a_record(comment_id: str, **changed: Any) -> Record:
    """An approved comment on a page of the site."""
    values: dict[str, Any] = {
        "id": comment_id,
        "page": PAGE,
        "body": f"comment {comment_id}",
        "dialect": Dialect.PLAIN,
        "state": State.APPROVED,
        "place": f"entry {comment_id}",
        "created": datetime(2024, 3, 1, 9, 0, tzinfo=UTC),
        "author_name": "Ada Rossi",
    }
    return Record(**values | changed)


@dataclass(slots=True)
class Mover:
    """Imports into one database."""

    database: Database
    directory: Directory
    keys: KeyRing

    @classmethod
    async def into(cls, database: Database, folder: Path) -> "Mover":
        sites = folder / "moved.toml"
        sites.write_text(SITES, encoding="utf-8")
        keys = KeyRing([SECRET])
        directory = Directory(keys)
        await directory.replace(
            database, sites_file.load(sites, local_addresses=False), now=NOW, new_id=container.new_id
        )
        return cls(database, directory, keys)

    async def bring(
        self,
        entries: Iterable[Entry],
        *,
        source: str = "wordpress",
        site: str = "coop",
        base: str | None = None,
        mapped: dict[str, str] | None = None,
        at_once: int = AT_ONCE,
        **changed: bool,
    ) -> Report:
        found = self.directory.sites.get(site)
        assert found is not None
        pages = ImportedPages(self.directory, found, base=base, mapped=mapped or {})
        wanted = Wanted(site=found, source=source, **changed)
        work = Importing(self.database, self.keys, wanted, pages, clock=container.utc_now, at_once=at_once)
        return await work.run(iter(entries))

    async def stored(self) -> dict[str, Any]:
        """The comments by their text."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(comments).order_by(comments.c.id))).all()
        return {row.body: row for row in rows}


ITEM = """<item><title>Garden</title><link>https://example.org/garden/</link><wp:post_id>7</wp:post_id>
<wp:status>publish</wp:status>{more}{comments}</item>"""


def wxr(*items: str, version: str = "1.2") -> str:
    return f"""<?xml version="1.0" encoding="UTF-8" ?>
<rss version="2.0" xmlns:wp="http://wordpress.org/export/{version}/" xmlns:content="http://purl.org/x/">
<channel><title>Blog</title><wp:wxr_version>{version}</wp:wxr_version>{"".join(items)}</channel></rss>"""


def comment(number: str, **changed: str) -> str:
    values = {
        "comment_id": number,
        "comment_author": "Ada Rossi",
        "comment_author_email": "ada@example.org",
        "comment_author_url": "",
        "comment_author_IP": "192.0.2.7",
        "comment_date": "2024-03-01 10:00:00",
        "comment_date_gmt": "2024-03-01 09:00:00",
        "comment_content": "<![CDATA[Lovely <b>roses</b>\n\nhere]]>",
        "comment_approved": "1",
        "comment_type": "",
        "comment_parent": "0",
        "comment_user_id": "0",
    } | changed
    inner = "".join(f"<wp:{name}>{value}</wp:{name}>" for name, value in values.items())
    return f"<wp:comment>{inner}</wp:comment>"


def item(*comments: str, more: str = "") -> str:
    return ITEM.format(comments="".join(comments), more=more)
