"""Comments in a database, written by the service's own functions."""

import asyncio
from collections.abc import Callable, Mapping

from moderation_service import config
from moderation_service.domain.comments.comment import Draft
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Request
from moderation_service.runtime import container
from moderation_service.runtime.container import Container
from moderation_service.services.comments import intake
from moderation_service.services.comments.drafting import Submission

BODY = "Un commento come tanti, di circa trecento byte, che saluta e poi racconta qualcosa. " * 3


def seed(
    environ: Mapping[str, str],
    *,
    pages: int,
    comments: int,
    approve: int,
    body: Callable[[int], str] = lambda _: BODY,
    path: str = "s",
) -> None:
    """Write comments spread evenly over pages `/s0`, `/s1`, …, and approve those of the first `approve` pages.

    `body` gives the text of each comment by its number, `path` what the paths of the pages begin with.
    """
    asyncio.run(_seed(environ, pages, comments, approve, body, path))


async def _seed(
    environ: Mapping[str, str],
    pages: int,
    comments: int,
    approve: int,
    body: Callable[[int], str],
    path: str,
) -> None:
    async with container.opened(config.read(environ)) as opened:
        for first in range(0, comments, 1_000):
            numbers = range(first, min(first + 1_000, comments))
            drafts = [_draft(opened, f"{path}{number % pages}", number, body(number)) for number in numbers]
            async with opened.database.write() as connection:
                await intake.accept(connection, drafts, False)
            wanted = [draft.id for number, draft in zip(numbers, drafts, strict=True) if number % pages < approve]
            if wanted:
                await _approve(opened, wanted)


def _draft(opened: Container, page: str, number: int, body: str) -> Draft:
    site = opened.directory.sites.get("bench")
    assert site is not None
    return opened.drafter.draft(
        Submission(
            page_url=f"https://www.example.org/{page}",
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


async def _approve(opened: Container, ids: list[str]) -> None:
    site = opened.directory.sites.get("bench")
    assert site is not None
    requests = [Request(comment_id=one, decision=Decision.APPROVE, expected=None) for one in ids]
    await opened.moderation.decide(site, requests, actor=Actor(channel=Channel.API))
