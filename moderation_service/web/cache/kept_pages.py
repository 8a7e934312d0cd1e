"""Pages of comments: from memory while nothing changed, whatever their template shows."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

from moderation_service.locales import negotiate
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.change_tail import Tail
from moderation_service.web.cache.answers import Answer, PageCache
from moderation_service.web.cache.targets import Targets

_HEADERS_REMEMBERED = 1_024


@dataclass(frozen=True, slots=True)
class PageKey:
    """A page of comments as one target asks for it, in one language."""

    page_id: str
    target: str
    language: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """Whose comments a target asks for, and in which language: `asked`, else what reader and site agree on."""

    page_id: str
    asked: str | None
    of_site: str

    def language(self, accept_language: str | None) -> str:
        """Return the language for a reader with this header."""
        return self.asked or _negotiated(accept_language, self.of_site)


class KeptPages:
    """Remembers what targets mean, and keeps what was made for them."""

    def __init__(self, directory: Directory, cache: PageCache, tail: Tail) -> None:
        self._cache = cache
        self._tail = tail
        self._targets: Targets[Meaning] = Targets(directory, cache)

    def kept(self, target: str, accept_language: str | None) -> Answer | None:
        """Return from memory the answer to a target, a path and query as sent; None when it must be made."""
        meaning = self._targets.get(target)
        if meaning is None or not self._tail.is_current:
            return None
        return self._cache.get(PageKey(meaning.page_id, target, meaning.language(accept_language)))

    async def answer(
        self,
        target: str,
        meaning: Meaning,
        accept_language: str | None,
        make: Callable[[str], Awaitable[Answer]],
    ) -> Answer:
        """Return the answer that `make` makes in a language, once for all who ask until something changes."""
        language = meaning.language(accept_language)
        is_short = self._targets.remember(target, meaning)
        if not is_short or not self._tail.is_current:
            return await make(language)
        key = PageKey(meaning.page_id, target, language)
        return self._cache.get(key) or await self._cache.fill(key, (meaning.page_id,), lambda: make(language))


@lru_cache(_HEADERS_REMEMBERED)
def _negotiated(accept_language: str | None, of_site: str) -> str:
    return negotiate(accept_language, of_site)
