"""Whose a comment is at the desk: the rule for all that is shown and decided there.

A page's comments are for those whose paths cover it. One of which none of them can be told by mail is for every
moderator of the site while that is so, as the comments of a page are that nobody's paths cover. Whoever decided
on it may look at that and take it back as long as decisions can be taken back.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from moderation_service.domain import decisions as rules
from moderation_service.domain.comments import QueuedComment
from moderation_service.domain.decisions import Entry
from moderation_service.domain.sites import Seat
from moderation_service.storage import decisions, unheard
from moderation_service.storage.database import Connection


async def seats_of(
    connection: Connection,
    seats: Sequence[Seat],
    found: Iterable[QueuedComment],
    *,
    everybody: Collection[str],
    now: datetime,
) -> dict[str, Seat]:
    """Return the seat for each of the comments that are one person's; `everybody` is all who moderate anything."""
    mine: dict[str, Seat] = {}
    others: dict[str, Seat] = {}
    for comment in found:
        seat = next((one for one in seats if one.site.id == comment.site_id), None)
        if seat is not None:
            (mine if seat.covers(comment.page_url) else others)[comment.id] = seat
    if others:
        reached_nobody = await unheard.among(connection, everybody, list(others))
        last = await decisions.newest(connection, list(others))
        mine |= {
            comment_id: seat
            for comment_id, seat in others.items()
            if comment_id in reached_nobody or is_own(seat, last.get(comment_id), now)
        }
    return mine


def is_own(seat: Seat, last: Entry | None, now: datetime) -> bool:
    """Tell whether the newest decision was this person's and can be taken back still."""
    return (
        last is not None
        and last.actor.moderator_id in {one.id for one in seat.moderators}
        and rules.may_undo(last, now)
    )
