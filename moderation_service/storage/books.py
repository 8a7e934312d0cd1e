"""Questions that have the answer 0 while nothing was lost."""

from typing import Any

from sqlalchemy import Select, exists, func, select

from moderation_service.domain.comments import Status
from moderation_service.domain.notices import MessageState, PromiseState
from moderation_service.storage.database import Connection
from moderation_service.storage.tables import comments, contacts, decisions, messages, pages, promises

_QUESTIONS: dict[str, Select[Any]] = {
    "comments without an address": select(func.count()).where(
        ~exists().where(contacts.c.comment_id == comments.c.id)
    ),
    "comments without a page": select(func.count()).where(~exists().where(pages.c.id == comments.c.page_id)),
    "comments that nobody was promised": select(func.count()).where(
        ~exists().where(promises.c.comment_id == comments.c.id)
    ),
    "decided comments without a history": select(func.count()).where(
        comments.c.status != Status.PENDING, ~exists().where(decisions.c.comment_id == comments.c.id)
    ),
    "approved comments without a change number": select(func.count()).where(
        comments.c.status == Status.APPROVED, comments.c.change_number.is_(None)
    ),
}
_OF_PROMISES: dict[str, Select[Any]] = {
    "promises told by no message that was sent": select(func.count())
    .select_from(promises)
    .where(
        promises.c.state == PromiseState.TOLD,
        ~exists().where(messages.c.id == promises.c.message_id, messages.c.state == MessageState.SENT),
    ),
    "promises waiting in a message that is closed": select(func.count())
    .select_from(promises)
    .join(messages, messages.c.id == promises.c.message_id)
    .where(promises.c.state == PromiseState.WAITING, messages.c.state != MessageState.FIXED),
}


NAMES = (*_QUESTIONS, *_OF_PROMISES)
"""What must never be."""


async def count(connection: Connection, name: str) -> int:
    """Return how many rows there are of what must never be."""
    query = _OF_PROMISES[name] if name in _OF_PROMISES else _QUESTIONS[name].select_from(comments)
    found: int = (await connection.execute(query)).scalar_one()
    return found


async def differences(connection: Connection) -> dict[str, int]:
    """Return how many rows answer each question; all are 0 when the books balance."""
    return {name: await count(connection, name) for name in NAMES}
