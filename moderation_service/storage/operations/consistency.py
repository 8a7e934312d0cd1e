"""Questions that have the answer 0 while nothing was lost."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.receipts import AuthorAction
from moderation_service.domain.notifications.states import DeliveryState, NotificationState
from moderation_service.domain.notifications.webhooks import WEBHOOK
from moderation_service.domain.retention import Kind
from moderation_service.domain.screening.assessment import Verdict
from moderation_service.storage.comments import erasure
from moderation_service.storage.comments.revisions import State
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.operations.retention_rules import ALL_SITES
from moderation_service.storage.schema import (
    ERASED,
    FILED_BY_RULE,
    author_changes,
    change_counters,
    comments,
    contacts,
    decisions,
    deliveries,
    imported_comments,
    notifications,
    outside_checks,
    pages,
    reports,
    retention_rules,
    revisions,
    webhooks,
)
from moderation_service.storage.screening.outside_checks import CheckState

_IS_OPEN_OF_COMMENT = and_(reports.c.comment_id == comments.c.id, reports.c.outcome.is_(None))
_IS_EDIT_OF_COMMENT = and_(revisions.c.comment_id == comments.c.id, revisions.c.state == State.WAITING)
_IS_ITS_EDIT = and_(_IS_EDIT_OF_COMMENT, revisions.c.number == comments.c.waiting_revision)
_CAME_FROM_ELSEWHERE = exists().where(imported_comments.c.comment_id == comments.c.id)
"""An import brought it: nobody is notified of it, and who decided on it there is not known."""


def _was_deleted(site_id: ColumnElement[str], kind: Kind, at: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Tell whether something of a moment may have been deleted by a rule of its site."""
    return exists().where(
        retention_rules.c.site_id == site_id, retention_rules.c.kind == kind, retention_rules.c.done_until > at
    )


_QUESTIONS: dict[str, Select[Any]] = {
    "comments without an address": select(func.count()).where(
        comments.c.status != ERASED,
        ~exists().where(contacts.c.comment_id == comments.c.id),
        or_(
            comments.c.status == Status.PENDING,
            ~_was_deleted(comments.c.site_id, Kind.ADDRESS, comments.c.created_at),
        ),
    ),
    "comments without a page": select(func.count()).where(~exists().where(pages.c.id == comments.c.page_id)),
    "comments of which nobody is notified": select(func.count()).where(
        comments.c.verdict != Verdict.SPAM,
        ~comments.c.by_site,
        ~exists().where(notifications.c.comment_id == comments.c.id),
        ~_CAME_FROM_ELSEWHERE,
    ),
    "decided comments without a history": select(func.count()).where(
        comments.c.status.not_in([Status.PENDING, Status.WITHDRAWN, ERASED]),
        ~FILED_BY_RULE,
        ~exists().where(decisions.c.comment_id == comments.c.id),
        ~_CAME_FROM_ELSEWHERE,
    ),
    "withdrawn comments that no author withdrew": select(func.count()).where(
        comments.c.status == Status.WITHDRAWN,
        ~exists().where(
            author_changes.c.comment_id == comments.c.id, author_changes.c.action == AuthorAction.WITHDRAW
        ),
        ~_CAME_FROM_ELSEWHERE,
    ),
    "reported comments without an open report": select(func.count()).where(
        comments.c.report_place.is_not(None),
        comments.c.waiting_revision.is_(None),
        ~exists().where(_IS_OPEN_OF_COMMENT),
    ),
    "open reports of comments that do not wait": select(func.count()).where(
        comments.c.report_place.is_(None), exists().where(_IS_OPEN_OF_COMMENT)
    ),
    "edited comments without an edit, or not in the queue": select(func.count()).where(
        comments.c.waiting_revision.is_not(None),
        or_(
            comments.c.status != Status.APPROVED, comments.c.report_place.is_(None), ~exists().where(_IS_ITS_EDIT)
        ),
    ),
    "edits that wait of comments that do not": select(func.count()).where(
        exists().where(_IS_EDIT_OF_COMMENT),
        or_(comments.c.waiting_revision.is_(None), ~exists().where(_IS_ITS_EDIT)),
    ),
    "edits of which nobody is notified": select(func.count()).where(
        comments.c.waiting_revision.is_not(None),
        ~exists().where(
            notifications.c.comment_id == comments.c.id, notifications.c.revision == comments.c.waiting_revision
        ),
        ~_CAME_FROM_ELSEWHERE,
    ),
    "shortened comments that nobody shortened": select(func.count()).where(
        comments.c.redacted,
        ~exists().where(decisions.c.comment_id == comments.c.id, decisions.c.redacted_as.is_not(None)),
        ~_CAME_FROM_ELSEWHERE,
    ),
    "originals of no text that was shortened": select(func.count()).where(
        exists().where(
            revisions.c.comment_id == comments.c.id,
            revisions.c.state == State.ORIGINAL,
            ~exists().where(
                decisions.c.comment_id == revisions.c.comment_id,
                decisions.c.redacted_as == revisions.c.redacted_as,
            ),
        ),
        ~_CAME_FROM_ELSEWHERE,
    ),
    "erased comments of which something is left": select(func.count()).where(
        comments.c.status == ERASED,
        or_(
            comments.c.body != "",
            comments.c.author_name != "",
            *(exists().where(table.c.comment_id == comments.c.id) for table in erasure.GONE_WITH_IT),
        ),
    ),
    "approved comments without a change number": select(func.count()).where(
        comments.c.status == Status.APPROVED, comments.c.change_number.is_(None)
    ),
}
_OF_NOTIFICATIONS: dict[str, Select[Any]] = {
    "notifications sent with no message that was sent": select(func.count())
    .select_from(notifications)
    .where(
        notifications.c.state == NotificationState.NOTIFIED,
        ~exists().where(deliveries.c.id == notifications.c.message_id, deliveries.c.state == DeliveryState.SENT),
        ~and_(
            notifications.c.message_id.is_(None),
            _was_deleted(literal(ALL_SITES), Kind.DELIVERY, notifications.c.created_at),
        ),
    ),
    "notifications held though nobody is asked about the comment": select(func.count())
    .select_from(notifications)
    .where(
        notifications.c.state == NotificationState.HELD,
        ~exists().where(
            outside_checks.c.comment_id == notifications.c.comment_id, outside_checks.c.state == CheckState.OPEN
        ),
    ),
    "notifications waiting in a message that is closed": select(func.count())
    .select_from(notifications)
    .join(deliveries, deliveries.c.id == notifications.c.message_id)
    .where(notifications.c.state == NotificationState.WAITING, deliveries.c.state != DeliveryState.WAITING),
}
_OF_WEBHOOKS: dict[str, Select[Any]] = {
    "webhooks that are ahead of their site's changes": select(func.count())
    .select_from(webhooks)
    .where(
        ~exists().where(
            change_counters.c.site_id == webhooks.c.site_id, change_counters.c.number >= webhooks.c.position
        ),
        webhooks.c.position > 0,
    ),
    "deliveries to webhooks that nobody knows": select(func.count())
    .select_from(deliveries)
    .where(deliveries.c.kind == WEBHOOK, ~exists().where(webhooks.c.recipient == deliveries.c.recipient)),
}
_OF_OTHERS = _OF_NOTIFICATIONS | _OF_WEBHOOKS

NAMES = (*_QUESTIONS, *_OF_OTHERS)
"""What must never be."""


async def count(connection: Connection, name: str) -> int:
    """Return how many rows there are of what must never be."""
    query = _OF_OTHERS[name] if name in _OF_OTHERS else _QUESTIONS[name].select_from(comments)
    found: int = (await connection.execute(query)).scalar_one()
    return found
