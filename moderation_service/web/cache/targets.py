"""What targets, paths and queries as sent, mean: remembered for those that are asked for again and again."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from moderation_service.domain.accounts.sites import Sites
from moderation_service.domain.comments.pages import Page
from moderation_service.services.accounts.directory import Directory
from moderation_service.web.cache.answers import PageCache

Meaning = TypeVar("Meaning")

_ROOM = 2_500_000
_LONGEST = 600


class Targets(Generic[Meaning]):
    """The meanings of the targets that were asked for last, as long as sites and aliases stay what they are.

    Answers may show what the sites file says, so where that changes, the cache forgets them. All targets together
    are bounded in characters.
    """

    def __init__(self, directory: Directory, cache: PageCache, *, longest: int = _LONGEST) -> None:
        """Remember nothing yet; targets of more than `longest` characters never are."""
        self._directory = directory
        self._cache = cache
        self._longest = longest
        self._room = _ROOM
        self._known: dict[str, Meaning] = {}
        self._sites: Sites | None = None
        self._aliases: Mapping[str, Page] | None = None

    def get(self, target: str) -> Meaning | None:
        """Return what a target means, None where that must be found out."""
        return self._known.get(target) if self._is_current() else None

    def remember(self, target: str, meaning: Meaning) -> bool:
        """Keep what a target means by the sites of now; tell whether it is short enough to be kept."""
        if not self._is_current():
            self._cache.clear()
            self._forget()
            self._sites, self._aliases = self._directory.sites, self._directory.aliases
        if len(target) > self._longest:
            return False
        if target not in self._known:
            if len(target) > self._room:
                self._forget()
            self._room -= len(target)
        self._known[target] = meaning
        return True

    def _is_current(self) -> bool:
        return self._sites is self._directory.sites and self._aliases is self._directory.aliases

    def _forget(self) -> None:
        self._known.clear()
        self._room = _ROOM
