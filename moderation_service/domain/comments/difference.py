"""What an edit took out of a text and what it added, word by word."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_WORD = re.compile(r"\s*\S+\s*")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_MOST_COMPARED = 800
"""How many pieces are compared with each other: how long that takes grows faster than they do."""
_WORDS_AROUND = 8
_CUT = "…"


class Kind(StrEnum):
    """What became of a piece of text."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text and what became of it."""

    kind: Kind
    text: str


def between(old: str, new: str) -> list[Piece]:
    """Return what was kept, taken out and added, in order; where much differs, only what replaced what.

    What was kept gives the new text with what was added, and the old one with what was taken out.
    """
    return list(_joined(_by_lines(_LINE.findall(old), _LINE.findall(new))))


def in_brief(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces with only a few of the kept words around what changed."""
    shown: list[Piece] = []
    for number, piece in enumerate(pieces):
        if piece.kind is not Kind.KEPT:
            shown.append(piece)
            continue
        text = _shortened(piece.text, is_first=number == 0, is_last=number == len(pieces) - 1)
        shown.append(Piece(Kind.KEPT, text))
    return shown


def _by_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    for kind, removed, added in _compared(old, new):
        if kind is Kind.KEPT:
            yield Piece(kind, "".join(added))
        else:
            yield from _by_words("".join(removed), "".join(added))


def _by_words(old: str, new: str) -> Iterator[Piece]:
    for kind, removed, added in _compared(_TOKEN.findall(old), _TOKEN.findall(new)):
        if kind is Kind.KEPT:
            yield Piece(kind, "".join(added))
        else:
            yield Piece(Kind.REMOVED, "".join(removed))
            yield Piece(Kind.ADDED, "".join(added))


def _compared(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[Kind, Sequence[str], Sequence[str]]]:
    """Yield what is alike at both ends, and between them what differs, compared where that is not too much."""
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    yield Kind.KEPT, (), new[:start]
    removed, added = old[start : len(old) - end], new[start : len(new) - end]
    if len(removed) + len(added) > _MOST_COMPARED or not removed or not added:
        yield Kind.ADDED, removed, added
    else:
        for tag, first, last, begin, stop in SequenceMatcher(None, removed, added).get_opcodes():
            kind = Kind.KEPT if tag == "equal" else Kind.ADDED
            yield kind, removed[first:last], added[begin:stop]
    yield Kind.KEPT, (), new[len(new) - end :]


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many pieces are the same at the beginning of both."""
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return number
    return min(len(one), len(other))


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join neighbours of one kind; blanks between two changes are a part of both."""
    removed = added = kept = ""
    for piece in pieces:
        if not piece.text:
            continue
        if piece.kind is Kind.KEPT:
            kept += piece.text
            continue
        if kept.strip() or not (removed or added):
            yield from _said(removed, added, kept)
            removed = added = kept = ""
        removed, added, kept = removed + kept, added + kept, ""
        if piece.kind is Kind.REMOVED:
            removed += piece.text
        else:
            added += piece.text
    yield from _said(removed, added, kept)


def _said(removed: str, added: str, kept: str) -> Iterator[Piece]:
    """Yield a change and what was kept behind it."""
    for kind, text in ((Kind.REMOVED, removed), (Kind.ADDED, added), (Kind.KEPT, kept)):
        if text:
            yield Piece(kind, text)


def _shortened(text: str, *, is_first: bool, is_last: bool) -> str:
    """Return the words of a kept text that stand beside changes, with a mark where some are left out."""
    words = _WORD.findall(text)
    behind = 0 if is_first else _WORDS_AROUND
    before = 0 if is_last else _WORDS_AROUND
    if len(words) <= behind + before + 1:
        return text
    head, tail = "".join(words[:behind]).rstrip(), "".join(words[len(words) - before :])
    return " ".join(one for one in (head, _CUT, tail) if one) + (" " if not before else "")
