"""What leaves by mail, put together: one circuit breaker for the server, and a kind for each sort of message."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from moderation_service.config import Settings
from moderation_service.domain.comments import personal_data
from moderation_service.domain.comments.notices import (
    ADDRESS_PROOF,
    AUTHOR_NOTICE,
    NOTICE_GIVEN_UP_AFTER,
    PROOF_GIVEN_UP_AFTER,
)
from moderation_service.domain.comments.proofs import SubscriptionLinks
from moderation_service.domain.moderation.reports import REPORT_OUTCOME, REPORT_PROOF, REPORT_RECEIVED
from moderation_service.domain.moderation.statements import STATEMENT
from moderation_service.domain.notifications.retry_policy import Phase
from moderation_service.domain.notifications.states import MODERATION
from moderation_service.mail.access_tokens import TOKEN_WITHIN, AccessTokens
from moderation_service.mail.author import AuthorComposer
from moderation_service.mail.compose import Composer
from moderation_service.mail.login import LoginComposer
from moderation_service.mail.reporter import ReporterComposer
from moderation_service.mail.transport import Transport, greeting_name
from moderation_service.runtime.basis import Basis
from moderation_service.services.accounts import logins as login_links
from moderation_service.services.accounts.logins import Logins
from moderation_service.services.notifications.author_notices import AuthorNotices
from moderation_service.services.notifications.circuit_breaker import Circuit
from moderation_service.services.notifications.delivery import Delivery
from moderation_service.services.notifications.delivery_queue import DeliveryChannel, DeliveryQueue
from moderation_service.services.notifications.kinds import Kind, MailSender
from moderation_service.services.notifications.reassignment import Reassignment
from moderation_service.services.notifications.reporter_mails import ReporterMails
from moderation_service.services.notifications.statements import Statements
from moderation_service.services.operations.personal_data import PersonalData
from moderation_service.services.screening import attack_notices
from moderation_service.services.screening.attack_notices import AttackNotices

_MODERATION_MAIL_RESTS = 0.2
"""Seconds between two looks for moderation mail, however many comments come in."""

_LOOK_FOR_MODERATION_MAIL_EVERY = 1.0
"""Seconds after which somebody may be due, though nothing came in."""


def transports(
    settings: Settings,
    on_step: Callable[[Phase, str], None] = lambda _, __: None,
    *,
    token_within: float = TOKEN_WITHIN,
) -> Callable[[], Transport]:
    """Return what makes connections to the mail server; all greet by one name and share one access token."""
    name = greeting_name(settings.helo_name, settings.public_url)
    tokens = None if settings.smtp_oauth is None else AccessTokens(settings.smtp_oauth, within=token_within)
    return lambda: Transport(settings.smtp, sender=settings.mail_from, helo=name, tokens=tokens, on_step=on_step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What leaves by mail."""

    delivery: Delivery
    logins: Logins
    personal_data: PersonalData
    queue: DeliveryQueue


def built(
    basis: Basis,
    reassignment: Reassignment,
    notices: AttackNotices,
    subscription_links: SubscriptionLinks,
    *,
    is_busy: Callable[[], bool],
    announce: Callable[[], Awaitable[None]],
    on_erased: Callable[[], None],
) -> Sending:
    """Build all that leaves by mail: one circuit breaker for the server, a kind for each sort of message."""
    settings, clock, database, directory = basis.settings, basis.clock, basis.database, basis.directory
    metrics, limits = basis.metrics, basis.limits.deliveries
    new_transport = transports(settings)
    circuit = Circuit(clock)
    delivery = Delivery(
        database,
        directory,
        reassignment,
        basis.keys,
        Composer(public_url=settings.public_url, sender=settings.mail_from, links=basis.links),
        [new_transport() for _ in range(settings.mail_connections)],
        circuit=circuit,
        interval=settings.mail_interval,
        remind_after=settings.remind_after,
        clock=clock,
        new_id=basis.new_id,
        counters=metrics.mail(MODERATION),
        is_busy=is_busy,
        limits=limits,
    )
    metrics.mail_paused.set_function(lambda: delivery.is_paused)
    queue = DeliveryQueue(database, clock=clock, limits=limits)
    queue.open(
        DeliveryChannel(
            name=MODERATION,
            deliver_due=delivery.deliver_due,
            rests=_MODERATION_MAIL_RESTS,
            looks_every=_LOOK_FOR_MODERATION_MAIL_EVERY,
        )
    )
    logins = Logins(
        database,
        directory,
        basis.keys,
        LoginComposer(public_url=settings.public_url, sender=settings.mail_from),
        clock=clock,
        new_id=basis.new_id,
        wake=lambda: queue.wake(login_links.KIND),
    )
    author_composer = AuthorComposer(public_url=settings.public_url, sender=settings.mail_from)
    author_notices = AuthorNotices(
        database,
        directory,
        basis.keys,
        author_composer,
        subscription_links,
        clock=clock,
    )
    statements = Statements(database, directory, basis.keys, author_composer, subscription_links, clock=clock)
    reporter_composer = ReporterComposer(public_url=settings.public_url, sender=settings.mail_from)
    reporters = ReporterMails(database, directory, basis.keys, reporter_composer, subscription_links, clock=clock)
    data = PersonalData(
        database,
        directory,
        basis.keys,
        author_composer,
        clock=clock,
        new_id=basis.new_id,
        wake=lambda: queue.wake(personal_data.PERSONAL_DATA),
        announce=announce,
        on_erased=on_erased,
    )
    note_refusal = author_notices.note_refusal
    for name, compose, lasts, on_refused in (
        (login_links.KIND, logins.compose, login_links.GIVE_UP_AFTER, None),
        (attack_notices.KIND, notices.compose, attack_notices.GIVE_UP_AFTER, None),
        (ADDRESS_PROOF, author_notices.compose_proof, PROOF_GIVEN_UP_AFTER, note_refusal),
        (AUTHOR_NOTICE, author_notices.compose_notice, NOTICE_GIVEN_UP_AFTER, note_refusal),
        (personal_data.PERSONAL_DATA, data.compose, personal_data.LIFETIME, note_refusal),
        (STATEMENT, statements.compose, NOTICE_GIVEN_UP_AFTER, note_refusal),
        (REPORT_PROOF, reporters.compose_proof, PROOF_GIVEN_UP_AFTER, reporters.note_refusal),
        (REPORT_RECEIVED, reporters.compose_received, NOTICE_GIVEN_UP_AFTER, reporters.note_refusal),
        (REPORT_OUTCOME, reporters.compose_outcome, NOTICE_GIVEN_UP_AFTER, reporters.note_refusal),
    ):
        kind = Kind(
            name=name,
            compose=compose,
            senders=[MailSender(new_transport())],
            circuit=circuit,
            lasts=lasts,
            on_refused=on_refused,
        )
        queue.register(kind, metrics.mail(name))
    return Sending(delivery=delivery, logins=logins, personal_data=data, queue=queue)
