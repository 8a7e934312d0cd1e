"""Passages are taken out of a text and marked; nothing can be added to it that way."""

import re
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from moderation_service.domain.comments import markup, redaction
from moderation_service.domain.comments.difference import Kind
from moderation_service.domain.comments.redaction import MARK, NotShortenedError, Refused

WORDS = st.lists(
    st.sampled_from(["a", "b", "Straße", "é", "10", ".", ",", "(", "[…]", "http://x.y/z"]), max_size=12
)
BLANKS = st.sampled_from([" ", "\n", "\n\n", "  "])


@st.composite
def texts(draw: st.DrawFn, words: list[str] | None = None) -> str:
    """Some words with some blanks between them."""
    chosen = draw(WORDS) if words is None else words
    return "".join(word + draw(BLANKS) for word in chosen).strip()


def is_part(some: list[str], of: list[str]) -> bool:
    """Whether words stand in others in their order."""
    rest = iter(of)
    return all(one in rest for one in some)


def words_of(text: str) -> list[str]:
    return re.findall(r"http://x\.y/z|\w+|\[…\]|\S", text)


@pytest.mark.parametrize(
    ("original", "typed", "shown"),
    [
        ("my number is 0171 123 456, call me", "my number is , call me", "my number is […], call me"),
        ("I live in Foo Street 5. I like it.", "I like it.", "[…] I like it."),
        ("One.\n\nTwo three.\n\nFour.", "One. Four.", "One.\n\n[…]\n\nFour."),
        ("Good text. Buy this now!", "Good text.\r\n", "Good text. […]"),
        ("a b a c", "a […] c", "a […] c"),
        ("a b a c", "[...] a c", "[…] a c"),
        ("a b a", "a […]", "a […]"),
        ("he wrote [...] and a number 123", "he wrote [...] and a number", "he wrote [...] and a number […]"),
        ("a […] b c", "a […] c", "a […] c"),
        ("日本語を消す。", "日本消す。", "日本[…]消す。"),
        ("ไม่ดี", "ดี", "[…]ดี"),
        ("हिन्दी में लिखा", "हिन्दी लिखा", "हिन्दी […] लिखा"),
        ("👨‍👩‍👧 party 👨‍👩 x", "👨‍👩‍👧 x", "👨‍👩‍👧 […] x"),
        ("call foo(http://x.y) now", "call (http://x.y) now", "call […] (http://x.y) now"),
        ("http://x.y/z(secret) now", "http://x.y/z now", "http://x.y/z […] now"),
    ],
)  # fmt: skip
def test_what_is_missing_is_marked(original: str, typed: str, shown: str) -> None:
    assert redaction.shortened(original, typed).replace("[...]", MARK) == shown.replace("[...]", MARK)


@pytest.mark.parametrize(
    ("original", "typed", "why", "word"),
    [
        ("he never lies", "he ever lies", Refused.ADDS, "ever"),
        ("good", "good and bad", Refused.ADDS, "and"),
        ("one two", "two one", Refused.ADDS, "one"),
        ("one", "one one", Refused.ADDS, "one"),
        ("one two", "One", Refused.ADDS, "One"),
        ("see http://x.y/a/b", "see http://x.y/a", Refused.ADDS, "http://x.y/a"),
        ("caf\u00e9 ole\u0301", "café ole", Refused.ADDS, "ole"),
        ("a b", "a " + "x" * 99, Refused.ADDS, "x" * 40),
        ("one  two", "one\ntwo", Refused.NOTHING_REMOVED, ""),
        ("one […] two", "one two", Refused.NOTHING_REMOVED, ""),
        ("one two", "one […] two […]", Refused.NOTHING_REMOVED, ""),
        ("one, two.", "", Refused.NOTHING_LEFT, ""),
        ("one, two.", "[…], [...].", Refused.NOTHING_LEFT, ""),
    ],
)
def test_what_is_no_shortened_version_is_refused(original: str, typed: str, why: Refused, word: str) -> None:
    with pytest.raises(NotShortenedError) as refused:
        redaction.shortened(original, typed)
    assert (refused.value.why, refused.value.word) == (why, word)


@given(texts(), texts())
def test_nothing_is_ever_added(original: str, typed: str) -> None:
    """Whatever is sent: what comes out has the original's words in their order, and those of what was sent."""
    words = [one for one in words_of(original) if one != MARK]
    try:
        shown = redaction.shortened(original, typed)
    except NotShortenedError:
        return
    left = [one for one in words_of(shown) if one != MARK]
    assert left == [one for one in words_of(typed) if one != MARK]
    assert is_part(left, words)
    assert len(left) < len(words)
    assert MARK in shown
    assert not re.search(r"\[…\]\s*\[…\]", shown), "neighbouring passages are one"


@given(WORDS, st.data())
def test_whatever_is_left_out_is_accepted_and_can_be_told(words: list[str], data: st.DataObject) -> None:
    kept = [one for one in words if data.draw(st.booleans())]
    original, typed = data.draw(texts(words)), data.draw(texts(kept))
    without_marks = [one for one in kept if one != MARK]
    assume(without_marks != [one for one in words if one != MARK])
    assume(any(one not in (".", ",", "(") for one in without_marks))
    shown = redaction.shortened(original, typed)
    pieces = redaction.pieces(original, shown)
    assert "".join(one.text for one in pieces) == original
    assert {one.kind for one in pieces} <= {Kind.KEPT, Kind.REMOVED}
    left = [word for one in pieces if one.kind is Kind.KEPT for word in words_of(one.text) if word != MARK]
    assert left == without_marks
    with pytest.raises(NotShortenedError):
        redaction.shortened(shown, shown)


def test_a_mark_makes_no_link_of_what_was_none() -> None:
    for original, typed in (
        ("foo(http://x.y/) bar", "(http://x.y/) bar"),
        ("!foo(http://x.y/)", "!(http://x.y/)"),
    ):
        assert "…</a>" not in markup.render(redaction.shortened(original, typed))


def test_texts_made_to_be_hard_take_no_time() -> None:
    hard = [
        ("a " * 30_000, "a " * 29_999),
        ("the quick brown fox and the dog. " * 1_900, "the quick brown fox and the dog. " * 1_700),
        (" ".join(str(n % 7) for n in range(30_000)), " ".join(str(n % 7) for n in range(0, 30_000, 8))),
    ]
    start = time.process_time()
    for original, typed in hard:
        assert MARK in redaction.shortened(original, typed)
    assert time.process_time() - start < 5
