"""Whether a text holds a word or a phrase, whatever its case and however its letters are encoded."""

import unicodedata
from dataclasses import dataclass

_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""How the names of letters begin that are written without spaces between words."""


@dataclass(frozen=True, slots=True)
class WholeWord:
    """A word as `folded` spells it, which `begins` and `ends` with a word's end: not in scripts without spaces."""

    text: str
    begins: bool
    ends: bool

    @classmethod
    def of(cls, text: str) -> "WholeWord":
        """Make one of a word or a phrase that holds a letter or a digit."""
        word = folded(text)
        return cls(word, _is_bounded(word[:1]), _is_bounded(word[-1:]))

    def is_in(self, folded_text: str) -> bool:
        """Tell whether it stands in a text that is folded already."""
        place = folded_text.find(self.text)
        while place >= 0:
            end = place + len(self.text)
            begins = not self.begins or place == 0 or not _is_of_word(folded_text[place - 1])
            if begins and (not self.ends or end == len(folded_text) or not _is_of_word(folded_text[end])):
                return True
            place = folded_text.find(self.text, place + 1)
        return False


def folded(text: str) -> str:
    """Return a text by which it is compared: compatible forms and case folded, one space between words."""
    if not text.isascii():
        shown = "".join(one for one in text if unicodedata.category(one) != "Cf")
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", shown).casefold())
    return " ".join(text.casefold().split())


def has_letters(text: str) -> bool:
    """Tell whether a text holds something that can be a word: a letter or a digit."""
    return any(one.isalnum() for one in folded(text))


def _is_bounded(letter: str) -> bool:
    return _is_of_word(letter) and not unicodedata.name(letter, "").startswith(_UNSPACED)


def _is_of_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_" or unicodedata.category(letter).startswith("M")
