"""Writing down what came of a message, and what that means for the person it was for."""

from datetime import datetime

from moderation_service.domain import notices
from moderation_service.domain.notices import Action, Message, MessageState, Phase, PromiseState
from moderation_service.storage import messages, people
from moderation_service.storage.database import Connection
from moderation_service.storage.people import Lease


class LeaseLostError(Exception):
    """Another worker took the person over."""


async def accepted(connection: Connection, lease: Lease, message: Message, now: datetime) -> None:
    """Write that a server took the message: all of its comments are told."""
    await messages.settle(connection, message.id, MessageState.SENT, PromiseState.TOLD, sent_at=now)
    await _release(
        connection,
        lease,
        last_message_at=now,
        next_attempt_at=None,
        attempts=0,
        failing_since=None,
        parked_since=None,
        last_error=None,
    )


async def refused(
    connection: Connection,
    lease: Lease,
    message: Message,
    action: Action,
    phase: Phase,
    reply: str,
    now: datetime,
) -> None:
    """Write that a message did not get through; `reply` holds the server's words.

    A message that a server may have seen, or that has become a short notice, stays as it is; any other is
    dissolved, to be composed anew.
    """
    if action is Action.PARK_MESSAGE and message.shortened:
        await messages.settle(connection, message.id, MessageState.PARKED, PromiseState.PARKED, last_error=reply)
    elif action is Action.PARK_MESSAGE:
        await messages.note_attempt(connection, message.id, shortened=True, last_error=reply)
    elif message.may_have_arrived or message.shortened or notices.may_have_arrived(phase):
        await messages.note_attempt(connection, message.id, last_error=reply)
    else:
        await messages.settle(
            connection, message.id, MessageState.DISSOLVED, PromiseState.WAITING, last_error=reply
        )
    await _release(connection, lease, **_consequence(action, lease, reply, now))


async def failed(
    connection: Connection, lease: Lease, message: Message | None, *, seen: bool, error: str, now: datetime
) -> None:
    """Write that a mistake of ours came between. Nothing was sent unless `seen`."""
    if message is not None and not seen and not message.may_have_arrived:
        await messages.settle(
            connection, message.id, MessageState.DISSOLVED, PromiseState.WAITING, last_error=error
        )
    await _release(connection, lease, **_consequence(Action.AGAIN, lease, error, now))


def _consequence(action: Action, lease: Lease, reply: str, now: datetime) -> dict[str, object]:
    """Return what a failure means for the person: the reason alone, a wait, or being parked and probed daily."""
    if action is Action.PAUSE_ALL:
        return {"last_error": reply}
    if action is Action.PARK_MESSAGE:
        return {"next_attempt_at": now + notices.BEFORE_SHORTENED}
    gave_up = lease.failing_since is not None and now - lease.failing_since > notices.GIVE_UP_AFTER
    if action is Action.PARK_PERSON or gave_up or lease.parked_since is not None:
        return {
            "parked_since": lease.parked_since or now,
            "next_attempt_at": now + notices.PROBE_PERSON_EVERY,
            "last_error": reply,
        }
    return {
        "attempts": lease.attempts + 1,
        "failing_since": lease.failing_since or now,
        "next_attempt_at": now + notices.backoff(lease.attempts),
        "last_error": reply,
    }


async def _release(connection: Connection, lease: Lease, **values: object) -> None:
    """Give the lease back, or undo the whole transaction when another worker has it by now."""
    if not await people.release(connection, lease, **values):
        raise LeaseLostError
