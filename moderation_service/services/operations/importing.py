"""Bringing comments of other systems into a site: read, spooled, joined, and written in short transactions.

A file is read once, as far as it can be. What came of it is remembered by its names there, so that a run that was
ended goes on where it stopped, and a second one adds only what is new. Nobody is notified.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments import markup
from moderation_service.domain.comments.closing import Commenting
from moderation_service.domain.comments.comment import NO_CONTACT, Status
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.importing import texts
from moderation_service.domain.importing.conversion import convert
from moderation_service.domain.importing.records import (
    BrokenFileError,
    Entry,
    LeftOut,
    Moved,
    Noted,
    PageInfo,
    Person,
    Record,
    State,
)
from moderation_service.domain.keys import KeyRing
from moderation_service.services.comments.drafting import contact_of
from moderation_service.services.operations import imported_history
from moderation_service.services.operations.imported_pages import ImportedPages, PageNotFoundError
from moderation_service.storage.comments import page_aliases, page_commenting, page_titles, pages
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.engine.faults import ConnectionLostError
from moderation_service.storage.operations import imports
from moderation_service.storage.operations.import_spool import ImportSpool, Known, Spooled
from moderation_service.storage.operations.imports import Arrival, TakenError

AT_ONCE = 200
"""Comments that one transaction writes, in some milliseconds."""
OWN = "jsonl"
"""The format of our own export, whose comments keep their ids."""

_SPOOL = "import spool"
_TRIES_WITHIN = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_SAY_EVERY = 500
_EXAMPLES = 5
_LONGEST_ID = 2_000
"""In bytes; an index of PostgreSQL takes no longer values."""
_STATUS = {
    State.APPROVED: Status.APPROVED,
    State.PENDING: Status.PENDING,
    State.REJECTED: Status.REJECTED,
    State.SPAM: Status.SPAM,
    State.WITHDRAWN: Status.WITHDRAWN,
}


@dataclass(slots=True, kw_only=True)
class Report:
    """What became of a file.

    `taken` counts by where comments stand now, `left_out` by reason, `held` those that wait because their page was
    not open to everybody or because all were to wait, `lost` what texts and authors lost on their way.
    `examples` names places and pages of what was left out, some of each reason.
    """

    read: int = 0
    taken: Counter[Status] = field(default_factory=Counter)
    known: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    held: int = 0
    orphans: int = 0
    circles: int = 0
    bad_dates: int = 0
    pages: int = 0
    merged_pages: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    broken: BrokenFileError | None = None


Progress = Callable[[str, int, int | None], None]
"""Hears of a stage, how much of it is done, and how much that is in all, if that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be imported into which site; `source` is the name of the format."""

    site: Site
    source: str
    as_pending: bool = False
    dry_run: bool = False


class _Made(NamedTuple):
    """A comment that is ready to be written, and what the report says of it once it is."""

    arrival: Arrival
    losses: Counter[str]
    left_out: str
    held: bool
    place: str


class Importing:
    """One import into one database."""

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        wanted: Wanted,
        found_pages: ImportedPages,
        *,
        clock: Callable[[], datetime],
        progress: Progress = lambda *_: None,
        at_once: int = AT_ONCE,
    ) -> None:
        self._at_once = at_once
        self._database = database
        self._keys = keys
        self._wanted = wanted
        self._pages = found_pages
        self._clock = clock
        self._progress = progress
        self._report = Report()
        self._targets: dict[str, Page] = {}
        self._moved: list[Moved] = []
        self._spool = ImportSpool(lambda text: keys.seal(text, table=_SPOOL, row=""))

    @property
    def _is_own(self) -> bool:
        return self._wanted.source == OWN

    async def run(self, entries: Iterator[Entry]) -> Report:
        """Bring in what a file says; where it breaks, what came before that."""
        try:
            self._read(entries)
            self._find_pages()
            self._spool.link()
            await self._adopt()
            orphans, self._report.circles = self._spool.find_threads()
            self._report.orphans = 0 if self._is_own else orphans
            await self._look_up()
            await self._write()
            if self._is_own and not self._wanted.dry_run:
                await self._write_pages()
                await self._write_aliases()
        finally:
            self._spool.close()
        return self._report

    def _read(self, entries: Iterator[Entry]) -> None:
        report = self._report
        last = self._clock()
        try:
            for entry in entries:
                if isinstance(entry, Record):
                    report.bad_dates += entry.created is None
                    last = entry.created or last
                    self._read_record(entry, last)
                else:
                    self._read_other(entry)
        except BrokenFileError as error:
            report.broken = error
        self._progress("Reading", report.read, report.read)

    def _read_record(self, record: Record, created: datetime) -> None:
        self._report.read += 1
        if self._report.read % _SAY_EVERY == 0:
            self._progress("Reading", self._report.read, None)
        if not record.id:
            self._leave_out("comments without an id", record.place)
        elif not _can_be_kept(record.id) or not _can_be_kept(record.key):
            self._leave_out("comments with an id that cannot be kept", record.place)
        elif not self._spool.add(record, created):
            self._leave_out("comments that the file holds twice", record.place)

    def _read_other(self, entry: Entry) -> None:
        match entry:
            case PageInfo():
                self._spool.add_page(entry)
            case Person():
                self._spool.add_person(entry)
            case LeftOut():
                self._report.read += 1
                self._leave_out(entry.reason, entry.place)
            case Noted():
                self._report.lost[entry.what] += 1
            case Moved():
                self._moved.append(entry)

    def _leave_out(self, reason: str, example: str, count: int = 1) -> None:
        self._report.left_out[reason] += count
        examples = self._report.examples.setdefault(reason, [])
        if len(examples) < _EXAMPLES:
            examples.append(example)

    def _find_pages(self) -> None:
        targets: dict[int, str] = {}
        met: set[str] = set()
        for found in self._spool.pages():
            try:
                page = self._pages.page(found)
            except PageNotFoundError as error:
                self._leave_out(error.reason, error.address or found.key, found.count)
                continue
            targets[found.number] = page.id
            self._report.merged_pages += page.id in met
            met.add(page.id)
            self._targets[page.id] = page
        self._report.pages = len(met)
        self._spool.set_targets(targets)

    async def _adopt(self) -> None:
        """Let comments answer those of earlier imports, where they are of the same page."""
        for ids in self._spool.unknown_parents():
            found = await self._known(ids)
            if found:
                async with self._database.read() as connection:
                    self._spool.adopt(found, await imports.on_pages(connection, found))

    async def _known(self, keys: list[str]) -> dict[str, Known]:
        wanted = self._wanted
        async with self._database.read() as connection:
            return await imports.known(connection, wanted.site.id, wanted.source, keys)

    async def _look_up(self) -> None:
        """Find out which comments are there already, and give the others ids."""
        spool, report = self._spool, self._report
        for keys in spool.all_keys():
            report.known += spool.note_known(await self._known(keys))
        spool.give_ids(keeps_own=self._is_own)
        if not self._is_own:
            return
        for ids in spool.new_ids():
            async with self._database.read() as connection:
                there = await imports.with_ids(connection, ids)
            mine = {key: one for key, (site_id, one) in there.items() if site_id == self._wanted.site.id}
            report.known += spool.note_known(mine)
            spool.replace_ids(there.keys() - mine.keys())

    async def _write(self) -> None:
        total, done = self._spool.count_new(), 0
        while batch := self._spool.next(self._at_once):
            made = [self._made(one) for one in batch]
            if not self._wanted.dry_run:
                try:
                    await self._store([one.arrival for one in made])
                except TakenError as error:
                    self._report.known += self._spool.note_known(error.found)
                    continue
            self._spool.note_written([one.number for one in batch])
            for one in made:
                self._count(one)
            done += len(batch)
            self._progress("Writing", done, total)
            await asyncio.sleep(0)

    def _count(self, made: _Made) -> None:
        report = self._report
        if made.left_out:
            self._leave_out(made.left_out, made.place)
        elif made.arrival.status is not None:
            report.taken[made.arrival.status] += 1
            report.held += made.held
            report.lost += made.losses

    async def _store(self, arrivals: list[Arrival]) -> None:
        """Write comments; a database that is busy or away is tried again for a minute."""
        wanted = self._wanted

        async def work(connection: Connection) -> None:
            await imports.add(connection, wanted.site.id, wanted.source, arrivals, now=self._clock())

        pause, until = _FIRST_PAUSE, time.monotonic() + _TRIES_WITHIN
        while True:
            try:
                await self._database.transact(work)
            except UnavailableError as error:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                if isinstance(error, ConnectionLostError) and await self._is_stored(arrivals):
                    return
            else:
                return

    async def _is_stored(self, arrivals: list[Arrival]) -> bool:
        """Tell whether a commit that went unanswered was kept."""
        found = await self._known([one.key for one in arrivals])
        return all(one.key in found and found[one.key].comment_id == one.id for one in arrivals)

    def _made(self, one: Spooled) -> _Made:
        """Make a comment of ours of what was read."""
        body, losses = convert(one.body, one.dialect)
        status: Status | None = _STATUS.get(one.state)
        left_out = ""
        if status is None:
            left_out, body = "deleted comments", ""
        elif not body or texts.is_blank(body):
            left_out, status = "comments without a text", None
        shorter = texts.cut(body)
        if shorter != body:
            body = shorter
            losses["ends of comments that were too long"] += 1
        held = status is Status.APPROVED and (one.held or self._wanted.as_pending)
        if held:
            status = Status.PENDING
        is_kept = status is not None and not self._wanted.dry_run
        rendering = markup.rendering(body) if is_kept else None
        author_url = texts.url(one.author_url)
        address = texts.email(self._keys.open(one.author_email, table=_SPOOL, row="")) if one.author_email else ""
        if author_url is None:
            losses["authors' links that lead to no website"] += 1
        if address is None:
            losses["authors' addresses that are none"] += 1
        own = one.own or {}
        title = own.get("page_title") if one.own is not None else texts.line(one.page_title, texts.LONGEST_TITLE)
        arrival = Arrival(
            key=one.key,
            id=one.comment_id,
            root_id=one.root_id,
            parent_id=one.parent_id,
            page=self._targets[one.target],
            page_title=title or None,
            status=status,
            revision=own.get("revision", 1),
            author_name=self._name(one),
            author_url=author_url or None,
            by_site=own.get("by_site", False),
            contact=contact_of(self._keys, address, one.comment_id) if address and status else NO_CONTACT,
            body=body,
            body_html="" if rendering is None else rendering.html,
            renderer=markup.RENDERER if rendering is None else rendering.renderer,
            created_at=one.created,
            changed_at=datetime.fromisoformat(own["changed_at"]) if "changed_at" in own else self._clock(),
            decisions=tuple(imported_history.history(one.comment_id, own, self._spool.stored_as)),
            author_changes=tuple(imported_history.author_changes(one.comment_id, own)),
            edit=imported_history.edit(one.comment_id, own)
            if status is Status.APPROVED and not self._wanted.dry_run
            else None,
            redacted=own.get("redacted") is True,
            original=imported_history.original(own) if is_kept else None,
        )
        return _Made(arrival, losses, left_out, held, one.place)

    def _name(self, one: Spooled) -> str:
        """Return an author's name, which is as it was if we wrote it ourselves."""
        if one.own is not None and one.author_name.isprintable() and len(one.author_name) <= texts.LONGEST_NAME:
            return one.author_name
        language = self._wanted.site.language.partition("-")[0]
        return texts.name(one.author_name) or texts.ANONYMOUS.get(language, texts.ANONYMOUS["en"])

    async def _write_pages(self) -> None:
        """Give pages the titles that our own export names, and open or close them, unless that was done here."""
        for page_id, own in self._spool.own_pages():
            page = self._targets[page_id]
            async with self._database.write() as connection:
                title = await page_titles.get(connection, page_id)
                if own.get("title") and title is not None and not title.is_set:
                    await page_titles.put(connection, title, own["title"], at=self._clock())
                if own.get("commenting") in (Commenting.OPEN, Commenting.CLOSED):
                    await page_commenting.put(connection, page, Commenting(own["commenting"]), at=self._clock())

    async def _write_aliases(self) -> None:
        """Let addresses lead to other pages as our own export says, unless they are pages with comments here."""
        found = [self._pages.alias(one.old, one.new) for one in self._moved]
        wanted = {alias.id: (alias.id, alias.url, target) for alias, target in filter(None, found)}
        for first in range(0, len(wanted), self._at_once):
            some = sorted(wanted)[first : first + self._at_once]
            async with self._database.write() as connection:
                stored = await pages.stored(connection, some)
                moves = [wanted[one] for one in some if one not in stored]
                if moves:
                    await page_aliases.put(connection, moves, at=self._clock())


def _can_be_kept(name: str) -> bool:
    """Tell whether a name can be stored and found again by an index."""
    return len(name.encode(errors="replace")) <= _LONGEST_ID and "\0" not in name
