"""The score that is learned from decisions."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain.screening.classifier import Classifier, Lesson, OtherVersionError
from moderation_service.domain.screening.features import LONGEST, features_of

HARMLESS = [
    "Thank you, this helped me a lot with my old radio",
    "I was there last week and it rained the whole time",
    "Grazie, non lo sapevo. Mia nonna lo faceva con le noci",
    "Sind die Fotos vom letzten Jahr? Der Turm steht doch noch",
    "Does anybody know whether the road is open again?",
]
SPAM = [
    "Buy cheap watches at http://cheap-watches.example today!!!",
    "Earn money from home, visit http://fast-money.example now",
    "FREE followers, click http://followers.example",
    "Casino bonus without deposit http://casino.example",
    "Best loans, cheap rates: http://loans.example",
]
DECISIONS = [*((text, False) for text in HARMLESS), *((text, True) for text in SPAM)] * 3


TEXTS = [*HARMLESS, *SPAM, "new"]


def lesson(model: Classifier, text: str, *, is_spam: bool) -> Lesson:
    return model.lesson(features_of(text), is_spam=is_spam)


def taught(decisions: list[tuple[str, bool]]) -> tuple[Classifier, list[Lesson]]:
    """A model after decisions, and the lessons in their order."""
    model, lessons = Classifier(), list[Lesson]()
    for text, is_spam in decisions:
        lessons.append(lesson(model, text, is_spam=is_spam))
        model.add(lessons[-1])
    return model, lessons


def test_a_new_model_suspects_nobody() -> None:
    scores = [Classifier().score(features_of(text)) for text in [*HARMLESS, *SPAM, ""]]
    assert {(one.probability, one.is_probable_spam) for one in scores} == {(0.5, False)}


def test_what_is_like_decided_spam_is_suspected() -> None:
    model, _ = taught(DECISIONS)
    spam = model.score(features_of("Get cheap watches http://other.example and earn money"))
    harmless = model.score(features_of("My old radio still works, thank you"))
    assert (spam.is_probable_spam, harmless.is_probable_spam) == (True, False)
    assert spam.probability > 0.9
    assert harmless.probability < 0.2
    assert (model.harmless, model.spam) == (15, 15)


def test_scoring_teaches_nothing() -> None:
    model, _ = taught(DECISIONS)
    before = model.to_bytes()
    for _ in range(100):
        model.score(features_of("harmless harmless http://spam.example harmless"))
    lesson(model, "a lesson that nobody adds", is_spam=False)
    assert model.to_bytes() == before


def test_the_same_decisions_in_the_same_order_give_the_same_bytes() -> None:
    assert taught(DECISIONS)[0].to_bytes() == taught(DECISIONS)[0].to_bytes()
    assert taught(DECISIONS)[0].to_bytes() != taught(DECISIONS[::-1])[0].to_bytes()


def test_a_lesson_that_is_taken_back_at_once_leaves_no_trace() -> None:
    model, _ = taught(DECISIONS)
    before = model.to_bytes()
    for is_spam in (True, False):
        one = lesson(model, "Something new about gardens and http://garden.example", is_spam=is_spam)
        model.add(one)
        assert model.to_bytes() != before
        model.take_back(one)
        assert model.to_bytes() == before


def test_whatever_was_learned_and_taken_back_the_model_is_the_sum_of_what_is_left() -> None:
    model, lessons = taught(DECISIONS)
    kept = Classifier()
    for number, one in enumerate(lessons):
        if number % 3:
            kept.add(one)
        else:
            model.take_back(one)
    assert [model.margin(features_of(text)) for text in TEXTS] == [
        kept.margin(features_of(text)) for text in TEXTS
    ]
    assert sorted(model.history.margins) == sorted(kept.history.margins)
    for number, one in enumerate(lessons):
        if number % 3:
            model.take_back(one)
    assert model.to_bytes() == Classifier().to_bytes()


def test_replicas_that_learn_the_same_lessons_in_another_order_score_alike() -> None:
    model, lessons = taught(DECISIONS)
    late = Classifier()
    for one in lessons[::-1]:
        late.add(Lesson.from_bytes(one.to_bytes()))
    for text in TEXTS:
        assert late.score(features_of(text)) == model.score(features_of(text))


def test_a_model_and_a_lesson_are_read_as_they_were_written() -> None:
    model, lessons = taught([*DECISIONS, ("çà et là \U0001f600 " * 300, False), ("", True)])
    assert [Lesson.from_bytes(one.to_bytes()) for one in lessons] == lessons
    read = Classifier.from_bytes(model.to_bytes())
    assert read.to_bytes() == model.to_bytes()
    assert (read.harmless, read.spam, read.threshold) == (model.harmless, model.spam, model.threshold)


def test_what_another_version_wrote_is_recognised() -> None:
    model, [one] = taught(DECISIONS[:1])
    other = struct.pack("<H", 65_535)
    with pytest.raises(OtherVersionError):
        Classifier.from_bytes(other + model.to_bytes()[2:])
    with pytest.raises(OtherVersionError):
        Lesson.from_bytes(other + one.to_bytes()[2:])
    with pytest.raises(ValueError, match="cut off"):
        Classifier.from_bytes(model.to_bytes()[:-1])


def test_a_model_is_never_larger_than_256_kib() -> None:
    model = Classifier()
    text = " ".join(f"word{number}and{number * 7}" for number in range(200))
    for number in range(1_200):
        model.add(lesson(model, text[number:] if number % 100 == 0 else f"{number}", is_spam=False))
    for number in range(80):
        model.add(lesson(model, text[number:], is_spam=False))
    assert len(model.to_bytes()) <= 256 * 1024


def test_a_decision_that_the_model_was_sure_of_changes_no_weight() -> None:
    model, _ = taught(DECISIONS * 3)
    assert lesson(model, SPAM[0], is_spam=True).changes == ()
    assert lesson(model, SPAM[0], is_spam=False).changes != ()


def test_a_wave_of_spam_does_not_make_everything_suspicious() -> None:
    model, _ = taught(DECISIONS)
    before = model.threshold
    for number in range(200):
        wave = f"I was there last week and it helped me a lot, thank you for the road {number}"
        model.add(lesson(model, wave, is_spam=True))
    assert model.threshold > before
    unseen = ["The tower was closed last year", "Thank you for asking, my radio is as old as that"]
    assert [text for text in unseen if model.score(features_of(text)).is_probable_spam] == []


@given(st.lists(st.tuples(st.text(max_size=60), st.booleans()), max_size=12))
def test_every_text_can_be_learned_and_taken_back(decisions: list[tuple[str, bool]]) -> None:
    model, lessons = taught(decisions)
    assert [Lesson.from_bytes(one.to_bytes()) for one in lessons] == lessons
    for text, _ in decisions:
        assert 0 <= model.score(features_of(text)).probability <= 1
    for one in lessons:
        model.take_back(one)
    assert model.to_bytes() == Classifier().to_bytes()


def test_an_endless_text_teaches_as_much_as_its_beginning() -> None:
    model = Classifier()
    beginning = "all work and no play " * 100
    assert len(beginning) > LONGEST
    assert lesson(model, beginning * 50, is_spam=True) == lesson(model, beginning, is_spam=True)
