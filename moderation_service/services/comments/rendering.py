"""Rendering what authors wrote, so that long texts take little from the others."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from moderation_service.domain.comments import markup
from moderation_service.domain.comments.markup import Rendering
from moderation_service.domain.errors import UnavailableError

MOST_CHARACTERS = 8 * 1024 * 1024
"""Characters of comments that may be on their way at once; in memory each costs several times that."""

_BREATH = 5e-5


class Renderer:
    """Renders short texts at once, long ones one at a time in a thread that gives way every half millisecond."""

    def __init__(self, *, most_characters: int = MOST_CHARACTERS) -> None:
        self._most_characters = most_characters
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renderer")
        self._characters = 0

    @contextmanager
    def room(self, characters: int) -> Iterator[None]:
        """Hold room for a text until it is answered; raise UnavailableError when there is none."""
        if self._characters + characters > self._most_characters:
            raise UnavailableError
        self._characters += characters
        try:
            yield
        finally:
            self._characters -= characters

    async def render(self, body: str) -> Rendering:
        """Return the HTML of a text."""
        if markup.is_quick(body):
            return markup.rendering(body)
        work = partial(markup.rendering, body, pause=_give_way)
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _give_way() -> None:
    """Let another thread have the interpreter: one that waits for it needs a moment to take it."""
    time.sleep(_BREATH)
