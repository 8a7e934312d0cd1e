"""Why a text scored as it did, in words of the text itself.

A model knows slots, not words; whoever holds the text takes its features again and sees which of them weighed
most. What 4-grams weigh is given to the words that they touch, so that nobody has to read pieces of words, and
two neighbours that weigh alike are named together: "check out" rather than "check" and "out".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from moderation_service.domain.screening import features as of
from moderation_service.domain.screening.classifier import Classifier


class Kind(StrEnum):
    """What a reason is about."""

    WORD = "word"
    PAIR = "pair"
    SIGNS = "signs"
    SHAPE = "shape"


@dataclass(frozen=True, slots=True)
class Reason:
    """A feature that weighed much.

    `text` is a word, two words, or signs without a letter, as they were written; for a shape its name and value,
    such as `links:2` (`moderation_service.domain.screening.features.SHAPES`). `weight` is its part of the
    margin: above 0 it speaks for spam, below 0 against.
    """

    kind: Kind
    text: str
    weight: float


def explain(model: Classifier, text: str, count: int = 3) -> tuple[Reason, ...]:
    """Return what weighed most in the direction that the score took, heaviest first; no word is named twice."""
    features = of.features_of(text)
    direction = 1 if model.margin(features) > 0 else -1
    found = sorted(_reasons(model, of.Reading(text), features), key=lambda one: -direction * one.weight)
    chosen = list[Reason]()
    named = set[str]()
    for reason in found:
        if len(chosen) == count or direction * reason.weight <= 0:
            break
        words = set[str]() if reason.kind is Kind.SHAPE else set(reason.text.casefold().split())
        if not named & words:
            chosen.append(reason)
            named |= words
    return tuple(chosen)


def to_line(reasons: Iterable[Reason]) -> str:
    """Return reasons as one line to store, which `from_line` reads: `kind:text`, with tabs between."""
    return "\t".join(f"{one.kind}:{one.text}" for one in reasons)


def from_line(line: str) -> list[tuple[Kind, str]]:
    """Return the kinds and texts of the reasons that a line names."""
    found = (one.partition(":") for one in line.split("\t") if one)
    return [(Kind(kind), text) for kind, _, text in found]


def _reasons(model: Classifier, reading: of.Reading, features: of.Features) -> Iterator[Reason]:
    """Yield a reason for each word, pair, piece of signs and shape; a shared slot counts for the first."""
    grams, words, pairs, shapes = model.contributions(features)
    in_order = of.numbers_of_words(reading.words)
    numbers = dict(zip(reading.words, in_order, strict=True))
    slots = of.slots_of_pairs(in_order)
    weights = {word: words.pop(number % of.HASHED, 0.0) for word, number in numbers.items()}
    for piece, touched, slot in _grams(reading):
        weight = grams.pop(slot, 0.0)
        for word in touched:
            weights[word] += weight / len(touched)
        if not touched:
            yield Reason(Kind.SIGNS, piece.strip(), weight)
    if reading.words:
        first, last = reading.words[0], reading.words[-1]
        weights[first] += pairs.pop(slots[0], 0.0)
        weights[last] += pairs.pop(slots[-1], 0.0)
    written = dict(zip(reversed(reading.words), reversed(reading.written), strict=True))
    for (one, other), slot in zip(pairwise(reading.words), slots[1:], strict=False):
        weight = pairs.pop(slot, 0.0)
        if one != other and _alike(weights[one], weights[other]):
            weight += weights[one] + weights[other]
        yield Reason(Kind.PAIR, f"{written[one]} {written[other]}", weight)
    for word, weight in weights.items():
        yield Reason(Kind.WORD, written[word], weight)
    yield from _shapes(shapes)


def _shapes(contributions: Mapping[int, float]) -> Iterator[Reason]:
    for slot, weight in contributions.items():
        name, value = of.SHAPES[slot - of.HASHED]
        if name != "any":
            yield Reason(Kind.SHAPE, f"{name}:{value}", weight)


def _grams(reading: of.Reading) -> Iterator[tuple[str, set[str], int]]:
    """Yield each 4-gram, the words that it touches, and its slot."""
    line = reading.line
    owners = [""] * len(line)
    for word, span in zip(reading.words, of.spans_of_words(line), strict=True):
        owners[slice(*span)] = [word] * (span[1] - span[0])
    places = [place for place, sign in enumerate(line) for _ in range(1 + (sign > "\uffff"))]
    for slot, begin, end in zip(of.slots_of_grams(line), places, places[of.GRAM - 1 :], strict=False):
        yield line[begin : end + 1], {*owners[begin : end + 1]} - {""}, slot


def _alike(one: float, other: float) -> bool:
    """Tell whether two weights speak for the same, and the lighter at least half as much as the heavier."""
    return one * other > 0 and min(abs(one), abs(other)) * 2 >= max(abs(one), abs(other))
