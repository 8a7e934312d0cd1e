"""How much spam is found among real comments; docs/screening.md has the figures."""

import pytest

from moderation_service.domain.screening.classifier import Classifier
from tests.support import screening_trial as trial

pytestmark = pytest.mark.skipif(not trial.is_there(), reason=trial.MISSING)


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier()


@pytest.fixture(scope="module")
def scored(model: Classifier) -> list[trial.Scored]:
    """All comments in the order in which they came, each scored before the model was told."""
    return trial.replay(model, trial.in_order(trial.read()))


def test_spam_is_found_from_the_first_comment_on_and_few_others_are_suspected(
    model: Classifier, scored: list[trial.Scored]
) -> None:
    assert trial.recall_by_order(scored, 0.02) >= 0.93
    assert trial.recall(scored) >= 0.87
    assert trial.false_share(scored) <= 0.02
    assert len(model.to_bytes()) <= 256 * 1024


def test_spam_is_found_on_a_page_of_which_nothing_was_learned() -> None:
    comments = trial.read()
    found = list[tuple[float, float, float]]()
    for file in sorted({one.file for one in comments}):
        model = Classifier()
        trial.replay(model, trial.in_order(one for one in comments if one.file != file))
        scored = [trial.judge(model, one) for one in comments if one.file == file]
        found.append((trial.recall_by_order(scored, 0.02), trial.recall(scored), trial.false_share(scored)))
    order, own, false = (sum(one) / len(found) for one in zip(*found, strict=True))
    assert order >= 0.90
    assert own >= 0.85
    assert false <= 0.02
