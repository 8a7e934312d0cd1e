"""Comments in the order of a conversation."""

from datetime import UTC, datetime

import pytest

from moderation_service.domain.comments import threads
from moderation_service.domain.comments.comment import PublicComment
from moderation_service.domain.comments.threads import Thread


def a_comment(written: str) -> PublicComment:
    """A comment from `id` or `id>parent`."""
    name, _, parent = written.partition(">")
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return PublicComment(
        id=name,
        parent_id=parent or None,
        author_name=name,
        author_url=None,
        by_site=False,
        body="",
        body_html="",
        created_at=at,
        redacted=False,
    )


@pytest.mark.parametrize(
    ("listed", "shown"),
    [
        ("", ""),
        ("a b c", "a0 b0 c0"),
        ("c b a", "c0 b0 a0"),
        ("a b c>a d>b e>a f>c", "a0 c1 f2 e1 b0 d1"),
        ("f>c e>a d>b c>a b a", "b0 d1 a0 c1 f2 e1"),
        ("a>gone b c>a", "a1 c2 b0"),
        ("a b>a c>b d>c e>d f>e g>f h>g", "a0 b1 c2 d3 e4 f5 g5 h5"),
    ],
)
def test_answers_stand_below_what_they_answer(listed: str, shown: str) -> None:
    placed = threads.arrange([a_comment(one) for one in listed.split()])
    assert " ".join(f"{one.comment.id}{one.depth}" for one in placed) == shown
    for one in placed:
        assert (one.parent.id if one.parent else None) == (
            one.comment.parent_id if one.comment.parent_id != "gone" else None
        )


def test_a_conversation_of_two_thousand_answers_to_answers_is_arranged_too() -> None:
    listed = [a_comment(f"{n:04}>{n - 1:04}" if n else "0000") for n in range(2_000)]
    assert [one.comment for one in threads.arrange(listed)] == listed


@pytest.mark.parametrize(
    ("threads_of", "count", "in_turn", "shown"),
    [
        ("", 5, "", ""),
        ("a b>a c>b|d|e f>e", 9, "a d e b f c", "a b c|d|e f"),
        ("a b>a c>b|d|e f>e", 4, "a d e b f c", "a b|d|e"),
        ("a b>a c>b|d|e f>e", 2, "a d e b f c", "a|d"),
        ("b>gone c>b|d", 2, "b d c", "b|d"),
    ],
)
def test_every_thread_gets_its_first_comment_before_any_gets_its_second(
    threads_of: str, count: int, in_turn: str, shown: str
) -> None:
    given = [
        Thread(root_id=one.split()[0], comments=[a_comment(each) for each in one.split()], total=len(one.split()))
        for one in threads_of.split("|")
        if one
    ]
    assert " ".join(one.id for one in threads.in_turn(given)) == in_turn
    cut = threads.cut(given, count)
    assert "|".join(" ".join(each.id for each in one.comments) for one in cut) == shown
    assert [one.left for one in cut] == [one.total - len(one.comments) for one in cut]
