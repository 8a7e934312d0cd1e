"""From which score on a comment is probably spam."""

import random

from moderation_service.domain.screening.threshold import IMAGINED, LATELY, UNITS, ScoreHistory, units


def history(margins: list[float]) -> ScoreHistory:
    found = ScoreHistory()
    for margin in margins:
        found.add(units(margin))
    return found


def test_few_harmless_comments_score_as_high() -> None:
    chance = random.Random(1)  # noqa: S311 - the same numbers every time
    margins = [chance.gauss(-2, 1) for _ in range(2_000)]
    threshold = history(margins).threshold / UNITS
    above = sum(margin >= threshold for margin in margins[-LATELY:]) / LATELY
    assert 0.01 < above < 0.04


def test_it_follows_what_scores_lately() -> None:
    before = history([-1.0] * LATELY)
    after = history([-1.0] * LATELY + [1.0] * LATELY)
    assert before.threshold < 0 < after.threshold


def test_nothing_known_is_a_cautious_threshold() -> None:
    assert ScoreHistory().threshold > max(IMAGINED)
    assert ScoreHistory([]).threshold == units(10_000)


def test_what_is_taken_back_is_forgotten_wherever_it_stands() -> None:
    kept, other = history([-1, -2, 0.5]), history([-1, 3, -2, 0.5])
    assert other.threshold > kept.threshold
    other.take_back(units(3))
    assert (other.margins, other.threshold) == (kept.margins, kept.threshold)
    other.take_back(units(3))
    assert other.margins == kept.margins


def test_a_full_history_is_looked_at_as_if_what_was_taken_back_had_never_been() -> None:
    margins = [number / 300 for number in range(-900, 600)]
    kept, other = history(margins), history([*margins, 4])
    other.take_back(units(4))
    assert other.threshold == kept.threshold
