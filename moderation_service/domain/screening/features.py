"""What a text is made of, as the learned score sees it: numbers of slots in one table of weights.

The features of a text are its character 4-grams, its words, its pairs of neighbouring words, and its shapes,
such as how many links it has. Grams, words and pairs are hashed to slots (feature hashing: Weinberger et al.,
"Feature Hashing for Large Scale Multitask Learning", 2009); the shapes have slots of their own. A feature counts
once, however often it occurs.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from string import ascii_uppercase
from struct import unpack_from
from typing import NamedTuple
from zlib import crc32

LONGEST = 2_000
"""Characters of a text that are looked at."""

HASHED = 30_497
"""How many slots grams, words and pairs share; a prime, because grams are numbers taken modulo it."""

BEGIN, END = 0, 1
"""Numbers of what stands before the first word and after the last, for pairs."""

GRAM = 4
"""How many units of UTF-16 a gram has."""

_PAIR_FACTOR = 7_919
_LEVELS = 4

_TAG = re.compile(r"<[^<>]*>")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_LONG_WORD = re.compile(r"[^\W_]{3,}")
_LONG_UNSMALL_WORD = re.compile(r"(?<![A-Za-z0-9])[A-Z0-9]{3,}(?![A-Za-z0-9])")
_CAPITALS = ascii_uppercase.encode()
_LINK = re.compile(
    r"(?:https?://|www\.)\S+|(?<![\w-])[\w-]+\.(?:app|be|biz|club|co|com|de|es|eu|fr|info|io|it|live|ly|me|net|online|org|ru|"
    r"shop|site|store|tk|top|tv|uk|us|xyz)\b"
)
_MIXED_WORD = re.compile(r"[a-z][\u0370-\u052f]|[\u0370-\u052f][a-z]")
_DIGITS = str.maketrans("123456789", "0" * 9)
_LONG_NUMBER = "00000"

_VALUES = {
    "any": 1,
    "links": _LEVELS,
    "link_without_scheme": 1,
    "length": LONGEST.bit_length() + 1,
    "words": LONGEST.bit_length() + 1,
    "capitals": _LEVELS + 1,
    "words_in_capitals": _LEVELS,
    "not_ascii": _LEVELS + 1,
    "mixed_scripts": 1,
    "digits": _LEVELS,
    "long_number": 1,
    "exclamation": 1,
    "exclamations": 1,
    "question": 1,
    "markup": 1,
    "line_break": 1,
}
SHAPES = tuple((name, value) for name, values in _VALUES.items() for value in range(values))
"""Each shape and its value, in the order of the slots that follow those of what is hashed.

`length` and `words` are counted in powers of two, `capitals` and `not_ascii` in quarters of the characters,
`links`, `words_in_capitals` (of three letters or more) and `digits` up to three. `any` is a shape of every text.
"""

SLOTS = HASHED + len(SHAPES)
"""How many slots there are."""

_FIRST = {name: HASHED + SHAPES.index((name, 0)) for name in _VALUES}


class Features(NamedTuple):
    """The slots of a text's features, by kind; each slot once within a kind."""

    grams: frozenset[int]
    words: frozenset[int]
    pairs: frozenset[int]
    shapes: frozenset[int]

    def thinned(self, most: int) -> "Features":
        """Return every second, third or further slot of each kind, so that they are no more than about `most`."""
        step = -(-sum(map(len, self)) // most)
        return self if step <= 1 else Features(*(frozenset(sorted(kind)[::step]) for kind in self))


class Reading:
    """A text in the forms that features are taken from.

    `text` is what was written, at most `LONGEST` characters, with character references resolved; `low` the same
    in small letters, each digit a zero; `words` the words of that outside of HTML tags; `line` the words and all
    between them in one line that begins and ends with a blank.
    """

    __slots__ = ("line", "low", "text", "words")

    def __init__(self, text: str) -> None:
        text = text[:LONGEST]
        if "&" in text:
            text = html.unescape(text)[:LONGEST]
        if not text.isascii():
            text = unicodedata.normalize("NFKC", text)[:LONGEST]
        self.text = text
        self.low = text.lower().translate(_DIGITS)
        visible = _TAG.sub(" ", self.low) if "<" in self.low else self.low
        self.words: list[str] = _WORD.findall(visible)
        self.line = f" {' '.join(visible.split())} "

    @property
    def written(self) -> list[str]:
        """The words as they were written; in small letters where these are other words."""
        written: list[str] = _WORD.findall(_TAG.sub(" ", self.text))
        return written if len(written) == len(self.words) else self.words


def features_of(text: str) -> Features:
    """Return the features of a comment as it was written, be it plain text, Markdown or HTML."""
    reading = Reading(text)
    numbers = numbers_of_words(reading.words)
    return Features(
        grams=frozenset(slots_of_grams(reading.line)),
        words=frozenset([number % HASHED for number in numbers]),
        pairs=frozenset(slots_of_pairs(numbers)),
        shapes=frozenset(slots_of_shapes(reading)),
    )


def spans_of_words(line: str) -> list[tuple[int, int]]:
    """Return where the words of a line begin and end."""
    return [found.span() for found in _WORD.finditer(line)]


def numbers_of_words(words: Sequence[str]) -> list[int]:
    """Return a number of 32 bits for each word; its slot is that modulo `HASHED`."""
    return list(map(crc32, "\0".join(words).encode(errors="surrogatepass").split(b"\0"))) if words else []


def slots_of_pairs(numbers: Sequence[int]) -> list[int]:
    """Return the slots of neighbouring words, given their numbers: of the first with what is before it, and so on.

    There is one more than there are words.
    """
    return [(first * _PAIR_FACTOR + second) % HASHED for first, second in pairwise((BEGIN, *numbers, END))]


def slots_of_grams(line: str) -> list[int]:
    """Return the slots of a line's 4-grams, from left to right for the line's UTF-16 units.

    The four units of a gram are read as one number of 64 bits, many at a time.
    """
    data = line.encode("utf-16-le", "surrogatepass")
    count = len(data) // 2 - GRAM + 1
    slots = [0] * max(count, 0)
    for offset in range(min(GRAM, count)):
        numbers = unpack_from(f"<{(count - offset + GRAM - 1) // GRAM}Q", data, 2 * offset)
        slots[offset::GRAM] = [number % HASHED for number in numbers]
    return slots


def slots_of_shapes(reading: Reading) -> Iterator[int]:
    """Yield the slots of a text's shapes."""
    text, low = reading.text, reading.low
    characters = len(text) or 1
    yield _FIRST["any"]
    yield _FIRST["length"] + len(text).bit_length()
    yield _FIRST["words"] + len(reading.words).bit_length()
    yield _FIRST["digits"] + min(low.count("0"), _LEVELS - 1)
    capitals = _capitals(text)
    yield _FIRST["capitals"] + _LEVELS * capitals // characters
    yield _FIRST["words_in_capitals"] + (min(_words_in_capitals(text), _LEVELS - 1) if capitals else 0)
    links = len(_LINK.findall(low)) if "." in low or "://" in low else 0
    yield _FIRST["links"] + min(links, _LEVELS - 1)
    if links and "://" not in low:
        yield _FIRST["link_without_scheme"]
    if text.isascii():
        yield _FIRST["not_ascii"]
    else:
        yield _FIRST["not_ascii"] + _LEVELS * sum(character > "\x7f" for character in text) // characters
        if _MIXED_WORD.search(low):
            yield _FIRST["mixed_scripts"]
    if _LONG_NUMBER in low:
        yield _FIRST["long_number"]
    if "!" in text:
        yield _FIRST["exclamation"]
        if "!!" in text:
            yield _FIRST["exclamations"]
    if "?" in text:
        yield _FIRST["question"]
    if "<" in text and _TAG.search(text):
        yield _FIRST["markup"]
    if "\n" in text or "<br" in low:
        yield _FIRST["line_break"]


def _capitals(text: str) -> int:
    """Count capital letters; those of ASCII all at once."""
    if text.isascii():
        return len(text) - len(text.encode().translate(None, _CAPITALS))
    return sum(map(str.isupper, text))


def _words_in_capitals(text: str) -> int:
    """Count words of three letters or more, some of them capitals and none a small one."""
    words = (_LONG_UNSMALL_WORD if text.isascii() else _LONG_WORD).findall(text)
    return sum(map(str.isupper, words))
