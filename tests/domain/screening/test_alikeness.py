"""Texts that are nearly the same have the same numbers; others have not."""

import pytest

from moderation_service.domain.screening.alikeness import NUMBERS, sketch

SPAM = (
    "Make money from home today, my sister earns 5000 dollars every week with this simple trick that banks do not "
    "want you to know about, find out more at https://money.example/start"
)
HONEST = (
    "Thank you for this article, the part about the harvest reminded me of my grandparents and their olive trees"
)


def shared(one: str, other: str) -> int:
    return len(set(sketch(one).numbers) & set(sketch(other).numbers))


@pytest.mark.parametrize(
    "other",
    [
        SPAM.upper(),
        SPAM.replace("5000", "7321"),
        SPAM.replace("https://money.example/start", "https://other.example/x?id=7 🤑🤑"),
        SPAM.replace(",", " –").replace(" ", "  "),
        SPAM.replace("money", "mo\u200bney").replace("simple", "sim\u00adple"),
        f"{SPAM} Regards, Giuliana",
        SPAM.replace("sister", "neighbour"),
    ],
)
def test_what_differs_little_is_alike(other: str) -> None:
    assert shared(SPAM, other) >= sketch(SPAM).needed


@pytest.mark.parametrize(
    "other", [HONEST, "Thank you for this article", "Thank you for this article, I will make it at home today"]
)
def test_what_differs_is_not(other: str) -> None:
    assert shared(SPAM, other) < sketch(other).needed
    assert other == HONEST or shared(HONEST, other) < sketch(HONEST).needed


@pytest.mark.parametrize("text", ["", "grazie", "So nice!", "https://money.example/start", "¿¡…!?", "\ud800"])
def test_a_text_of_a_few_words_is_like_no_other_but_is_the_same_as_itself(text: str) -> None:
    found = sketch(text)
    assert (found.numbers, found.needed) == ((), 0)
    assert found.whole == sketch(f"  {text}  ").whole


def test_a_text_without_blanks_is_compared_by_its_characters() -> None:
    text = "このお店のコーヒーはとても美味しいのでまた友達と一緒に行きたいと思います"
    assert len(sketch(text).numbers) == NUMBERS
    assert shared(text, text.replace("友達", "家族")) >= sketch(text).needed
    assert shared(text, "昨日の試合は最後まで目が離せない展開で本当に素晴らしかったです") == 0


def test_numbers_fit_the_column_and_are_the_same_in_every_process() -> None:
    assert sketch("Uno, due, tre, quattro!").numbers == (8_483_387_229_148_736_396, 8_923_844_224_814_342_328)
    assert all(0 <= one < 2**63 for one in (*sketch(SPAM).numbers, sketch(SPAM).whole))
