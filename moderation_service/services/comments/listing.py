"""What the public may read: approved comments of a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from moderation_service.domain import clocks
from moderation_service.domain.comments import closing
from moderation_service.domain.comments.closing import Closing
from moderation_service.domain.comments.comment import PublicComment
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.comments.threads import Conversation, Thread, arrange, conversations, cut
from moderation_service.domain.errors import NotFoundError
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.page_addresses import PageAddresses
from moderation_service.storage.comments import comments, public, threads
from moderation_service.storage.comments.public import PageFacts
from moderation_service.storage.engine.batches import in_batches
from moderation_service.storage.engine.database import Database

LARGEST = 1024 * 1024
"""Bytes before which a list ends, however many entries were asked for; there is always one."""


COMMENTS_AT_ONCE = 200
"""Comments with which threads end, however many of them were asked for."""

START = public.START
"""The place before the first comment, in every order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which slice of a page's comments: behind the place `after`, or the one that shows the comment `around`.

    `limit` and `newest_first` are of comments, or of threads with `by_threads`; of a `thread`, of its comments.
    """

    limit: int
    newest_first: bool = False
    after: str | None = None
    by_threads: bool = False
    thread: str | None = None
    around: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A slice of a page's comments; `next_after` is the place to go on behind, None at the end.

    `previous_after` is the place behind which the slice before it begins, None at the start.
    `page_url` is the address under which the page was first met, or as asked where it never was.
    `title` is what a moderator calls the page, else the earliest approved comment that sent one: no later comment
    can change it.
    `last_change`, of a closed page no earlier than its closing, is None while it lies in the future, for no change
    after it would be told from it.
    `threads` are the same comments where they are cut by threads; `thread` is the root where all are of one.
    """

    page_url: str
    count: int
    comments: list[PublicComment]
    next_after: str | None
    last_change: datetime | None
    title: str | None
    closing: Closing
    previous_after: str | None = None
    threads: list[Thread] | None = None
    thread: str | None = None

    def conversations(self) -> list[Conversation]:
        """Return the comments as they are read, thread by thread where they are cut so."""
        if self.threads is not None:
            return conversations(self.threads)
        if not self.comments:
            return []
        return [Conversation(arrange(self.comments), self.comments[0], self.comments[-1], left=0)]

    def cut(self, count: int) -> "Listing":
        """Return the same with only `count` of its comments."""
        if self.threads is None:
            shown = self.comments[:count]
            return replace(self, comments=shown, next_after=shown[-1].id)
        threads = cut(self.threads, count)
        is_shorter = len(threads) < len(self.threads)
        return replace(
            self,
            threads=threads,
            comments=_flat(threads),
            next_after=threads[-1].root_id if is_shorter else self.next_after,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleComment:
    """An approved comment; `last_change` is when readers saw it change, None while that lies in the future."""

    comment: PublicComment
    last_change: datetime | None


class Listings:
    """Reads what the public may see. Nothing is remembered here: that is for whoever answers readers."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        page_addresses: PageAddresses,
        *,
        clock: Callable[[], datetime],
        most: int = COMMENTS_AT_ONCE,
        largest: int = LARGEST,
    ) -> None:
        """Read lists of less than `largest` bytes of texts, and threads of `most` comments together at most."""
        self._database = database
        self._directory = directory
        self._page_addresses = page_addresses
        self._clock = clock
        self._most = most
        self._largest = largest

    async def read(self, page: Page, wanted: Wanted) -> Listing:
        """Return a slice of a page's comments, fewer than asked for where they are long.

        Raises NotFoundError where a thread or a comment that is named is none of the page's public ones.
        """
        if wanted.after == START:
            wanted = replace(wanted, after=None)
        if wanted.around is not None:
            return await self.around(page, wanted.around, wanted)
        if wanted.thread is not None:
            return await self._of_thread(page, wanted.thread, after=wanted.after, limit=wanted.limit)
        if wanted.by_threads:
            return await self._by_threads(
                page, after=wanted.after, limit=wanted.limit, newest_first=wanted.newest_first
            )
        return await self.of_page(page, after=wanted.after, limit=wanted.limit, newest_first=wanted.newest_first)

    async def of_page(self, page: Page, *, after: str | None, limit: int, newest_first: bool) -> Listing:
        """Return up to `limit` approved comments of a page behind the comment `after`, fewer where they are long.

        Until all pages are settled, those are looked for too that are still to move to the page from another id.
        """
        found = await public.page_slice(
            self._database.reads,
            page.id,
            after=after,
            limit=limit,
            newest_first=newest_first,
            largest=self._largest,
            is_settled=self._page_addresses.is_settled,
        )
        return self._sliced(page, found)

    async def around(self, page: Page, comment_id: str, wanted: Wanted, *, is_first: bool = False) -> Listing:
        """Return the slice that shows a comment: of those counted from the start, or with `is_first` as its first.

        Where its thread is longer than what is shown of it among others, the slice is one of that thread.
        Raises NotFoundError where it is no public comment of the page.
        """
        found = await threads.position(
            self._database.reads,
            page.id,
            comment_id,
            limit=wanted.limit,
            by_threads=wanted.by_threads,
            newest_first=wanted.newest_first,
            is_settled=self._page_addresses.is_settled,
        )
        if found is None:
            raise NotFoundError
        wholly = replace(wanted, around=None)
        here = replace(wholly, after=found.right_before)
        whole_of_thread = replace(wholly, thread=found.root_id, after=found.in_thread)
        of_thread = replace(whole_of_thread, after=found.right_before_in_thread)
        tried: tuple[Wanted, ...]
        if not wanted.by_threads:
            tried = (here,) if is_first else (replace(wholly, after=found.after), here)
        else:
            tried = (of_thread,) if is_first else (replace(wholly, after=found.after), whole_of_thread, of_thread)
        for one in tried:
            listing = await self.read(page, one)
            if any(each.id == comment_id for each in listing.comments):
                return listing
        raise NotFoundError

    async def _by_threads(self, page: Page, *, after: str | None, limit: int, newest_first: bool) -> Listing:
        found = await threads.threads_slice(
            self._database.reads,
            page.id,
            after=after,
            limit=limit,
            most=self._most,
            newest_first=newest_first,
            largest=self._largest,
            is_settled=self._page_addresses.is_settled,
        )
        next_after = None if found.is_last else found.threads[-1].root_id
        return self._listing(
            page, found.page, _flat(found.threads), next_after, found.previous, threads=found.threads
        )

    async def _of_thread(self, page: Page, thread: str, *, after: str | None, limit: int) -> Listing:
        root_id, found = await threads.thread_slice(
            self._database.reads,
            page.id,
            thread,
            after=after,
            limit=limit,
            largest=self._largest,
            is_settled=self._page_addresses.is_settled,
        )
        if root_id is None:
            raise NotFoundError
        return self._sliced(page, found, thread=root_id)

    def _sliced(self, page: Page, found: public.PageSlice, *, thread: str | None = None) -> Listing:
        next_after = None if found.is_last else found.comments[-1].id
        return self._listing(page, found.page, found.comments, next_after, found.previous, thread=thread)

    def _listing(
        self,
        page: Page,
        facts: PageFacts,
        shown: list[PublicComment],
        next_after: str | None,
        previous_after: str | None,
        *,
        threads: list[Thread] | None = None,
        thread: str | None = None,
    ) -> Listing:
        closed = self._closing(page, facts)
        return Listing(
            page_url=facts.url or page.url,
            count=facts.count,
            comments=shown,
            next_after=next_after,
            last_change=self._last_change(facts, closed),
            closing=closed,
            title=facts.title,
            previous_after=previous_after,
            threads=threads,
            thread=thread,
        )

    def _closing(self, page: Page, found: PageFacts) -> Closing:
        site = self._directory.sites.get(page.site_id)
        return closing.judge(
            found.commenting,
            first_at=found.first_at,
            close_after=None if site is None else site.close_after,
            at=self._clock(),
        )

    def _last_change(self, found: PageFacts, closed: Closing) -> datetime | None:
        """Return when a page changed last, be it that it closed; None while that lies in the future."""
        moments = (found.last_change, closed.closes_at if closed.is_closed else None)
        return self._past(max((at for at in moments if at is not None), default=None))

    def _past(self, moment: datetime | None) -> datetime | None:
        return None if moment is None or clocks.is_ahead(moment, self._clock()) else moment

    async def get(self, comment_id: str) -> SingleComment:
        """Return one approved comment; raise NotFoundError for any other."""
        found = await public.one(self._database.reads, comment_id)
        if found is None:
            raise NotFoundError
        comment, changed_at = found
        return SingleComment(comment=comment, last_change=self._past(changed_at))

    async def answerable(self, page: Page, comment_id: str) -> PublicComment | None:
        """Return a comment that may be answered: an approved one of the page."""
        async with self._database.read() as connection:
            found = (await comments.answerable(connection, [comment_id])).get(comment_id)
        if found is None or page.id not in found.page_ids:
            return None
        shown = await public.one(self._database.reads, comment_id)
        return None if shown is None else shown[0]


async def find_roots(database: Database) -> None:
    """Find the roots of comments that a version before schema 0014 stored; only then threads show them."""
    await in_batches(database, threads.complete)


def _flat(found: Sequence[Thread]) -> list[PublicComment]:
    return [each for one in found for each in one.comments]
