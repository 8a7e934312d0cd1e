"""What a text is made of."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain.screening.features import (
    HASHED,
    SHAPES,
    SLOTS,
    Reading,
    features_of,
    slots_of_grams,
)


def shapes(text: str) -> dict[str, int]:
    return dict(SHAPES[slot - HASHED] for slot in features_of(text).shapes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"links": 0, "length": 0, "words": 0}),
        ("see https://a.example and www.b.example", {"links": 2}),
        ("https://a.example " * 9, {"links": 3}),
        ("look at evil-shop.com now", {"links": 1, "link_without_scheme": 0}),
        ("end of it.Next sentence", {"links": 0}),
        ("CALL ME now", {"words_in_capitals": 1}),
        ("CALL", {"capitals": 4}),
        ("Straße", {"not_ascii": 0}),
        ("пока", {"not_ascii": 4}),
        ("p\u0430ypal", {"mixed_scripts": 0}),
        ("call 0123456", {"digits": 3, "long_number": 0}),
        ("well!", {"exclamation": 0}),
        ("well!!", {"exclamations": 0}),
        ("well?", {"question": 0}),
        ("a <b>bold</b> word", {"markup": 0, "words": 2}),
        ("1 < 2", {"words": 2}),
        ("one\ntwo", {"line_break": 0}),
    ],
)
def test_a_text_has_shapes(text: str, expected: dict[str, int]) -> None:
    assert expected.items() <= shapes(text).items()


def test_a_harmless_line_has_no_shape_of_a_strange_one() -> None:
    assert shapes("Grazie, non lo sapevo").keys() == {
        *("any", "links", "length", "words", "capitals", "words_in_capitals", "not_ascii", "digits")
    }


@given(st.text(alphabet="aZß0'É_ -\n", max_size=40))
def test_capitals_are_counted_alike_with_and_without_letters_beyond_ascii(text: str) -> None:
    beyond = f"{text} ж"
    words = [word for word in re.findall(r"[^\W_]{3,}", text) if word.isupper()]
    expected = {"words_in_capitals": min(len(words), 3)}
    assert expected.items() <= shapes(text).items()
    assert expected.items() <= shapes(beyond).items()
    capitals = sum(letter.isupper() for letter in text)
    assert shapes(text)["capitals"] == 4 * capitals // max(len(text), 1)
    assert shapes(beyond)["capitals"] == 4 * capitals // len(beyond)


def test_words_are_read_alike_however_they_are_written() -> None:
    assert Reading("It&#39;s <i>GREAT</i>, 7 of 9").words == ["it's", "great", "0", "of", "0"]
    assert Reading("It&#39;s <i>GREAT</i>, 7 of 9").written == ["It's", "GREAT", "7", "of", "9"]
    assert Reading("ｆｒｅｅ").words == ["free"]
    assert features_of("Free  Money\n").words == features_of("free money").words


def test_each_run_of_four_characters_is_a_gram() -> None:
    assert slots_of_grams("abc") == []
    one, two = slots_of_grams("abcde")
    assert [one, two] == [*slots_of_grams("abcd"), *slots_of_grams("bcde")]
    assert len(slots_of_grams("ab\U0001f600")) == 1
    assert slots_of_grams("così") != slots_of_grams("cosi")


@pytest.mark.parametrize(
    "text", ["", "a", "\ud800", "<" * 5_000, "a-" * 5_000, "&#x110000;", "İ" * 5_000, "ﷺ" * 5_000]
)
def test_every_text_has_features_within_the_table(text: str) -> None:
    found = features_of(text)
    assert all(0 <= slot < SLOTS for kind in found for slot in kind)
    assert sum(map(len, found.thinned(50))) < 60


def test_features_are_the_same_in_every_process() -> None:
    text = "Buy now: http://a.example, çà et là \U0001f600"
    code = (
        "from moderation_service.domain.screening.features import features_of\n"
        f"print([sorted(kind) for kind in features_of({text!r})])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert printed == {f"{[sorted(kind) for kind in features_of(text)]}\n"}
