"""Answers that are the same for every reader: from memory while nothing changed of what they show."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.change_tail import Tail
from moderation_service.web.cache.answers import Answer, PageCache
from moderation_service.web.cache.targets import Targets

_LONGEST = 32 * 1024
"""Characters of a path and query that are remembered: all that the server reads."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for: a path and query as sent, or what stands for a body."""

    question: str


class KeptAnswers:
    """Keeps what was made for questions, and with it what they mean: that is part of the answer."""

    def __init__(self, directory: Directory, cache: PageCache, tail: Tail) -> None:
        self._cache = cache
        self._tail = tail
        self._questions: Targets[_Asked] = Targets(directory, cache, longest=_LONGEST)

    def kept(self, question: str) -> Answer | None:
        """Return from memory the answer to a question; None when it must be made."""
        asked = self._questions.get(question)
        if asked is None or not self._tail.is_current:
            return None
        return self._cache.get(asked)

    async def answer(
        self, question: str, subjects: Collection[str], make: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Return the answer that `make` makes, once for all who ask until a page or site of `subjects` changes."""
        asked = _Asked(question)
        is_short = self._questions.remember(question, asked)
        if not is_short or not self._tail.is_current:
            return await make()
        return self._cache.get(asked) or await self._cache.fill(asked, subjects, make)
