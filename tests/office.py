"""A service without HTTP, on a clock that stands still: comments are stored, mail goes out when told to."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from moderation_service import config, runtime, workers
from moderation_service.config.values import smtp_url
from moderation_service.domain import markup
from moderation_service.domain.comments import Receipt, Status
from moderation_service.domain.decisions import Actor, Decision, Means, Request
from moderation_service.mail.compose import Composer
from moderation_service.mail.transport import Limits, Transport
from moderation_service.services import moderation, submission
from moderation_service.services.circuit import Circuit
from moderation_service.services.delivery import Delivery
from moderation_service.services.submission import Submission
from moderation_service.storage import books
from moderation_service.storage.database import Database
from moderation_service.storage.tables import messages, people, promises
from moderation_service.workers import Service
from tests.conftest import Clock
from tests.factories import a_submission
from tests.smtp import Mail

ANNA, PAUL = "anna@example.org", "paul@example.org"


@dataclass(slots=True)
class Office:
    """What tests do with it."""

    service: Service
    clock: Clock
    interval: timedelta

    @property
    def database(self) -> Database:
        return self.service.context.database

    async def post(self, count: int = 1, *, spam_score: int = 0, **changed: Any) -> list[str]:
        """Store comments in one transaction; return their ids."""
        one = Submission(**{"author_url": None, "parent_id": None} | a_submission(**changed))
        site = self.service.directory.sites.of_page(one.page_url)
        assert site is not None
        html = markup.render(one.body)
        intake = self.service.context.intake
        drafts = [
            replace(
                intake.draft(one, site, body_html=html, network="192.0.2.0/24", key=None), spam_score=spam_score
            )
            for _ in range(count)
        ]
        async with self.database.write() as connection:
            accepted = await submission.accept(connection, drafts, again=False)
        assert all(isinstance(outcome, Receipt) for outcome in accepted)
        return [draft.id for draft in drafts]

    async def decide(self, ids: Sequence[str], decision: Decision = Decision.APPROVE) -> None:
        requests = [Request(comment_id=one, decision=decision, expected=Status.PENDING) for one in ids]
        site = self.service.directory.sites.get("coop")
        assert site is not None
        await moderation.decide(
            self.database,
            site,
            requests,
            actor=Actor(means=Means.API),
            now=self.clock(),
            announce=self.service.context.tail.catch_up,
        )

    def delivery(self, url: str | None = None, *, connections: int = 2, limits: Limits | None = None) -> Delivery:
        """A worker of its own, as another replica has it, that sends to a server."""
        settings = self.service.settings
        server = smtp_url(url) if url else settings.smtp
        composer = self.composer()
        sending = [
            Transport(server, sender=settings.mail_from, helo=composer.host, limits=limits)
            for _ in range(connections)
        ]
        return Delivery(
            self.database,
            self.service.directory,
            self.service.context.keys,
            composer,
            sending,
            circuit=Circuit(self.clock),
            interval=self.interval,
            remind_after=settings.remind_after,
            clock=self.clock,
            new_id=workers.new_id,
        )

    def composer(self) -> Composer:
        settings = self.service.settings
        return Composer(
            public_url=settings.public_url, sender=settings.mail_from, links=self.service.context.links
        )

    def told_in(self, mail: Mail) -> list[str]:
        """The ids of the comments that a mail links to, in order."""
        tokens = [link.split("/")[4] for link in mail.links() if link.endswith("/approve")]
        return [self.service.context.links.read(token).comment_id for token in tokens]

    async def states(self) -> dict[tuple[str, str], str]:
        """Where each promise stands, by comment and moderator."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(promises))
            return {(row.comment_id, row.moderator_id): row.state for row in rows}

    async def messages(self) -> list[Any]:
        async with self.database.read() as connection:
            return list(await connection.execute(select(messages).order_by(messages.c.id)))

    async def person(self, moderator_id: str) -> Any:
        """The row of the person who moderates as this."""
        async with self.database.read() as connection:
            mine = select(promises.c.person_id).where(promises.c.moderator_id == moderator_id)
            return (await connection.execute(select(people).where(people.c.id.in_(mine)))).one()

    async def degraded(self) -> list[str]:
        return await self.service.context.health.degraded()

    async def assert_balanced(self) -> None:
        async with self.database.read() as connection:
            assert not any((await books.differences(connection)).values())


def counted(mails: Sequence[Mail]) -> int:
    """How many comments mails tell of."""
    return sum(int(mail.message["X-Comments"]) for mail in mails)


def times(start: datetime, rows: Sequence[datetime]) -> list[float]:
    return [(row - start).total_seconds() for row in rows]


@asynccontextmanager
async def opened(environ: dict[str, str], clock: Clock, **changed: str) -> AsyncIterator[Office]:
    """Open a service with settings by keyword; screening is off, mail may follow mail at once."""
    settings = config.read(
        environ | {"MODERATION_SCREENING": "off"} | {f"MODERATION_{k.upper()}": v for k, v in changed.items()}
    )
    async with runtime.opened(settings, clock) as service:
        yield Office(service, clock, settings.mail_interval)
