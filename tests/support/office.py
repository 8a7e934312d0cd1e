"""A service without HTTP, on a clock that stands still: comments are stored, mail goes out when asked to."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from moderation_service import config
from moderation_service.config.values import smtp_url
from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments import markup
from moderation_service.domain.comments.changes import Change
from moderation_service.domain.comments.comment import Draft, Receipt, Status
from moderation_service.domain.moderation.decisions import Actor, Answer, Channel, Decision, Outcome, Request
from moderation_service.domain.screening.assessment import HARMLESS, Assessment
from moderation_service.mail.compose import Composer
from moderation_service.mail.transport import Limits, Transport
from moderation_service.metrics import Metrics
from moderation_service.runtime import container
from moderation_service.runtime.container import Container
from moderation_service.services.comments import intake
from moderation_service.services.comments.drafting import Submission
from moderation_service.services.notifications.circuit_breaker import Circuit
from moderation_service.services.notifications.delivery import Delivery
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.services.operations import consistency
from moderation_service.storage.comments import change_feed
from moderation_service.storage.engine.database import Database
from moderation_service.storage.engine.limits import DatabaseLimits
from moderation_service.storage.schema import deliveries, notifications, people
from tests.conftest import Clock
from tests.support.candidates import a_candidate
from tests.support.factories import a_submission
from tests.support.smtp import Mail
from tests.support.time_limits import PATIENT, patient

ANNA, PAUL = "anna@example.org", "paul@example.org"


@dataclass(slots=True)
class Office:
    """What tests do with it."""

    container: Container
    clock: Clock
    interval: timedelta

    @property
    def database(self) -> Database:
        return self.container.database

    async def post(
        self,
        count: int = 1,
        *,
        assessment: Assessment = HARMLESS,
        is_asked_outside: bool = False,
        **changed: Any,
    ) -> list[str]:
        """Store comments in one transaction; return their ids."""
        one = Submission(**{"author_url": None, "parent_id": None} | a_submission(**changed))
        site = self.container.directory.sites.of_page(one.page_url)
        assert site is not None
        html = markup.render(one.body)
        drafts = [
            replace(
                self.container.drafter.draft(one, site, body_html=html, network="192.0.2.0/24", key=None),
                assessment=assessment,
            )
            for _ in range(count)
        ]
        if is_asked_outside:
            drafts = [self._to_ask_about(draft, one, site) for draft in drafts]
        async with self.database.write() as connection:
            accepted = await intake.accept(connection, drafts, again=False)
        assert all(isinstance(outcome, Receipt) for outcome in accepted)
        return [draft.id for draft in drafts]

    def _to_ask_about(self, draft: Draft, submission: Submission, site: Site) -> Draft:
        """Prepare a draft for outside checks, as its submission does."""
        candidate = a_candidate(site=site, body=submission.body)
        sealed = self.container.outside.prepare(draft.id, candidate, draft.assessment)
        return replace(draft, network_sealed=sealed)

    async def decide(
        self,
        ids: Sequence[str],
        decision: Decision = Decision.APPROVE,
        *,
        expected: Status | None = Status.PENDING,
    ) -> None:
        requests = [Request(comment_id=one, decision=decision, expected=expected) for one in ids]
        site = self.container.directory.sites.get("coop")
        assert site is not None
        await self.container.moderation.decide(site, requests, actor=Actor(channel=Channel.API))

    async def answer(
        self, comment_id: str, body: str, *, channel: Channel = Channel.DESK, **changed: Any
    ) -> tuple[Outcome, str]:
        """Answer a comment as the site; the outcome, and the id that the answer has if it was published."""
        rendering = markup.rendering(body)
        given = Answer(id=container.new_id(), body=body, body_html=rendering.html, renderer=rendering.renderer)
        values: dict[str, Any] = {"expected": None} | changed
        asked = Request(comment_id=comment_id, decision=Decision.ANSWER, answer=given, **values)
        site = self.container.directory.sites.get("coop")
        assert site is not None
        actor = Actor(channel=channel, moderator_id="anna", name="Anna")
        [result] = await self.container.moderation.decide(site, [asked], actor=actor)
        return result.outcome, given.id

    async def changes_after(self, number: int) -> list[Change]:
        """What those who follow the site are told after a number."""
        found = await change_feed.after(self.database.reads, "coop", number, limit=100, largest=1_000_000)
        return found.changes

    async def undo(self, ids: Sequence[str]) -> None:
        await self.decide(ids, Decision.UNDO, expected=None)

    def delivery(
        self,
        url: str | None = None,
        *,
        connections: int = 2,
        limits: Limits | None = None,
        is_busy: Callable[[], bool] = lambda: False,
        delivery_limits: DeliveryLimits | None = None,
    ) -> Delivery:
        """A worker of its own, as another replica has it, that sends to a server."""
        settings = self.container.settings
        server = smtp_url(url) if url else settings.smtp
        composer = self.composer()
        sending = [
            Transport(server, sender=settings.mail_from, helo=composer.host, limits=limits)
            for _ in range(connections)
        ]
        return Delivery(
            self.database,
            self.container.directory,
            self.container.reassignment,
            self.container.keys,
            composer,
            sending,
            circuit=Circuit(self.clock),
            interval=self.interval,
            remind_after=settings.remind_after,
            clock=self.clock,
            new_id=container.new_id,
            counters=Metrics().mail("moderation"),
            is_busy=is_busy,
            limits=delivery_limits,
        )

    def composer(self) -> Composer:
        settings = self.container.settings
        return Composer(public_url=settings.public_url, sender=settings.mail_from, links=self.container.links)

    def comments_in(self, mail: Mail) -> list[str]:
        """The ids of the comments that a mail links to, in order."""
        tokens = [link.split("/")[4] for link in mail.links() if link.endswith("/approve")]
        return [self.container.links.read(token).comment_id for token in tokens]

    async def states(self) -> dict[tuple[str, str], str]:
        """Where each notification stands, by comment and moderator."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(notifications))
            return {(row.comment_id, row.moderator_id): row.state for row in rows}

    async def messages(self) -> list[Any]:
        async with self.database.read() as connection:
            return list(await connection.execute(select(deliveries).order_by(deliveries.c.id)))

    async def person(self, moderator_id: str) -> Any:
        """The row of the person who moderates as this."""
        async with self.database.read() as connection:
            mine = select(notifications.c.person_id).where(notifications.c.moderator_id == moderator_id)
            return (await connection.execute(select(people).where(people.c.id.in_(mine)))).one()

    async def degraded(self) -> list[str]:
        return await self.container.health.degraded()

    async def assert_balanced(self) -> None:
        assert not any((await consistency.differences(self.database)).values())


def counted(mails: Sequence[Mail]) -> int:
    """How many comments mails tell of."""
    return sum(int(mail.message["X-Comments"]) for mail in mails)


def times(start: datetime, rows: Sequence[datetime]) -> list[float]:
    return [(row - start).total_seconds() for row in rows]


@asynccontextmanager
async def opened(
    environ: dict[str, str], clock: Clock, *, limits: DatabaseLimits = PATIENT, **changed: str
) -> AsyncIterator[Office]:
    """Open a service with settings by keyword; screening is off, mail may follow mail at once."""
    settings = config.read(
        environ | {"MODERATION_SCREENING": "off"} | {f"MODERATION_{k.upper()}": v for k, v in changed.items()}
    )
    async with container.opened(settings, clock, limits=patient(database=limits)) as opened:
        yield Office(opened, clock, settings.mail_interval)
