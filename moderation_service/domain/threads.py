"""Who answers whom: comments in the order in which a conversation is read."""

from collections.abc import Sequence
from dataclasses import dataclass

from moderation_service.domain.comments import PublicComment

DEEPEST = 5
"""How far pages indent; answers to answers beyond it stand below each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A comment, how far it is indented, and what it answers where that is shown too."""

    comment: PublicComment
    depth: int
    parent: PublicComment | None


def arrange(comments: Sequence[PublicComment]) -> list[Placed]:
    """Return comments with the answers to each below it, oldest first; threads keep the order of `comments`.

    An answer to a comment that is not among them, because it was withdrawn or stands on another stretch of the
    list, begins a thread and is indented as the answer that it is.
    """
    known = {one.id: one for one in comments}
    answers: dict[str, list[PublicComment]] = {}
    threads: list[PublicComment] = []
    for one in comments:
        answered = known.get(one.parent_id) if one.parent_id else None
        (answers.setdefault(answered.id, []) if answered else threads).append(one)
    ahead = [(one, 1 if one.parent_id else 0) for one in reversed(threads)]
    placed = []
    while ahead:
        comment, depth = ahead.pop()
        placed.append(Placed(comment=comment, depth=depth, parent=known.get(comment.parent_id or "")))
        below = sorted(answers.get(comment.id, ()), key=lambda one: one.id, reverse=True)
        ahead += [(one, min(depth + 1, DEEPEST)) for one in below]
    return placed
