"""What was read of a file, on a disk of its own until it is written: joined, ordered, threads found.

It is a temporary database of SQLite without a name: it needs little memory however many comments there are, and
the system forgets it with the process, however that ends.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from moderation_service.domain.importing.records import Dialect, PageInfo, Person, Record, State

_SCHEMA = """
CREATE TABLE pages (number INTEGER PRIMARY KEY, key TEXT UNIQUE, url TEXT, title TEXT, held INTEGER, post TEXT,
    left_out TEXT, own TEXT, target TEXT, is_told INTEGER);
CREATE TABLE people (key TEXT PRIMARY KEY, name TEXT, email BLOB, url TEXT);
CREATE TABLE records (number INTEGER PRIMARY KEY, id TEXT, key TEXT UNIQUE, parent TEXT, thread TEXT,
    page INTEGER, person TEXT, created INTEGER, name TEXT, email BLOB, url TEXT, body TEXT, dialect TEXT,
    state TEXT, place TEXT, own TEXT, parent_number INTEGER, root_number INTEGER, depth INTEGER, moment INTEGER,
    comment_id TEXT, root_id TEXT, parent_id TEXT, status TEXT);
"""
_IDS_AT_ONCE = 500
_MICROSECONDS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledPage:
    """A page of the file; `count` is how many comments name it, `is_told` whether the file says more of it."""

    number: int
    key: str
    url: str
    title: str
    held: bool
    post: str
    left_out: str
    count: int
    is_told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A comment that is to be written, with the ids that it and those around it have with us."""

    number: int
    key: str
    comment_id: str
    root_id: str
    parent_id: str | None
    target: str
    page_title: str
    held: bool
    created: datetime
    author_name: str
    author_email: bytes
    author_url: str
    body: str
    dialect: Dialect
    state: State
    place: str
    own: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an earlier import made of a comment of the file."""

    comment_id: str
    root_id: str


class ImportSpool:
    """Pages, people and comments of one file. `seal` encrypts addresses, before they come to the disk."""

    def __init__(self, seal: Callable[[str], bytes]) -> None:
        self._seal = seal
        self._pages: dict[str, int] = {}
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384;"
        )
        self._database.executescript(_SCHEMA)
        self._database.create_function("new_id", 2, _new_id)
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Forget all of it."""
        self._database.close()

    def add_page(self, page: PageInfo) -> None:
        """Note what the file says of a page, before or after its comments."""
        self._database.execute(
            "INSERT INTO pages (key, url, title, held, post, left_out, own, is_told) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 1) "
            "ON CONFLICT (key) DO UPDATE SET held = excluded.held, "
            "url = coalesce(nullif(excluded.url, ''), pages.url), "
            "title = coalesce(nullif(excluded.title, ''), pages.title), "
            "post = excluded.post, left_out = excluded.left_out, own = excluded.own, is_told = 1",
            (page.key, page.url, page.title, page.held, page.number, page.left_out, _dumped(page.own)),
        )

    def add_person(self, person: Person) -> None:
        """Note an author."""
        email = self._seal(person.email) if person.email else b""
        row = (person.key, person.name, email, person.url)
        self._database.execute("INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?)", row)

    def add(self, record: Record, created: datetime) -> bool:
        """Note a comment with its time; tell whether its key is the first of its kind in the file."""
        page = self._pages.get(record.page)
        if page is None:
            page = self._page(record.page)
        email = self._seal(record.author_email) if record.author_email else b""
        added = self._database.execute(
            "INSERT OR IGNORE INTO records (id, key, parent, thread, page, person, created, name, email, url, "
            "body, dialect, state, place, own) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.id,
                record.key or record.id,
                record.parent,
                record.thread,
                page,
                record.person,
                _microseconds(created),
                record.author_name,
                email,
                record.author_url,
                record.body,
                record.dialect,
                record.state,
                record.place,
                _dumped(record.own),
            ),
        )
        return added.rowcount == 1

    def _page(self, key: str) -> int:
        self._database.execute("INSERT OR IGNORE INTO pages (key, held) VALUES (?, 0)", (key,))
        row = self._database.execute("SELECT number FROM pages WHERE key = ?", (key,)).fetchone()
        if len(self._pages) > 10_000:  # noqa: PLR2004 - of memory alone
            self._pages.clear()
        self._pages[key] = number = row[0]
        return int(number)

    def pages(self) -> Iterator[SpooledPage]:
        """Return all pages that comments name."""
        self._database.execute("CREATE INDEX IF NOT EXISTS records_page ON records (page)")
        query = (
            "SELECT number, key, coalesce(url, iif(is_told, '', key)), coalesce(title, ''), held, "
            "coalesce(post, ''), coalesce(left_out, ''), "
            "(SELECT count(*) FROM records WHERE page = pages.number) AS found, coalesce(is_told, 0) "
            "FROM pages WHERE found > 0 ORDER BY number"
        )
        for row in self._database.execute(query).fetchall():
            number, key, url, title, held, post, left_out, count, is_told = row
            yield SpooledPage(
                number=number,
                key=key,
                url=url,
                title=title,
                held=bool(held),
                post=post,
                left_out=left_out,
                count=count,
                is_told=bool(is_told),
            )

    def set_targets(self, targets: Mapping[int, str]) -> None:
        """Note the ids of our pages; comments of pages that have none are left out."""
        self._database.executemany(
            "UPDATE pages SET target = ? WHERE number = ?",
            [(target, number) for number, target in targets.items()],
        )
        self._database.execute(
            "UPDATE records SET status = 'left out' WHERE page IN (SELECT number FROM pages WHERE target IS NULL)"
        )

    def own_pages(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Return what our own export says of pages, with the ids that they have here."""
        query = "SELECT target, own FROM pages WHERE own IS NOT NULL AND target IS NOT NULL ORDER BY target"
        for target, own in self._database.execute(query).fetchall():
            yield target, orjson.loads(own)

    def link(self) -> None:
        """Find for each comment that of its page which it answers; if it is gone, the first of its thread."""
        self._database.execute("CREATE INDEX records_id ON records (id)")
        for named in ("parent", "thread"):
            self._database.execute(
                "UPDATE records SET parent_number = (SELECT above.number FROM records AS above "  # noqa: S608 - ours
                "JOIN pages AS there ON there.number = above.page "
                "JOIN pages AS here ON here.number = records.page "
                f"WHERE above.id = records.{named} AND above.number <> records.number "
                "AND above.status IS NOT 'left out' AND there.target = here.target) "
                f"WHERE {named} <> '' AND parent_number IS NULL"
            )

    def find_threads(self) -> tuple[int, int]:
        """Find the thread of each comment, once parents of earlier imports are known.

        Return how many answer something unknown, and how many threads ran in a circle: both begin threads.
        """
        run = self._database.execute
        run("CREATE INDEX records_parent ON records (parent_number) WHERE parent_number IS NOT NULL")
        run("CREATE INDEX records_depth ON records (depth)")
        run("CREATE INDEX records_root ON records (root_number, depth)")
        run("UPDATE records SET depth = 0, root_number = number, moment = created WHERE parent_number IS NULL")
        orphans: int = run(
            "SELECT count(*) FROM records WHERE parent <> '' AND parent_number IS NULL AND parent_id IS NULL "
            "AND status IS NULL"
        ).fetchone()[0]
        self._deepen(0)
        circles = 0
        while (number := run("SELECT min(number) FROM records WHERE depth IS NULL").fetchone()[0]) is not None:
            first = self._first_of_circle(number)
            run(
                "UPDATE records SET parent_number = NULL, depth = 0, root_number = number, moment = created "
                "WHERE number = ?",
                (first,),
            )
            circles += 1
            self._deepen(0, first)
        return orphans, circles

    def _deepen(self, depth: int, only: int | None = None) -> None:
        """Give all that is below comments of a depth theirs, level by level; with `only`, of one thread."""
        above = "above.depth = ?" if only is None else "above.root_number = ? AND above.depth = ?"
        below = (
            "SELECT below.number, above.depth + 1, above.root_number, max(below.created, above.moment) "  # noqa: S608 - ours
            f"FROM records AS above CROSS JOIN records AS below INDEXED BY records_parent WHERE {above} "
            "AND below.parent_number = above.number AND +below.depth IS NULL"
        )
        while found := self._database.execute(below, (depth,) if only is None else (only, depth)).fetchall():
            self._database.executemany(
                "UPDATE records SET depth = ?2, root_number = ?3, moment = ?4 WHERE number = ?1", found
            )
            depth += 1

    def _first_of_circle(self, number: int) -> int:
        """Return the lowest number of the circle that the parents of a comment run into."""
        seen: dict[int, None] = {}
        while number not in seen:
            seen[number] = None
            number = self._database.execute(
                "SELECT parent_number FROM records WHERE number = ?", (number,)
            ).fetchone()[0]
        path = list(seen)
        return min(path[path.index(number) :])

    def unknown_parents(self) -> Iterator[list[str]]:
        """Return the ids of parents that the file does not hold, some at a time."""
        self._database.execute("CREATE INDEX records_named ON records (parent) WHERE parent <> ''")
        last = ""
        while rows := self._database.execute(
            "SELECT DISTINCT parent FROM records WHERE parent <> '' AND parent > ? AND +parent_number IS NULL "
            "AND parent <> id ORDER BY parent LIMIT ?",
            (last, _IDS_AT_ONCE),
        ).fetchall():
            last = rows[-1][0]
            yield [row[0] for row in rows]

    def adopt(self, found: Mapping[str, Known], pages: Mapping[str, str]) -> None:
        """Let comments answer what earlier imports brought to the same page; `pages` are those that are known."""
        self._database.executemany(
            "UPDATE records SET parent_id = ?1, root_id = ?2 WHERE parent = ?3 AND parent_number IS NULL "
            "AND (?4 IS NULL OR page IN (SELECT number FROM pages WHERE target = ?4))",
            [(one.comment_id, one.root_id, parent, pages.get(parent)) for parent, one in found.items()],
        )

    def all_keys(self) -> Iterator[list[str]]:
        """Return the keys of all comments, some at a time."""
        last = 0
        while True:
            rows = self._database.execute(
                "SELECT number, key FROM records WHERE number > ? AND status IS NOT 'left out' "
                "ORDER BY number LIMIT ?",
                (last, _IDS_AT_ONCE),
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield [row[1] for row in rows]

    def note_known(self, found: Mapping[str, Known]) -> int:
        """Note comments that are there already; return how many of the file these are."""
        changed = 0
        for key, one in found.items():
            changed += self._database.execute(
                "UPDATE records SET comment_id = ?, root_id = ?, status = 'known' "
                "WHERE key = ? AND status IS NOT 'left out'",
                (one.comment_id, one.root_id, key),
            ).rowcount
        return changed

    def give_ids(self, *, keeps_own: bool) -> None:
        """Give all comments that are new an id, rising by their times; with `keeps_own` it is that of the file."""
        own = "id" if keeps_own else "new_id(moment, number)"
        self._database.execute(
            f"UPDATE records SET comment_id = {own} WHERE comment_id IS NULL AND status IS NULL"  # noqa: S608 - ours
        )
        self._database.execute(
            "CREATE INDEX records_moment ON records (moment, depth, number) WHERE status IS NULL"
        )

    def replace_ids(self, comment_ids: Iterable[str]) -> None:
        """Give comments that are new another id, as theirs are taken."""
        self._database.executemany(
            "UPDATE records SET comment_id = new_id(moment, number) WHERE comment_id = ? AND status IS NULL",
            [(one,) for one in comment_ids],
        )

    def stored_as(self, key: str) -> str | None:
        """Return the id that a comment of the file has with us, None where the file has no such comment."""
        row = self._database.execute("SELECT comment_id FROM records WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def new_ids(self) -> Iterator[list[str]]:
        """Return the ids of comments that are to be written, some at a time."""
        last = 0
        while rows := self._database.execute(
            "SELECT number, comment_id FROM records WHERE number > ? AND +status IS NULL ORDER BY number LIMIT ?",
            (last, _IDS_AT_ONCE),
        ).fetchall():
            last = rows[-1][0]
            yield [row[1] for row in rows]

    def count_new(self) -> int:
        """Return how many comments are to be written."""
        return int(self._database.execute("SELECT count(*) FROM records WHERE status IS NULL").fetchone()[0])

    def next(self, count: int) -> list[Spooled]:
        """Return the first comments that are to be written: by their times, and none before what it answers."""
        rows = self._database.execute(
            "SELECT r.number, r.key, r.comment_id, "
            "coalesce(r.root_id, root.root_id, root.comment_id, r.comment_id), "
            "coalesce(above.comment_id, r.parent_id), pages.target, coalesce(pages.title, ''), pages.held, "
            "r.created, coalesce(nullif(people.name, ''), r.name), "
            "CASE WHEN length(people.email) > 0 THEN people.email ELSE r.email END, "
            "coalesce(nullif(people.url, ''), r.url), r.body, r.dialect, r.state, r.place, r.own, r.parent "
            "FROM records AS r JOIN pages ON pages.number = r.page "
            "LEFT JOIN people ON people.key = r.person AND r.person <> '' "
            "LEFT JOIN records AS above ON above.number = r.parent_number "
            "LEFT JOIN records AS root ON root.number = r.root_number AND root.number <> r.number "
            "WHERE r.status IS NULL ORDER BY r.moment, r.depth, r.number LIMIT ?",
            (count,),
        ).fetchall()
        return [_spooled(row) for row in rows]

    def note_written(self, numbers: Sequence[int]) -> None:
        """Note that comments are written."""
        self._database.executemany(
            "UPDATE records SET status = 'done' WHERE number = ?", [(one,) for one in numbers]
        )


def _spooled(row: Sequence[Any]) -> Spooled:
    own = None if row[16] is None else orjson.loads(row[16])
    parent_id, root_id = row[4], row[3]
    if own is not None and parent_id is None and row[17]:
        parent_id, root_id = row[17], own.get("root_id") or row[17]
    return Spooled(
        number=row[0],
        key=row[1],
        comment_id=row[2],
        root_id=root_id,
        parent_id=parent_id,
        target=row[5],
        page_title=row[6],
        held=bool(row[7]),
        created=datetime.fromtimestamp(row[8] / 1_000_000, UTC),
        author_name=row[9],
        author_email=row[10],
        author_url=row[11],
        body=row[12],
        dialect=Dialect(row[13]),
        state=State(row[14]),
        place=row[15],
        own=own,
    )


def _new_id(moment: int, number: int) -> str:
    """Return a UUIDv7 of a time in microseconds, rising by number within a millisecond."""
    low = (number & 0xFFFFFFFF) << 42 | secrets.randbits(42)
    bits = (moment // _MICROSECONDS) << 80 | 0x7 << 76 | (low >> 62) << 64 | 0b10 << 62 | low & (1 << 62) - 1
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _microseconds(at: datetime) -> int:
    """Return a time in microseconds since 1970."""
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def _dumped(own: dict[str, Any] | None) -> str | None:
    return None if own is None else orjson.dumps(own).decode()
