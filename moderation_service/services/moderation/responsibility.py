"""Whose a comment is at the desk: the rule for all that is shown and decided there.

A page's comments are for those whose paths cover it. One of which none of them can be notified by mail is for
every moderator of the site while that is so, as the comments of a page are that nobody's paths cover. Whoever
decided on it may look at that and take it back as long as decisions can be taken back.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from moderation_service.domain.accounts.sites import Membership
from moderation_service.domain.comments.comment import QueuedComment
from moderation_service.domain.moderation import decisions as rules
from moderation_service.domain.moderation.decisions import Entry
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.moderation import decisions
from moderation_service.storage.notifications import undeliverable


async def memberships_of(
    connection: Connection,
    memberships: Sequence[Membership],
    found: Iterable[QueuedComment],
    *,
    everybody: Collection[str],
    now: datetime,
) -> dict[str, Membership]:
    """Return the membership for each comment that is one person's; `everybody` is all who moderate anything."""
    mine: dict[str, Membership] = {}
    others: dict[str, Membership] = {}
    for comment in found:
        membership = next((one for one in memberships if one.site.id == comment.site_id), None)
        if membership is not None:
            (mine if membership.covers(comment.page_url) else others)[comment.id] = membership
    if others:
        reached_nobody = await undeliverable.among(connection, everybody, list(others))
        last = await decisions.newest(connection, list(others))
        mine |= {
            comment_id: membership
            for comment_id, membership in others.items()
            if comment_id in reached_nobody or is_own(membership, last.get(comment_id), now)
        }
    return mine


def is_own(membership: Membership, last: Entry | None, now: datetime) -> bool:
    """Tell whether the newest decision was this person's and can be taken back still."""
    return (
        last is not None
        and last.actor.moderator_id in {one.id for one in membership.moderators}
        and rules.may_undo(last, now)
    )
