"""A score that is learned from the decisions on a site's comments.

It is logistic regression over hashed features, learned one decision at a time, with a rate for each weight that
falls with how far the weight was moved (AdaGrad: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for
Online Learning and Stochastic Optimization", 2011).

All that is kept is whole numbers, and what a decision changes is a value, a `Lesson`: a model is the sum of the
lessons that were added. Whole numbers are added in any order and taken back without a remainder, and how large a
lesson is, is computed only by operations that IEEE 754 defines to the last bit. So

- the same decisions in the same order give the same bytes, on every machine with the same tables of Unicode;
- processes that add the same lessons have the same weights, whoever computed them and in whichever order they
  came;
- a lesson that is taken back leaves the weights as the sum of all others. What was learned since was computed
  while it was there and is not computed again: had the lesson never been, those steps might have been larger or
  smaller.

Only lessons change a model. Scoring does not, so whoever writes comments teaches it nothing.
"""

import math
import sys
from array import array
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from struct import Struct
from typing import Self, Union

from moderation_service.domain.screening.features import SLOTS, Features
from moderation_service.domain.screening.threshold import ScoreHistory, remove_newest, units

VERSION = 1
"""Of features and arithmetic: what was learned by another version means something else and is learned anew."""

_VALUES = _GRAM, _WORD, _PAIR, _SHAPE = 0.55, 1.0, 0.8, 0.8
"""What a feature of each kind counts, before all are divided by the fourth root of their squares' sum."""

_RATE = 0.2
_ENOUGH = 3.0
_MOST_STEPS = 5
_SURE = 4.0
_SAMPLES = 64
_KEPT_SAMPLES = 72
_LARGEST_SAMPLE = 90
_UNIT = 2**14
_ENERGY_UNIT = 2**16
_FULL = 2**30
_MOST_GAIN = 2**16 - 1
_HALVINGS = 10
_FLAT = 30.0

_LESSON = Struct("<H?hh5H")
_MODEL = Struct("<HiiHH")
_SAMPLE = Struct("<h4H")
_MOST_CHANGE = 2**15 - 1


Weights = Union["array[int]", Mapping[int, int]]
"""The weights of a model, by slots."""


class OtherVersionError(ValueError):
    """A model or a lesson was written by another version."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a model says of a comment.

    `probability` of being spam is from 0 to 1; `is_probable_spam` says that harmless comments of the site hardly
    ever score as high.
    """

    probability: float
    is_probable_spam: bool


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one decision changes: by how much the weight and the energy of each slot of a comment's features.

    `before` is the comment's margin before it was learned, `after` that of the sample of its features
    afterwards, both in units of the score history. `changes` and `gains` are empty if the model was sure before.
    """

    is_spam: bool
    before: int
    after: int
    features: Features
    changes: tuple[int, ...]
    gains: tuple[int, ...]

    @property
    def slots(self) -> list[int]:
        """What is changed, in the order of `changes` and `gains`; twice if it is of features of two kinds."""
        return list(chain.from_iterable(map(sorted, self.features)))

    def to_bytes(self) -> bytes:
        """Return the lesson as it is stored: 17 bytes, and 2 or 6 for each feature."""
        sizes = map(len, self.features)
        head = _LESSON.pack(VERSION, self.is_spam, self.before, self.after, *sizes, len(self.changes))
        return head + _packed("H", self.slots) + _packed("h", self.changes) + _packed("H", self.gains)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote.

        :raises OtherVersionError: if another version wrote it
        """
        version, is_spam, before, after, *sizes, count = _LESSON.unpack_from(data)
        if version != VERSION:
            raise OtherVersionError(version)
        parts = _Parts(data, _LESSON.size)
        features = Features(*(frozenset(parts.next("H", size)) for size in sizes))
        return cls(is_spam, before, after, features, tuple(parts.next("h", count)), tuple(parts.next("H", count)))


class Classifier:
    """The model of one site.

    `_weights` are 2**-14ths; `_energies` are 2**-16ths of the sum of the squares of what a weight was moved by.
    `_samples` are features of harmless comments that were learned lately, with their margins after that.
    """

    __slots__ = ("_energies", "_samples", "_threshold", "_weights", "harmless", "history", "spam")

    def __init__(self) -> None:
        self._weights = array("i", bytes(4 * SLOTS))
        self._energies = array("i", bytes(4 * SLOTS))
        self._samples = deque[tuple[Features, int]](maxlen=_KEPT_SAMPLES)
        self._threshold: int | None = None
        self.history = ScoreHistory()
        self.harmless = 0
        self.spam = 0

    def score(self, features: Features) -> Score:
        """Score a comment."""
        margin = self.margin(features)
        return Score(_logistic(margin), units(margin) >= self.threshold)

    def margin(self, features: Features) -> float:
        """Return the logarithm of the odds that a comment is spam."""
        return _margin(features, self._weights)

    @property
    def threshold(self) -> int:
        """The margin from which a comment is probably spam, in units of the score history; never below 0.

        It is the history's, raised by as much as harmless comments score higher today than when they were
        learned: a wave of spam makes a little more suspicious, comment by comment, what it has in common with
        everything.
        """
        if self._threshold is None:
            rises = sorted(units(self.margin(one)) - after for one, after in list(self._samples)[-_SAMPLES:])
            rise = rises[len(rises) // 2] if rises else 0
            self._threshold = max(0, self.history.threshold + max(0, rise))
        return self._threshold

    def contributions(self, features: Features) -> tuple[dict[int, float], ...]:
        """Return what each slot adds to the margin: of grams, words, pairs and shapes."""
        norm = _norm(features) * _UNIT
        return tuple(
            {slot: value * self._weights[slot] / norm for slot in slots}
            for slots, value in zip(features, _VALUES, strict=True)
        )

    def lesson(self, features: Features, *, is_spam: bool) -> Lesson:
        """Compute what a decision on a comment teaches; `add` it to learn it.

        Nothing, if the margin is 4 on the right side; else up to five steps are made, until it is 3.
        """
        before = margin = self.margin(features)
        if (margin if is_spam else -margin) > _SURE:
            after = self.margin(features.thinned(_LARGEST_SAMPLE))
            return Lesson(is_spam, units(before), units(after), features, (), ())
        norm = _norm(features)
        values = [
            (slot, value / norm) for slots, value in zip(features, _VALUES, strict=True) for slot in sorted(slots)
        ]
        weights = {slot: self._weights[slot] for slot, _ in values}
        energies = {slot: self._energies[slot] for slot, _ in values}
        for _ in range(_MOST_STEPS):
            error = is_spam - _logistic(margin)
            for slot, value in values:
                move = error * value
                if energies[slot] < _FULL:
                    energies[slot] += 1 + int(move * move * _ENERGY_UNIT)
                weights[slot] += round(_RATE * _UNIT * move / math.sqrt(energies[slot] / _ENERGY_UNIT))
            margin = math.fsum(weights[slot] * value for slot, value in values) / _UNIT
            if (margin if is_spam else -margin) > _ENOUGH:
                break
        after = _margin(features.thinned(_LARGEST_SAMPLE), weights)
        changes, gains = list[int](), list[int]()
        for slot, _ in values:  # a slot that comes again was changed with its first
            change = weights.pop(slot, self._weights[slot]) - self._weights[slot]
            changes.append(max(-_MOST_CHANGE, min(change, _MOST_CHANGE)))
            gains.append(min(energies.pop(slot, self._energies[slot]) - self._energies[slot], _MOST_GAIN))
        return Lesson(is_spam, units(before), units(after), features, tuple(changes), tuple(gains))

    def add(self, lesson: Lesson) -> None:
        """Learn a lesson."""
        self._change(lesson, 1)
        if not lesson.is_spam:
            self.history.add(lesson.before)
            self._samples.append((lesson.features.thinned(_LARGEST_SAMPLE), lesson.after))

    def take_back(self, lesson: Lesson) -> None:
        """Unlearn a lesson that was added."""
        self._change(lesson, -1)
        if not lesson.is_spam:
            self.history.take_back(lesson.before)
            remove_newest(self._samples, (lesson.features.thinned(_LARGEST_SAMPLE), lesson.after))

    def _change(self, lesson: Lesson, sign: int) -> None:
        if lesson.changes:
            for slot, change, gain in zip(lesson.slots, lesson.changes, lesson.gains, strict=True):
                self._weights[slot] += sign * change
                self._energies[slot] += sign * gain
        if lesson.is_spam:
            self.spam += sign
        else:
            self.harmless += sign
        self._threshold = None

    def to_bytes(self) -> bytes:
        """Return the model as it is stored, at most 256 KiB."""
        margins = self.history.margins
        head = _MODEL.pack(VERSION, self.harmless, self.spam, len(margins), len(self._samples))
        samples = (
            _SAMPLE.pack(after, *map(len, one)) + b"".join(_packed("H", sorted(kind)) for kind in one)
            for one, after in self._samples
        )
        return b"".join(
            (head, _packed("i", self._weights), _packed("i", self._energies), _packed("h", margins), *samples)
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote.

        :raises OtherVersionError: if another version wrote it; the site's decisions are then to be learned anew
        """
        version, harmless, spam, margins, samples = _MODEL.unpack_from(data)
        if version != VERSION:
            raise OtherVersionError(version)
        model = cls()
        model.harmless, model.spam = harmless, spam
        parts = _Parts(data, _MODEL.size)
        model._weights = parts.next("i", SLOTS)
        model._energies = parts.next("i", SLOTS)
        model.history = ScoreHistory(parts.next("h", margins))
        for _ in range(samples):
            [after] = parts.next("h", 1)
            sizes = parts.next("H", 4)
            model._samples.append((Features(*(frozenset(parts.next("H", size)) for size in sizes)), after))
        return model


def _margin(features: Features, weights: Weights) -> float:
    grams, words, pairs, shapes = features
    total = (
        _GRAM * _sum(weights, grams)
        + _WORD * _sum(weights, words)
        + _PAIR * _sum(weights, pairs)
        + _SHAPE * _sum(weights, shapes)
    )
    return total / (_norm(features) * _UNIT)


def _sum(weights: Weights, slots: Collection[int]) -> int:
    """Return the sum of what stands in slots; all are taken at once, which is not possible for one alone."""
    if len(slots) > 1:
        return sum(itemgetter(*slots)(weights))
    return sum(weights[slot] for slot in slots)


def _norm(features: Features) -> float:
    """Return the fourth root of the sum of the squares of what features count."""
    squares = (
        _GRAM * _GRAM * len(features.grams)
        + _WORD * _WORD * len(features.words)
        + _PAIR * _PAIR * len(features.pairs)
        + _SHAPE * _SHAPE * len(features.shapes)
    )
    return math.sqrt(math.sqrt(squares))


def _logistic(margin: float) -> float:
    """Return 1 / (1 + e**-margin), with (1 - x / 1024)**1024 for e**-x: libraries round that differently."""
    power: float = 1 - max(-_FLAT, min(margin, _FLAT)) / 2**_HALVINGS
    for _ in range(_HALVINGS):
        power *= power
    return 1 / (1 + power)


def _packed(code: str, numbers: Iterable[int]) -> bytes:
    """Return whole numbers as little-endian bytes."""
    packed = array(code, numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


class _Parts:
    """Reads what `_packed` wrote, one part after the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def next(self, code: str, count: int) -> "array[int]":
        """Return as many numbers as are asked for.

        :raises ValueError: if the data end before
        """
        numbers = array(code)
        begin, self._at = self._at, self._at + count * numbers.itemsize
        if self._at > len(self._data):
            raise ValueError("the data are cut off")
        numbers.frombytes(self._data[begin : self._at])
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers
