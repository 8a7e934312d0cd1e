"""Writing down what came of a message, and what that means for the person it was for."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from moderation_service.domain import clocks, notices
from moderation_service.domain.notices import Action, Message, MessageState, Phase, PromiseState
from moderation_service.mail.failures import DeliveryError
from moderation_service.storage import messages, people
from moderation_service.storage.database import Connection
from moderation_service.storage.people import Lease

_OF_THIS_PERSON = frozenset({Phase.RECIPIENT, Phase.DATA, Phase.ANSWER})


class LeaseLostError(Exception):
    """Another worker took the person over."""


async def accepted(
    connection: Connection, told: Sequence[tuple[Lease, Message]], now: datetime, interval: timedelta
) -> list[Lease]:
    """Write that a server took messages: all of their comments are told. Return the leases that were lost.

    With each message that nobody answers by a decision, the next one waits longer.
    """
    held = await people.still_held(connection, [lease for lease, _ in told])
    sent = [message.id for lease, message in told if lease.person_id in held]
    if sent:
        await messages.settle_many(connection, sent, MessageState.SENT, PromiseState.TOLD, sent_at=now)
    by_unanswered: dict[int, list[Lease]] = {}
    for lease, _ in told:
        if lease.person_id in held:
            by_unanswered.setdefault(lease.unanswered + 1, []).append(lease)
    for unanswered, leases in by_unanswered.items():
        await people.release_many(
            connection,
            leases,
            last_message_at=now,
            unanswered=unanswered,
            quiet_until=now + notices.interval_after(interval, unanswered),
            next_attempt_at=None,
            attempts=0,
            failing_since=None,
            parked_since=None,
            last_error=None,
        )
    if held:
        await messages.take_up(connection, held, most_tries=notices.MOST_TRIES_OF_REFUSED)
    return [lease for lease, _ in told if lease.person_id not in held]


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
    """
    reply = error.reply
    if action is Action.PARK_MESSAGE and message.shortened:
        await messages.note_attempt(connection, message.id, last_error=reply)
        await messages.settle(connection, message.id, MessageState.PARKED, PromiseState.PARKED)
    elif action is Action.PARK_MESSAGE:
        await messages.note_attempt(connection, message.id, shortened=True, last_error=reply)
    elif message.may_have_arrived or message.shortened or notices.may_have_arrived(error.phase):
        await messages.note_attempt(connection, message.id, last_error=reply)
    else:
        await messages.settle(
            connection, message.id, MessageState.DISSOLVED, PromiseState.WAITING, last_error=reply
        )
    await _release(connection, lease, **_consequence(action, error, lease, now, probing=probing))


async def failed(
    connection: Connection, lease: Lease, message: Message | None, *, seen: bool, error: str, now: datetime
) -> None:
    """Write that a mistake of ours came between. Nothing was sent unless `seen`."""
    if message is not None and not seen and not message.may_have_arrived:
        await messages.settle(
            connection, message.id, MessageState.DISSOLVED, PromiseState.WAITING, last_error=error
        )
    await _release(connection, lease, **_again(lease, error, notices.backoff(lease.attempts), now))


def _consequence(
    action: Action, error: DeliveryError, lease: Lease, now: datetime, *, probing: bool
) -> dict[str, object]:
    """Return what a failure means for the person: the reason alone, a wait, or being parked and probed."""
    if action is Action.PAUSE_ALL and error.phase not in _OF_THIS_PERSON:
        return {"last_error": error.reply}
    if action is Action.PAUSE_ALL:
        unanswered = notices.may_have_arrived(error.phase)
        again = _again(lease, error.reply, notices.backoff(lease.attempts, unanswered=unanswered), now)
        return again | ({"attempts": lease.attempts} if probing and not unanswered else {})
    if action is Action.PARK_MESSAGE:
        return {"next_attempt_at": now + notices.BEFORE_SHORTENED}
    gave_up = lease.failing_since is not None and clocks.age(lease.failing_since, now) > notices.GIVE_UP_AFTER
    if action is Action.PARK_PERSON or gave_up or lease.parked_since is not None:
        probes = 0 if lease.parked_since is None else lease.attempts
        return {
            "attempts": probes + 1,
            "parked_since": lease.parked_since or now,
            "next_attempt_at": now + notices.before_probing(probes),
            "last_error": error.reply,
        }
    return _again(lease, error.reply, notices.backoff(lease.attempts), now)


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
