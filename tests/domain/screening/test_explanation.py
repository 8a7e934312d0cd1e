"""Why a text scored as it did."""

import pytest

from moderation_service.domain.screening.classifier import Classifier
from moderation_service.domain.screening.explanation import Kind, Reason, explain
from moderation_service.domain.screening.features import SHAPES, features_of

NAMES = {name for name, _ in SHAPES}
HARMLESS = ["The old radio works again, thank you", "My neighbour has the same garden", "It rained all week here"]
SPAM = ["Visit my shop for cheap watches", "CHEAP watches and cheap loans", "cheap watches, only today ❤❤❤❤"]


@pytest.fixture(scope="module")
def model() -> Classifier:
    found = Classifier()
    for _ in range(4):
        for text, is_spam in [*((one, False) for one in HARMLESS), *((one, True) for one in SPAM)]:
            found.add(found.lesson(features_of(text), is_spam=is_spam))
    return found


def test_the_words_that_spam_had_are_named_as_they_were_written(model: Classifier) -> None:
    first, *others = explain(model, "Today I found some Cheap Watches in a shop, only last week")
    assert (first.kind, first.text) == (Kind.PAIR, "Cheap Watches")
    assert len(others) <= 2
    assert not {"cheap", "watches"} & {word for one in others for word in one.text.casefold().split()}
    assert first.weight >= max(one.weight for one in others) > 0


def test_what_speaks_against_spam_is_named_for_a_harmless_comment(model: Classifier) -> None:
    reasons = explain(model, "The old radio of my neighbour")
    assert len(reasons) == 3
    assert all(one.weight < 0 for one in reasons)
    assert "radio" in " ".join(one.text for one in reasons)


def test_a_shape_is_named_by_its_name_and_value(model: Classifier) -> None:
    kinds = {one.text: one.kind for one in explain(model, SPAM[0], count=50)}
    assert Kind.SHAPE in kinds.values()
    assert {one.partition(":")[0] for one, kind in kinds.items() if kind is Kind.SHAPE} <= {*NAMES} - {"any"}


def test_signs_are_named_where_there_is_no_word(model: Classifier) -> None:
    reasons = explain(model, "cheap ❤❤❤❤❤", count=50)
    assert [one.text for one in reasons if one.kind is Kind.SIGNS][:1] == ["❤❤❤"]


@pytest.mark.parametrize(
    "text", ["", "\U0001f600\U0001f600 \U0001f600 a", "\ud800", "İİ İstanbul", "<b></b>", "a" * 9_000]
)
def test_every_text_can_be_explained(model: Classifier, text: str) -> None:
    assert all(isinstance(one, Reason) for one in explain(model, text))


def test_a_model_that_learned_nothing_has_no_reasons() -> None:
    assert explain(Classifier(), SPAM[0]) == ()


def test_all_reasons_together_are_the_margin(model: Classifier) -> None:
    """Each feature is named once: words, pairs that are no sum of their words, shapes, and what every text has."""
    features = features_of(SPAM[0])
    parts = [weight for kind in model.contributions(features) for weight in kind.values()]
    assert sum(parts) == pytest.approx(model.margin(features))
