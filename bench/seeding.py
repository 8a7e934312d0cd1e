"""Comments in a database, written by the service's own functions."""

import asyncio
from collections.abc import Mapping

from moderation_service import config, runtime
from moderation_service.domain.comments import Draft
from moderation_service.domain.decisions import Actor, Decision, Means, Request
from moderation_service.services import moderation, submission
from moderation_service.services.submission import Submission
from moderation_service.workers import Service

BODY = "Un commento come tanti, di circa trecento byte, che saluta e poi racconta qualcosa. " * 3


def seed(environ: Mapping[str, str], *, pages: int, comments: int, approve: int, body: str = BODY) -> None:
    """Write comments spread evenly over pages `/s0`, `/s1`, …, and approve those of the first `approve` pages."""
    asyncio.run(_seed(environ, pages, comments, approve, body))


async def _seed(environ: Mapping[str, str], pages: int, comments: int, approve: int, body: str) -> None:
    async with runtime.opened(config.read(environ)) as service:
        for first in range(0, comments, 1_000):
            numbers = range(first, min(first + 1_000, comments))
            drafts = [_draft(service, number % pages, number, body) for number in numbers]
            async with service.context.database.write() as connection:
                await submission.accept(connection, drafts, False)
            wanted = [draft.id for number, draft in zip(numbers, drafts, strict=True) if number % pages < approve]
            if wanted:
                await _approve(service, wanted)


def _draft(service: Service, page: int, number: int, body: str) -> Draft:
    site = service.directory.sites.get("bench")
    assert site is not None
    return service.context.intake.draft(
        Submission(
            page_url=f"https://www.example.org/s{page}",
            page_title="Chi siamo",
            author_name="Giuliana",
            author_email=f"g{number}@example.com",
            author_url=None,
            body=body,
            parent_id=None,
        ),
        site,
        body_html=f"<p>{body}</p>\n",
        network="127.0.0.0/24",
        key=None,
    )


async def _approve(service: Service, ids: list[str]) -> None:
    site = service.directory.sites.get("bench")
    assert site is not None
    requests = [Request(comment_id=one, decision=Decision.APPROVE, expected=None) for one in ids]
    await moderation.decide(
        service.context.database,
        site,
        requests,
        actor=Actor(means=Means.API),
        now=service.context.clock(),
        announce=service.context.tail.catch_up,
    )
