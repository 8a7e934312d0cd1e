"""Which texts are nearly the same, seen from a few numbers of each.

A text is taken as the set of its sequences of three words; the smallest hashes of these sequences stand for it
(the bottom-k sketch: Broder, "On the resemblance and containment of documents", 1997). Texts that share most of
their sequences share most of these numbers. Links, digits, signs and the size of letters make no difference. Of a
text in a script without blanks the characters are taken for words.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from zlib import crc32

NUMBERS = 5
"""How many numbers stand for a text."""

SHARED = 3
"""How many of them two texts that are alike have in common, or all where they have fewer."""

LONGEST = 600
"""Characters of a text that are looked at."""

_SEQUENCE = 3
_LEAST_WORDS = 4
_LEAST_CHARACTERS = 12
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"]+")
_UNSEEN = re.compile("[\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_SIGNS = re.compile("[\u00a0-\u00bf\u2010-\u205f\u3000-\u303f\uff00-\uff0f]")
_LETTERS_ONLY = bytes(one if chr(one).isalpha() or not chr(one).isascii() else 0x20 for one in range(256))


@dataclass(frozen=True, slots=True)
class Sketch:
    """What stands for a text: its `numbers`, none where it is too short to be like another, and one for it all."""

    numbers: tuple[int, ...]
    whole: int

    @property
    def needed(self) -> int:
        """How many numbers another text has to share in order to be alike."""
        return min(SHARED, len(self.numbers))


@lru_cache(256)
def sketch(text: str) -> Sketch:
    """Return what stands for a text."""
    text = text[:LONGEST].casefold()
    if not text.isascii():
        text = _SIGNS.sub(" ", _UNSEEN.sub("", unicodedata.normalize("NFKC", text)))
    words = _words(_LINK.sub(" link ", text) if "www." in text or "://" in text else text)
    if len(words) < _LEAST_WORDS and not text.isascii() and len(text) >= _LEAST_CHARACTERS:
        words = [one.encode() for one in text]
    if len(words) < _LEAST_WORDS:
        return Sketch((), _number(_words(text)))
    sequences = list(map(b" ".join, zip(*(words[at:] for at in range(_SEQUENCE)), strict=False)))
    hashed = dict(zip(map(crc32, sequences), sequences, strict=True))
    smallest = sorted(hashed)[:NUMBERS]
    return Sketch(tuple(one << 31 ^ crc32(hashed[one][::-1]) for one in smallest), _number(words))


def _words(text: str) -> list[bytes]:
    """Return the words of a text; beyond ASCII all that is left is taken for letters."""
    return text.encode(errors="surrogatepass").translate(_LETTERS_ONLY).split()


def _number(words: Sequence[bytes]) -> int:
    """Return 63 bits that stand for words, the same in every process."""
    return int.from_bytes(blake2b(b" ".join(words), digest_size=8).digest()) >> 1
