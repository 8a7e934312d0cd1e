"""Which pages take no more comments: known in memory, where comments come in."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from moderation_service.domain.comments import closing
from moderation_service.domain.comments.closing import Closing, Commenting
from moderation_service.domain.comments.comment import Draft
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.errors import CommentsClosedError
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.comments import page_commenting, pages
from moderation_service.storage.engine.database import Connection, Database

_REMEMBERED = 10_000


class PageClosing:
    """Knows what was said about pages, all of it, and when pages with a closing date had their first comment.

    Of pages that no rule closes nothing has to be read when a comment comes in.
    """

    def __init__(self, database: Database, directory: Directory, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._directory = directory
        self._said: Mapping[str, Commenting] = {}
        self._first_at: dict[str, datetime] = {}

    async def load(self) -> None:
        """Learn what was said about all pages."""
        async with self._database.read() as connection:
            self._said = await page_commenting.every(connection)
        self._first_at.clear()

    def follow(self, changed: Mapping[str, Commenting]) -> None:
        """Take over how some pages stand, as some process has written."""
        said = {**self._said, **changed}
        self._said = {page_id: one for page_id, one in said.items() if one is not Commenting.BY_RULE}

    def forget(self, page_ids: Collection[str]) -> None:
        """Know nothing of pages that are other ones now, and of when these began."""
        if page_ids:
            self.follow(dict.fromkeys(page_ids, Commenting.BY_RULE))
            self._first_at.clear()

    def check(self, page: Page) -> None:
        """Raise CommentsClosedError for a page that is known to be closed; others may be, too."""
        if self._judged(page, self._clock()).is_closed:
            raise CommentsClosedError

    async def closed(self, connection: Connection, drafts: Sequence[Draft]) -> Collection[str]:
        """Return the ids of those drafts whose pages were closed when they came."""
        unknown = {draft.page.id for draft in drafts if self._is_unknown(draft.page)}
        if unknown:
            found = await pages.met(connection, sorted(unknown))
            if len(self._first_at) + len(found) > _REMEMBERED:
                self._first_at.clear()
            self._first_at |= {page_id: one.at for page_id, one in found.items()}
        return {draft.id for draft in drafts if self._judged(draft.page, draft.created_at).is_closed}

    def _judged(self, page: Page, at: datetime) -> Closing:
        site = self._directory.sites.get(page.site_id)
        return closing.judge(
            self._said.get(page.id, Commenting.BY_RULE),
            first_at=self._first_at.get(page.id),
            close_after=None if site is None else site.close_after,
            at=at,
        )

    def _is_unknown(self, page: Page) -> bool:
        """Tell whether a rule may close the page, and when its first comment came is to be looked up."""
        site = self._directory.sites.get(page.site_id)
        has_rule = site is not None and site.close_after is not None
        return has_rule and page.id not in self._said and page.id not in self._first_at
