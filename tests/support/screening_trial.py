"""Trial of the learned score on labelled comments that lie beside the project, not in it."""

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from moderation_service.domain.screening.classifier import Classifier
from moderation_service.domain.screening.features import features_of

FOLDER = Path(os.environ.get("MODERATION_TEST_DATA", Path(__file__).parents[3] / "shared/data")) / "spam"
"""Where `comments-1.csv` and further files are: number, author, at, text, is_spam."""

MISSING = f"labelled comments are missing: {FOLDER}/comments-*.csv (MODERATION_TEST_DATA names the folder above)"


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, its file, when it was written (ISO 8601, or empty), and what people took it for."""

    file: str
    at: str
    text: str
    is_spam: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model said before it was told."""

    margin: float
    is_flagged: bool
    is_spam: bool


def is_there() -> bool:
    return any(FOLDER.glob("comments-*.csv"))


def read() -> list[Comment]:
    """Read all files in the order of their names."""
    found = list[Comment]()
    for path in sorted(FOLDER.glob("comments-*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found += [
                Comment(path.stem, row["at"], row["text"], row["is_spam"] == "1") for row in csv.DictReader(file)
            ]
    return found


def in_order(comments: Iterable[Comment]) -> list[Comment]:
    """Return comments as they came, those without a date last."""
    return sorted(comments, key=lambda comment: (not comment.at, comment.at))


def judge(model: Classifier, comment: Comment) -> Scored:
    features = features_of(comment.text)
    return Scored(model.margin(features), model.score(features).is_probable_spam, comment.is_spam)


def replay(model: Classifier, comments: Iterable[Comment]) -> list[Scored]:
    """Let each comment be scored, then decided on."""
    scored = list[Scored]()
    for comment in comments:
        scored.append(judge(model, comment))
        model.add(model.lesson(features_of(comment.text), is_spam=comment.is_spam))
    return scored


def recall_by_order(scored: Sequence[Scored], false: float) -> float:
    """Return which share of the spam scores higher than all but a share of the harmless comments."""
    harmless = sorted((one.margin for one in scored if not one.is_spam), reverse=True)
    limit = harmless[int(false * len(harmless))]
    return _share(one.margin > limit for one in scored if one.is_spam)


def recall(scored: Iterable[Scored]) -> float:
    """Return which share of the spam was flagged."""
    return _share(one.is_flagged for one in scored if one.is_spam)


def false_share(scored: Iterable[Scored]) -> float:
    """Return which share of the harmless comments was flagged."""
    return _share(one.is_flagged for one in scored if not one.is_spam)


def _share(found: Iterable[bool]) -> float:
    values = list(found)
    return sum(values) / len(values)
