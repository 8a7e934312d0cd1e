"""What targets, paths and queries as sent, mean: remembered for those that are asked for again and again."""

from typing import Generic, TypeVar

from moderation_service.domain.sites import Sites
from moderation_service.services.directory import Directory
from moderation_service.web.page_cache import PageCache

Meaning = TypeVar("Meaning")

_MOST = 4_096
_LONGEST = 600


class Targets(Generic[Meaning]):
    """The meanings of the targets that were asked for last, as long as the sites stay what they are.

    Answers may show what the sites file says, so where that changes, the cache forgets them.
    """

    def __init__(self, directory: Directory, cache: PageCache) -> None:
        """Remember nothing yet."""
        self._directory = directory
        self._cache = cache
        self._known: dict[str, Meaning] = {}
        self._sites: Sites | None = None

    def get(self, target: str) -> Meaning | None:
        """Return what a target means, None where that must be found out."""
        return self._known.get(target) if self._sites is self._directory.sites else None

    def remember(self, target: str, meaning: Meaning) -> bool:
        """Keep what a target means by the sites of now; tell whether it is short enough to be kept."""
        if self._sites is not self._directory.sites:
            self._cache.clear()
            self._known.clear()
            self._sites = self._directory.sites
        if len(target) > _LONGEST:
            return False
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[target] = meaning
        return True
