"""The difference between two texts, by words: it can be put together again, and never takes long."""

import time

from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain.comments import difference
from moderation_service.domain.comments.difference import Kind, Piece

KEPT, REMOVED, ADDED = Kind.KEPT, Kind.REMOVED, Kind.ADDED
TEXTS = st.text(alphabet="ab \n.é🦊", max_size=60)


def test_words_are_compared() -> None:
    assert difference.between("Il pane è buono.", "Il pane nero è ottimo.") == [
        Piece(KEPT, "Il pane "),
        Piece(ADDED, "nero "),
        Piece(KEPT, "è "),
        Piece(REMOVED, "buono"),
        Piece(ADDED, "ottimo"),
        Piece(KEPT, "."),
    ]
    assert difference.between("uno due tre", "one two three") == [
        Piece(REMOVED, "uno due tre"),
        Piece(ADDED, "one two three"),
    ], "what changed side by side is one change"
    assert difference.between("", "a") == [Piece(ADDED, "a")]
    assert difference.between("a", "a") == [Piece(KEPT, "a")]


@given(TEXTS, TEXTS)
def test_both_texts_can_be_put_together_again(old: str, new: str) -> None:
    pieces = difference.between(old, new)
    assert "".join(one.text for one in pieces if one.kind is not ADDED) == old
    assert "".join(one.text for one in pieces if one.kind is not REMOVED) == new
    assert all(one.text for one in pieces)
    changes = [one for one in pieces if one.kind is not KEPT]
    assert [one for one in difference.in_brief(pieces) if one.kind is not KEPT] == changes


def test_only_what_stands_beside_a_change_is_shown_in_brief() -> None:
    words = " ".join(f"w{number}" for number in range(100))
    brief = difference.in_brief(difference.between(f"{words} old {words}", f"{words} new {words}"))
    assert [(one.kind, one.text) for one in brief] == [
        (KEPT, "… w92 w93 w94 w95 w96 w97 w98 w99 "),
        (REMOVED, "old"),
        (ADDED, "new"),
        (KEPT, " w0 w1 w2 w3 w4 w5 w6 w7 … "),
    ]
    between = difference.in_brief(difference.between(f"a {words} b", f"x {words} y"))
    assert between[2].text == " w0 w1 w2 w3 w4 w5 w6 w7 … w92 w93 w94 w95 w96 w97 w98 w99 "
    assert difference.in_brief(difference.between("a kept b", "x kept y"))[2].text == " kept "


def test_texts_made_to_be_hard_to_compare_take_no_time() -> None:
    hard = [
        (" ".join(f"{n % 97}" for n in range(22_000)), " ".join(f"{n * 7 % 97}" for n in range(22_000))),
        ("\n".join(f"{n % 97}" for n in range(22_000)), "\n".join(f"{n * 7 % 97}" for n in range(22_000))),
        (" ".join(f"{n % 41}" for n in range(400)), " ".join(f"{n * 7 % 41}" for n in range(400))),
        ("a b " * 16_000, "b a " * 16_000),
    ]
    started = time.process_time()
    for old, new in hard:
        difference.between(old, new)
    assert time.process_time() - started < 1
