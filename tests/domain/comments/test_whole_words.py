"""Whether a text holds a whole word."""

import pytest

from moderation_service.domain.comments.whole_words import WholeWord, folded, has_letters


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("casino", "The best CASINO!"),
        ("casino", "ｃａｓｉｎｏ"),
        ("casino", "ca\u00adsi\u200bno"),
        ("STRASSE", "eine Straße"),
        ("café", "cafe\u0301 con leche"),
        ("buy now", "buy\n  now, please"),
        ("idiota", "sei l’idiota"),
        ("c++", "in C++ geschrieben"),
        ("赌场", "最好的赌场在这里"),
        ("हिन्दी", "यह हिन्दी है"),
        ("no", "nobody said no"),
    ],
)
def test_a_word_is_found_whatever_its_case_and_letters(word: str, text: str) -> None:
    assert WholeWord.of(word).is_in(folded(text))


@pytest.mark.parametrize(
    ("word", "text"),
    [("casino", "casinos and occasino"), ("हिन", "यह हिन्दी है"), ("buy now", "buy it now"), ("no", "snow_no nod")],
)
def test_a_part_of_a_word_is_not_that_word(word: str, text: str) -> None:
    assert not WholeWord.of(word).is_in(folded(text))


def test_marks_alone_are_no_word() -> None:
    assert has_letters("c++")
    assert not has_letters(" \u200b… !")
