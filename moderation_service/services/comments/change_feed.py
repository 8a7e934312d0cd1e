"""The change feed: what became of each comment that was ever published, for services that follow a site."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from moderation_service.domain.comments.changes import Change
from moderation_service.domain.errors import HistoryLostError, UnavailableError, UnknownSiteError
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.listing import LARGEST
from moderation_service.storage.comments import change_feed
from moderation_service.storage.comments.change_feed import Era
from moderation_service.storage.engine.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A slice of a site's changes.

    `next` is the number to go on after, `epoch` the tag of the era in which it lies, and `head` the newest number.
    `eras` are those in which the changes lie, and before them the one in which the slice begins.
    """

    epoch: str
    changes: list[Change]
    next: int
    head: int
    eras: Sequence[Era]

    @property
    def is_last(self) -> bool:
        """Whether nothing changed behind it, up to the head."""
        return not self.changes or self.next >= self.head

    def epoch_of(self, number: int) -> str:
        """Return the tag of the era in which one of its numbers lies."""
        return next(era.tag for era in reversed(self.eras) if era.first <= number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A number of a site's feed, with the tag of its era; None where whoever names it does not know."""

    number: int
    epoch: str | None


class ChangeFeed:
    """What other services read to follow a site."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory

    async def read(
        self,
        site_id: str,
        *,
        after: int,
        epoch: str | None,
        limit: int,
        fitting: Callable[[Sequence[Change]], int] = len,
        largest: int = LARGEST,
    ) -> Feed:
        """Return up to `limit` changes of a site after a number, as many of them as are `fitting`.

        They end before their texts exceed `largest` bytes, but where there are any, there is one.

        Raises UnknownSiteError; HistoryLostError where that number was given out by another history of the
        database: it lies beyond the head, or in an era of another tag; and UnavailableError for a site that was
        listed just now and has no era yet.
        """
        if self._directory.sites.get(site_id) is None:
            raise UnknownSiteError
        found = await change_feed.after(self._database.reads, site_id, after, limit=limit, largest=largest)
        if not found.eras:
            raise UnavailableError
        if after > found.head or epoch not in (None, found.eras[0].tag):
            raise HistoryLostError
        shown = found.changes[: fitting(found.changes)]
        last = shown[-1].number if shown else after
        tag = next(era.tag for era in reversed(found.eras) if era.first <= last)
        return Feed(epoch=tag, changes=shown, next=last, head=found.head, eras=found.eras)

    async def newest(self, site_id: str) -> tuple[int, str]:
        """Return a site's newest number and the tag of its era; raise as `read` does of the site."""
        if self._directory.sites.get(site_id) is None:
            raise UnknownSiteError
        found = await change_feed.newest(self._database.reads, site_id)
        if found is None:
            raise UnavailableError
        return found
