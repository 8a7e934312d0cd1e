"""Who answers whom: comments in the order in which a conversation is read, and threads cut to what has room.

A thread is a comment that answers none, and all that is below it. It stays one thread, and in its place, when some
of it are no longer public, also the first: what answered that one then stands there without it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from moderation_service.domain.comments.comment import PublicComment

DEEPEST = 5
"""How far pages indent; answers to answers beyond it stand below each other."""


class Thread(NamedTuple):
    """The first of a thread's public comments, in order of time; there are `total` of them.

    `root_id` is the comment with which it began, and its place among threads, public or not.
    """

    root_id: str
    comments: list[PublicComment]
    total: int

    @property
    def left(self) -> int:
        """How many follow that are not among `comments`."""
        return self.total - len(self.comments)


def in_turn(threads: Sequence[Thread]) -> list[PublicComment]:
    """Return the first comment of each thread, then the second of each that has one, and so on."""
    turns = range(max((len(one.comments) for one in threads), default=0))
    return [one.comments[turn] for turn in turns for one in threads if turn < len(one.comments)]


def cut(threads: Sequence[Thread], count: int) -> list[Thread]:
    """Return threads with only the first `count` of their comments in turn; without those that have none then."""
    kept = {one.id for one in in_turn(threads)[:count]}
    shorter = [one._replace(comments=[each for each in one.comments if each.id in kept]) for one in threads]
    return [one for one in shorter if one.comments]


class Placed(NamedTuple):
    """A comment, how far it is indented, and what it answers where that is shown too."""

    comment: PublicComment
    depth: int
    parent: PublicComment | None


class Conversation(NamedTuple):
    """A thread as it is read, and how many of it are not shown: they follow `last`, the newest that is."""

    placed: list[Placed]
    first: PublicComment
    last: PublicComment
    left: int


def conversations(threads: Sequence[Thread]) -> list[Conversation]:
    """Return threads as they are read."""
    return [Conversation(arrange(one.comments), one.comments[0], one.comments[-1], one.left) for one in threads]


def arrange(comments: Sequence[PublicComment]) -> list[Placed]:
    """Return comments with the answers to each below it, oldest first; threads keep the order of `comments`.

    An answer to a comment that is not among them, because it was withdrawn or stands on another slice of the
    list, begins a thread and is indented as the answer that it is.
    """
    if len(comments) == 1:
        [one] = comments
        return [Placed(one, 1 if one.parent_id else 0, None)]
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
        placed.append(Placed(comment, depth, known.get(comment.parent_id or "")))
        below = sorted(answers.get(comment.id, ()), key=lambda one: one.id, reverse=True)
        ahead += [(one, min(depth + 1, DEEPEST)) for one in below]
    return placed
