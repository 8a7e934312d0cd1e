"""Writing down what came of a message, and what that means for the person it was for."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from moderation_service.domain import clocks
from moderation_service.domain.notifications import mail_interval, retry_policy
from moderation_service.domain.notifications.message import Message
from moderation_service.domain.notifications.retry_policy import Action, Phase
from moderation_service.domain.notifications.states import DeliveryState, NotificationState
from moderation_service.mail.failures import DeliveryError
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.notifications import deliveries, messages, people, replies
from moderation_service.storage.notifications.people import Lease

_OF_THIS_PERSON = frozenset({Phase.RECIPIENT, Phase.DATA, Phase.ANSWER})


class LeaseLostError(Exception):
    """Another worker took the person over."""


async def accepted(
    connection: Connection, taken: Sequence[tuple[Lease, Message]], now: datetime, interval: timedelta
) -> list[Lease]:
    """Write that a server took messages: their comments count as notified. Return the leases that were lost.

    With each message that nobody answers by a decision, the next one waits longer.
    """
    held = await people.still_held(connection, [lease for lease, _ in taken])
    sent = [message.id for lease, message in taken if lease.person_id in held]
    if sent:
        await messages.settle_many(connection, sent, DeliveryState.SENT, NotificationState.NOTIFIED, sent_at=now)
    by_unanswered: dict[int, list[Lease]] = {}
    for lease, _ in taken:
        if lease.person_id in held:
            by_unanswered.setdefault(lease.unanswered + 1, []).append(lease)
    for unanswered, leases in by_unanswered.items():
        await people.release_many(
            connection,
            leases,
            last_message_at=now,
            unanswered=unanswered,
            quiet_until=now + mail_interval.interval_after(interval, unanswered),
            next_attempt_at=None,
            attempts=0,
            failing_since=None,
            parked_since=None,
            last_error=None,
        )
    if held:
        await deliveries.take_up(connection, held, most_tries=retry_policy.MOST_TRIES_OF_REFUSED)
    return [lease for lease, _ in taken if lease.person_id not in held]


async def refused(
    connection: Connection,
    lease: Lease,
    message: Message,
    error: DeliveryError,
    action: Action,
    now: datetime,
    *,
    probing: bool,
) -> None:
    """Write that a message did not get through; the error holds the server's words.

    A message that a server may have seen, or that has become a short notice, stays as it is; any other is
    dissolved, to be composed anew. What fails while the server is `probing` does not count against the person.
    The words are not kept where a comment that the message shows was erased meanwhile: they may repeat its own.
    """
    if await replies.is_any_erased(connection, [one.comment.id for one in message.notifications]):
        error = DeliveryError(error.phase, error.code, error.status or "", about_our_name=error.about_our_name)
    reply = error.reply
    if action is Action.PARK_MESSAGE and message.shortened:
        await deliveries.note_attempt(connection, message.id, last_error=reply)
        await messages.settle(connection, message.id, DeliveryState.PARKED, NotificationState.PARKED)
    elif action is Action.PARK_MESSAGE:
        await deliveries.note_attempt(connection, message.id, shortened=True, last_error=reply)
    elif message.may_have_arrived or message.shortened or retry_policy.may_have_arrived(error.phase):
        await deliveries.note_attempt(connection, message.id, last_error=reply)
    else:
        await messages.settle(
            connection, message.id, DeliveryState.SUPERSEDED, NotificationState.WAITING, last_error=reply
        )
    await _release(connection, lease, **_consequence(action, error, lease, now, probing=probing))


async def failed(
    connection: Connection, lease: Lease, message: Message | None, *, seen: bool, error: str, now: datetime
) -> None:
    """Write that a mistake of ours came between. Nothing was sent unless `seen`."""
    if message is not None and not seen and not message.may_have_arrived:
        await messages.settle(
            connection, message.id, DeliveryState.SUPERSEDED, NotificationState.WAITING, last_error=error
        )
    await _release(connection, lease, **_again(lease, error, retry_policy.backoff(lease.attempts), now))


def _consequence(
    action: Action, error: DeliveryError, lease: Lease, now: datetime, *, probing: bool
) -> dict[str, object]:
    """Return what a failure means for the person: the reason alone, a wait, or being parked and probed."""
    if action is Action.PAUSE_ALL and error.phase not in _OF_THIS_PERSON:
        return {"last_error": error.reply}
    if action is Action.PAUSE_ALL:
        unanswered = retry_policy.may_have_arrived(error.phase)
        again = _again(lease, error.reply, retry_policy.backoff(lease.attempts, unanswered=unanswered), now)
        return again | ({"attempts": lease.attempts} if probing and not unanswered else {})
    if action is Action.PARK_MESSAGE:
        return {"next_attempt_at": now + retry_policy.before_trying_again(action, error.phase, lease.attempts)}
    gave_up = lease.failing_since is not None and clocks.age(lease.failing_since, now) > retry_policy.GIVE_UP_AFTER
    if action is Action.PARK_PERSON or gave_up or lease.parked_since is not None:
        probes = 0 if lease.parked_since is None else lease.attempts
        return {
            "attempts": probes + 1,
            "parked_since": lease.parked_since or now,
            "next_attempt_at": now + retry_policy.before_probing(probes),
            "last_error": error.reply,
        }
    return _again(lease, error.reply, retry_policy.before_trying_again(action, error.phase, lease.attempts), now)


def _again(lease: Lease, reply: str, wait: timedelta, now: datetime) -> dict[str, object]:
    return {
        "attempts": lease.attempts + 1,
        "failing_since": lease.failing_since or now,
        "next_attempt_at": now + wait,
        "last_error": reply,
    }


async def _release(connection: Connection, lease: Lease, **values: object) -> None:
    """Give the lease back, or undo the whole transaction when another worker has it by now."""
    if not await people.release(connection, lease, **values):
        raise LeaseLostError
