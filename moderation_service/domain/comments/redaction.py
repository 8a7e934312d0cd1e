"""Taking passages out of a comment: whole words only, nothing added, and a mark wherever something is missing."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from moderation_service.domain.comments import difference
from moderation_service.domain.comments.difference import Kind, Piece

MARK = "[…]"
"""What readers see in place of a passage that was taken out."""

_PIECE = re.compile(r"(?P<mark>\[\s?(?:…|\.\.\.)\s?\])|(?P<link>https?://[^\s<>()\[\]]+)|\S", re.IGNORECASE)
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no space between words: each of them may be taken out by itself."""
_JOINER = "\u200d"
_ENDS_OF_SENTENCES = frozenset(".!?…。！？")
_MOST_STEPS = 300_000
"""How many places of words are weighed against each other: what is longer is compared word by word as it comes."""
_LOOK_BACK = 50
_LONGEST_NAMED = 40


class Refused(StrEnum):
    """Why a text is no shortened version of another; the codes with which the field is answered."""

    ADDS = "redaction_adds"
    NOTHING_REMOVED = "redaction_unchanged"
    NOTHING_LEFT = "redaction_empty"


class NotShortenedError(Exception):
    """A text is no shortened version of another; `word` is the first that stands there in vain."""

    def __init__(self, why: Refused, word: str = "") -> None:
        super().__init__()
        self.why = why
        self.word = word[:_LONGEST_NAMED]


class _Sort(StrEnum):
    """What of a text one piece is."""

    MARK = "mark"
    LINK = "link"
    WORD = "word"
    SIGN = "sign"
    JOINED = "joined"


@dataclass(slots=True)
class _Token:
    """What is taken out or kept as a whole: a word, a link or a sign, with its place in the text."""

    text: str
    start: int
    end: int
    sort: _Sort


def shortened(original: str, typed: str) -> str:
    """Return `original` with a mark for each passage that is missing in `typed`, in its own words and spacing.

    Marks that were typed say where something is missing; blanks and line breaks make no difference. Raises
    NotShortenedError for what has a word that stands elsewhere or nowhere in the original, where no word is
    missing, and where none is left.
    """
    tokens = _tokens(original)
    kept = _kept(original, tokens, _tokens(typed))
    if len(kept) == sum(one.sort is not _Sort.MARK for one in tokens):
        raise NotShortenedError(Refused.NOTHING_REMOVED)
    if all(_is_punctuation(tokens[one]) for one in kept):
        raise NotShortenedError(Refused.NOTHING_LEFT)
    return "".join(_written(original, tokens, kept)).strip()


def pieces(original: str, public: str) -> list[Piece]:
    """Return what of a text was kept and what was taken out, in order: together they are the original."""
    tokens = _tokens(original)
    try:
        kept = set(_kept(original, tokens, _tokens(public)))
    except NotShortenedError:
        return difference.between(original, public)
    found: list[Piece] = []
    run, start = Kind.KEPT, 0
    for number, token in enumerate(tokens):
        kind = Kind.KEPT if number in kept or token.sort is _Sort.MARK else Kind.REMOVED
        if kind is not run and token.start > start:
            found.append(Piece(run, original[start : token.start]))
            start = token.start
        run = kind
    return [*found, Piece(run, original[start:])]


def _written(original: str, tokens: Sequence[_Token], kept: Sequence[int]) -> Iterator[str]:
    """Yield what is kept, with the blanks around it, and marks between."""
    last = len(tokens) - 1
    for here, following in pairwise([-1, *kept, last + 1]):
        if here >= 0:
            yield tokens[here].text
        if following == here + 1:
            yield _blank(original, tokens, here)
            continue
        before, behind = _blank(original, tokens, here), _blank(original, tokens, following - 1)
        if here >= 0 and tokens[here].sort is _Sort.LINK:
            before = before or " "
        if following <= last and tokens[following].text[0] == "(":
            behind = behind or " "
        yield f"{before}{MARK}{behind}"


def _blank(original: str, tokens: Sequence[_Token], number: int) -> str:
    """Return what stands between a token and the next one."""
    if not 0 <= number < len(tokens) - 1:
        return ""
    return original[tokens[number].end : tokens[number + 1].start]


def _kept(original: str, tokens: Sequence[_Token], typed: Sequence[_Token]) -> list[int]:
    """Return which tokens are kept, with as few passages taken out as can be, and those rather whole sentences."""
    places = [number for number, one in enumerate(tokens) if one.sort is not _Sort.MARK]
    words = [tokens[number].text for number in places]
    wanted: list[str] = []
    is_marked: list[bool] = []
    was_mark = False
    for one in typed:
        if one.sort is not _Sort.MARK:
            wanted.append(one.text)
            is_marked.append(was_mark)
        was_mark = one.sort is _Sort.MARK
    is_marked.append(was_mark)
    first = _as_they_come(words, wanted)
    ends = [_ends_sentence(original, tokens, number) for number in places]
    return [places[one] for one in _Alignment(words, wanted, is_marked, ends).best() or first]


def _as_they_come(words: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return the first place of each wanted word behind the one before; raise for one that has none."""
    found: list[int] = []
    place = 0
    for word in wanted:
        while place < len(words) and words[place] != word:
            place += 1
        if place == len(words):
            raise NotShortenedError(Refused.ADDS, word)
        found.append(place)
        place += 1
    return found


@dataclass(frozen=True, slots=True)
class _Alignment:
    """Words, and those of them that are wanted; `is_marked` says before which of these, or behind, a mark is.

    `ends` says which words end a sentence or a line. It is known that all that is wanted can be found.
    """

    words: Sequence[str]
    wanted: Sequence[str]
    is_marked: Sequence[bool]
    ends: Sequence[bool]

    def best(self) -> list[int] | None:
        """Return the cheapest places, None where looking for them would take too long."""
        head = self._alike_at_start()
        tail = self._alike_at_end(head)
        words = self.words[head : len(self.words) - tail]
        wanted = self.wanted[head : len(self.wanted) - tail]
        places: dict[str, list[int]] = {}
        for place, word in enumerate(words, start=head):
            places.setdefault(word, []).append(place)
        if sum(len(places[word]) for word in wanted) > _MOST_STEPS:
            return None
        middle = self._cheapest([places[word] for word in wanted], head, len(words) + head)
        return [*range(head), *middle, *range(len(self.words) - tail, len(self.words))]

    def _alike_at_start(self) -> int:
        count = 0
        for word, other, marked in zip(self.words, self.wanted, self.is_marked, strict=False):
            if word != other or marked:
                break
            count += 1
        return max(0, count - _LOOK_BACK)

    def _alike_at_end(self, head: int) -> int:
        count = 0
        most = 0 if self.is_marked[-1] else min(len(self.words), len(self.wanted)) - head
        while count < most and self.words[-1 - count] == self.wanted[-1 - count]:
            count += 1
            if self.is_marked[-1 - count]:
                break
        return max(0, count - _LOOK_BACK)

    def _cheapest(self, candidates: Sequence[Sequence[int]], head: int, stop: int) -> list[int]:
        """Return one place for each wanted word, rising, so that gaps cost least."""
        places: Sequence[int] = [head - 1]
        costs: Sequence[int] = [0]
        trail: list[tuple[Sequence[int], list[int]]] = []
        for number, row in enumerate(candidates, start=head):
            is_marked = self.is_marked[number]
            found: list[int] = []
            found_costs: list[int] = []
            origins: list[int] = []
            cheapest, origin, position = -1, -1, 0
            for place in row:
                while position < len(places) and places[position] < place - 1:
                    cost = costs[position] + (0 if is_marked else self._gap(places[position]))
                    if origin < 0 or cost <= cheapest:
                        cheapest, origin = cost, position
                    position += 1
                cost, source = cheapest, origin
                if position < len(places) and places[position] == place - 1:
                    beside = costs[position] + int(is_marked)
                    if source < 0 or beside <= cost:
                        cost, source = beside, position
                if source >= 0:
                    found.append(place)
                    found_costs.append(cost)
                    origins.append(source)
            places, costs = found, found_costs
            trail.append((found, origins))
        is_marked = self.is_marked[head + len(candidates)]
        totals = [
            cost + (int(is_marked) if place == stop - 1 else 0 if is_marked else self._gap(place))
            for place, cost in zip(places, costs, strict=True)
        ]
        return _walked_back(trail, totals.index(min(totals)))

    def _gap(self, place: int) -> int:
        """Return what a gap behind a place costs: less where a sentence ended there."""
        return 3 if place < 0 or self.ends[place] else 4


def _walked_back(trail: Sequence[tuple[Sequence[int], Sequence[int]]], position: int) -> list[int]:
    found: list[int] = []
    for places, origins in reversed(trail):
        found.append(places[position])
        position = origins[position]
    return found[::-1]


def _ends_sentence(original: str, tokens: Sequence[_Token], number: int) -> bool:
    return tokens[number].text in _ENDS_OF_SENTENCES or "\n" in _blank(original, tokens, number)


def _tokens(text: str) -> list[_Token]:
    """Cut a text into what can be kept or taken out; accents and joined signs belong to what they stand on."""
    found: list[_Token] = []
    for match in _PIECE.finditer(text):
        start, end = match.span()
        if match.lastgroup is not None:
            found.append(_Token(match[0], start, end, _Sort(match.lastgroup)))
            continue
        sort = _sort(match[0])
        last = found[-1] if found and found[-1].end == start else None
        if last is not None and _belongs(last, match[0], sort):
            last.text += match[0]
            last.end = end
        else:
            found.append(_Token(match[0], start, end, _Sort.SIGN if sort is _Sort.JOINED else sort))
    return found


def _belongs(last: _Token, character: str, sort: _Sort) -> bool:
    """Tell whether a character is a part of the token that it stands behind."""
    if last.sort in (_Sort.MARK, _Sort.LINK):
        return False
    if sort is _Sort.JOINED or last.text.endswith(_JOINER):
        return True
    return sort is _Sort.WORD and last.sort is _Sort.WORD and _WITHOUT_SPACES.match(character) is None


@lru_cache(maxsize=4_096)
def _sort(character: str) -> _Sort:
    category = unicodedata.category(character)
    if category[0] == "M" or category in ("Cf", "Sk"):
        return _Sort.JOINED
    return _Sort.WORD if category[0] in "LN" or category == "Pc" else _Sort.SIGN


def _is_punctuation(token: _Token) -> bool:
    return token.sort is _Sort.SIGN and unicodedata.category(token.text[0])[0] in "PC"
