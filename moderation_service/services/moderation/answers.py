"""What moderators and programs answer in the name of a site: rendered first, then published with the decision."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.decision_batch import Step
from moderation_service.domain.moderation.decisions import Answer, Request
from moderation_service.services.comments.rendering import Renderer
from moderation_service.storage.comments import answers
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.moderation import decisions


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


async def given(connection: Connection, requests: Sequence[Request]) -> set[tuple[str, str]]:
    """Return which of the answers that are asked for were given before."""
    bodies: dict[str, set[str]] = {}
    for request in requests:
        if request.answer is not None:
            bodies.setdefault(request.comment_id, set()).add(request.answer.body)
    return await answers.given(connection, bodies) if bodies else set()


async def publish(connection: Connection, site: Site, steps: Sequence[Step]) -> dict[str, str]:
    """Store what the site answers, each with its own history; return it with what it answers, by id."""
    given = [(step.comment, step.answer, step.entry) for step in steps if step.answer is not None]
    if not given:
        return {}
    await answers.add(
        connection,
        [(comment, answer) for comment, answer, _ in given],
        author_name=site.name,
        at=given[0][2].at,
    )
    lines = [
        (answer.id, replace(entry, number=1, revision=1, from_status=Status.PENDING, note=None))
        for _, answer, entry in given
    ]
    await decisions.add(connection, lines)
    return {answer.id: comment.id for comment, answer, _ in given}
