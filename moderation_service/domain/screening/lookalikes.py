"""Names as the eye sees them: what looks alike has one skeleton (after Unicode Technical Standard 39, 4)."""

import re
import unicodedata
from functools import lru_cache

_PAIRS = (
    "аa вb еe зe кk мm нh оo рp сc тt уy хx ьb ҽe іi јj ѕs ѵv ԁd һh ԛq ԝw ӏl "
    "αa βb γy εe ηn ιi κk μu νv οo ρp τt υu χx ϲc ϳj ωw "
    "ıi łl øo đd ħh ŧt ƚl ɑa ɡg ɩi ɪi ʟl օo սu ոn հh ցg 0o 1l 3e 5s |l !l"
)
_LATIN = str.maketrans({pair[0]: pair[1] for pair in _PAIRS.split()})
"""Letters of other scripts, digits and signs that are read as Latin ones."""

_ALIKE = str.maketrans({"i": "l", "j": "l", "m": "rn", "w": "vv"})
_WORD = re.compile(r"\w+")
_UNSEEN = frozenset({"Cf", "Cc", "Mn", "Me"})
_BLANKS = str.maketrans("", "", "\u115f\u1160\u3164\uffa0\u2800")


_SHORT = 3
"""Letters from which a name is looked for within a longer one; a shorter one is a syllable of many names."""


@lru_cache(4_096)
def skeleton(text: str) -> str:
    """Return what a text looks like: without unseen characters and accents, look-alike letters the same."""
    return _in_latin(text).translate(_ALIKE)


def holds(text: str, name: str) -> bool:
    """Tell whether a text is a name, or holds it as whole words as the eye reads them.

    Within a longer text only a name of three letters or more is found: "Al" is not in "Al Bianchi".
    """
    wanted, found = skeleton(name), skeleton(text)
    return bool(wanted) and (wanted == found or (_letters(name) >= _SHORT and f" {wanted} " in f" {found} "))


@lru_cache(4_096)
def _letters(name: str) -> int:
    """Count letters as written: in a skeleton some have become two."""
    return len(_in_latin(name).replace(" ", ""))


def _in_latin(text: str) -> str:
    seen = text.casefold() if text.isascii() else _seen(text)
    return " ".join(_WORD.findall(seen.translate(_LATIN).replace("_", " ")))


def _seen(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_BLANKS)).casefold()
    return "".join(one for one in decomposed if unicodedata.category(one) not in _UNSEEN)
