"""What moderators and programs answer in the name of a site, made ready before a transaction begins."""

from collections.abc import Callable

from moderation_service.domain.moderation.decisions import Answer
from moderation_service.services.comments.rendering import Renderer


class Answers:
    """Renders answers as comments are rendered; no check of screening looks at them."""

    def __init__(self, renderer: Renderer, *, new_id: Callable[[], str]) -> None:
        self._renderer = renderer
        self._new_id = new_id

    async def write(self, body: str) -> Answer:
        """Return an answer to be published; raise UnavailableError while too many texts are on their way."""
        with self._renderer.room(len(body)):
            rendering = await self._renderer.render(body)
        return Answer(id=self._new_id(), body=body, body_html=rendering.html, renderer=rendering.renderer)
