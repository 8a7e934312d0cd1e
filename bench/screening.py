"""The figures of docs/screening.md: `python -m bench.screening`, where the labelled comments are."""

import random
import sys
import time
from statistics import mean, median

from moderation_service.domain.screening.classifier import Classifier
from moderation_service.domain.screening.explanation import explain
from moderation_service.domain.screening.features import features_of
from tests.support import screening_trial as trial
from tests.support.screening_trial import Comment, Scored

_FALSE = (0.005, 0.01, 0.02, 0.03, 0.05)
_COLD = 300
_SHUFFLES = 10
_ROUNDS = 15


def main() -> None:
    if not trial.is_there():
        sys.exit(trial.MISSING)
    comments = trial.read()
    print(f"{len(comments)} comments, {sum(one.is_spam for one in comments)} of them spam\n")
    _curves(comments)
    _unseen(comments)
    _times(comments)


def _curves(comments: list[Comment]) -> None:
    model = Classifier()
    stream = trial.replay(model, trial.in_order(comments))
    shuffled = []
    for seed in range(_SHUFFLES):
        order = comments.copy()
        random.Random(seed).shuffle(order)  # noqa: S311 - the same orders every time
        shuffled.append(trial.replay(Classifier(), order))
    _row("false", *(f"{false:.1%}" for false in _FALSE), "own threshold")
    _row(*["---"] * (len(_FALSE) + 2))
    _line("in order, from the first", stream)
    _line(f"in order, after {_COLD}", stream[_COLD:])
    orders = [[trial.recall_by_order(one, false) for one in shuffled] for false in _FALSE]
    own = f"{mean(map(trial.recall, shuffled)):.3f} at {mean(map(trial.false_share, shuffled)):.2%}"
    worst = max(map(trial.false_share, shuffled))
    _row(f"{_SHUFFLES} random orders, mean", *(f"{mean(one):.3f}" for one in orders), f"{own}, worst {worst:.2%}")
    print(f"\nThe model has {len(model.to_bytes()):,} bytes.\n")


def _unseen(comments: list[Comment]) -> None:
    _row("unseen file", *(f"{false:.1%}" for false in _FALSE), "own threshold", "own threshold, learning on")
    _row(*["---"] * (len(_FALSE) + 3))
    for file in sorted({one.file for one in comments}):
        model = Classifier()
        trial.replay(model, trial.in_order(one for one in comments if one.file != file))
        unseen = trial.in_order(one for one in comments if one.file == file)
        still = [trial.judge(model, one) for one in unseen]
        _line(file, still, _own(trial.replay(model, unseen)))


def _times(comments: list[Comment]) -> None:
    model = Classifier()
    trial.replay(model, comments)
    print()
    scores, lessons, reasons = list[float](), list[float](), list[float]()
    for one in comments:
        scores.append(_microseconds(lambda one=one: model.score(features_of(one.text)), _ROUNDS))
        lessons.append(_microseconds(lambda one=one: model.lesson(features_of(one.text), is_spam=one.is_spam), 1))
        reasons.append(_microseconds(lambda one=one: explain(model, one.text), 1))
    for name, times in (("to score", scores), ("to learn", lessons), ("to explain", reasons)):
        print(f"{name}: median {median(times):.0f} µs, mean {mean(times):.0f} µs, longest {max(times):.0f} µs")


def _microseconds(work: object, rounds: int) -> float:
    assert callable(work)
    taken = []
    for _ in range(rounds):
        begin = time.thread_time_ns()
        work()
        taken.append((time.thread_time_ns() - begin) / 1_000)
    return median(taken)


def _own(scored: list[Scored]) -> str:
    return f"{trial.recall(scored):.3f} at {trial.false_share(scored):.2%}"


def _line(name: str, scored: list[Scored], *further: str) -> None:
    _row(name, *(f"{trial.recall_by_order(scored, false):.3f}" for false in _FALSE), _own(scored), *further)


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
