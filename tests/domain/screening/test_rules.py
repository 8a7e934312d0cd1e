"""Conditions of owners' rules, and what rules come to."""

import re
from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest

from moderation_service.domain.screening import rules
from moderation_service.domain.screening.assessment import NOTHING, Finding, Reason, Verdict
from moderation_service.domain.screening.patterns import (
    LONGEST,
    MOST_STEPS,
    InvalidPatternError,
    Pattern,
    characters_of_script,
)
from moderation_service.domain.screening.rules import Action, Conditions, OptionalField, Rule, Script, Written


def written(body: str = "interessante…", **changed: Any) -> Written:
    fields: dict[str, Any] = {
        "page_url": "https://www.example.org/blog/primo",
        "author_name": "Giuliana",
        "has_address": True,
        "author_url": None,
    }
    return Written(body=body, **fields | changed)


@pytest.mark.parametrize(
    ("body", "links"),
    [
        ("nothing here, or e.g. 3.14", 0),
        ("see https://a.example and HTTP://b.example", 2),
        ("see www.a.example", 1),
        ("see https://www.a.example/www.html", 1),
        ("[here](https://a.example)", 1),
        ("[https://a.example](https://a.example)", 1),
        ("<https://a.example>, https://a.example", 2),
    ],
)
def test_links_are_counted_as_a_reader_sees_them(body: str, links: int) -> None:
    assert written(body).links == links
    assert Conditions(links_over=links).may_hold(written(body)) is False
    assert links == 0 or Conditions(links_over=links - 1).may_hold(written(body))


@pytest.mark.parametrize(
    ("word", "body", "is_there"),
    [
        ("casino", "The CASINO!", True),
        ("casino", "casinos", False),
        ("casino", "un casi no", False),
        ("casino", "cas\u00adino", True),
        ("casino", "\uff23asino", True),
        ("casino", "my_casino_", True),
        ("straße", "STRASSE", True),
        ("caffè", "caffe\u0300", True),
        ("caffè", "caffe", False),
        ("buy  now", "Buy, now!", True),
        ("buy now", "buy it now", False),
        ("赌博", "我们赌博网站", True),
        ("iPhone15赌博", "买iphone15赌博", False),
        ("क्या", "क्या", True),
        ("क्", "क्या", False),
        ("не", "нет", False),
    ],
)
def test_words_are_found_whole_whatever_their_case_and_form(word: str, body: str, is_there: bool) -> None:  # noqa: FBT001 - a table
    conditions = Conditions(words=("nothing of this", rules.folded(word)))
    assert conditions.may_hold(written(body)) is is_there


def test_words_are_looked_for_in_name_and_web_address_too() -> None:
    casino = Conditions(words=(rules.folded("casino"),))
    assert casino.may_hold(written(author_name="Best Casino"))
    assert casino.may_hold(written(author_url="https://best-casino.example/"))


@pytest.mark.parametrize(
    ("body", "is_there"),
    [
        ("https://spam.example/x", True),
        ("[x](HTTPS://Www.SPAM.example.:8080/)", True),
        ("look at shop.spam.example.", True),
        ("notspam.example", False),
        ("spam.example.org", False),
        ("me@spam.example, me@mail.spam.example", False),
        ("https://spam%2Eexample/", True),
        ("https&#58;//spam.example/", True),
        ("spam\u3002example", True),
        ("\uff53pam.example", True),
        ("http://bücher.example", True),
        ("http://xn--bcher-kva.example", True),
        ("http://a.b.co.uk", True),
    ],
)
def test_domains_are_those_of_links_and_all_below_them(body: str, is_there: bool) -> None:  # noqa: FBT001 - a table
    listed = frozenset(map(rules.domain, ("Spam.Example", "bücher.example", "uk")))
    assert Conditions(domains=listed).may_hold(written(body)) is is_there
    assert Conditions(domains=listed).may_hold(written(author_url=body)) is is_there


@pytest.mark.parametrize("name", [".", "a b.example", "https://spam.example", "spam..example", "x" * 254])
def test_what_is_no_domain_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(name)):
        rules.domain(name)


@pytest.mark.parametrize(
    ("names", "body", "is_that"),
    [
        (("Cyrillic",), "Купить дешево https://very-long-latin-address.example/and/more", True),
        (("Cyrillic",), "Tolstoj wrote «Война и мир», which everybody here should read", False),
        (("Cyrillic",), "Genova, 2026!", False),
        (("Cyrillic",), "!!! 123", False),
        (("Han", "Hiragana"), "これは面白い", True),
        (("Latin",), "interessante…", True),
    ],
)
def test_a_comment_is_in_a_script_from_a_third_of_its_letters_on(
    names: tuple[str, ...],
    body: str,
    is_that: bool,  # noqa: FBT001 - a table
) -> None:
    assert Conditions(script=Script(names)).may_hold(written(body)) is is_that


@pytest.mark.parametrize("name", ["Klingon", "cyrillic", "L", "Lu", "Any", "^Han", "Han}|.{"])
def test_scripts_have_the_names_of_unicode(name: str) -> None:
    assert characters_of_script(name) is None
    with pytest.raises(ValueError, match=re.escape(name)):
        Script(("Latin", name))


def test_paths_are_compared_by_whole_segments_and_missing_fields_named() -> None:
    assert Conditions(paths=("/news", "/blog")).may_hold(written())
    assert not Conditions(paths=("/blo",)).may_hold(written())
    no_url = Conditions(missing=frozenset({OptionalField.AUTHOR_URL}))
    assert no_url.may_hold(written())
    assert not no_url.may_hold(written(author_url="https://www.example.com/"))
    assert Conditions(missing=frozenset({OptionalField.AUTHOR_EMAIL})).may_hold(written(has_address=False))


def test_all_conditions_must_hold_and_one_of_several_words() -> None:
    both = Conditions(links_over=0, patterns=(Pattern("(?i)never"), Pattern("(?i)pills?$")))
    assert both.may_hold(written("https://a.example PILLS"))
    assert not both.may_hold(written("PILLS"))
    assert not both.may_hold(written("https://a.example"))


def test_what_the_comment_does_not_tell_is_compared_where_it_is_known() -> None:
    for conditions, asks, asks_database in (
        (Conditions(links_over=1), False, False),
        (Conditions(score_over=0.5), True, False),
        (Conditions(first_comments=1), True, True),
        (Conditions(page_older_than=timedelta(days=1)), True, True),
    ):
        assert (conditions.asks, conditions.asks_database) == (asks, asks_database)
        assert conditions.fits_score(None) is (conditions.score_over is None)
    scored = Conditions(score_over=0.9)
    assert [scored.fits_score(one) for one in (899, 900, 901)] == [False, False, True]
    old = Conditions(page_older_than=timedelta(days=30))
    assert [old.fits_page(timedelta(days=one)) for one in (30, 31)] == [False, True]
    new = Conditions(first_comments=3)
    assert [new.fits_author(one) for one in (0, 2, 3)] == [True, True, False]


def test_rules_that_match_are_all_named_and_the_most_severe_counts() -> None:
    def rule(action: Action) -> Rule:
        return Rule(name=f"by {action}", when=Conditions(links_over=1), then=action)

    assert rules.finding([]) == NOTHING
    assert rules.finding([rule(Action.SPAM), rule(Action.HOLD)]) == Finding(
        (Reason("rule", detail="by spam"), Reason("rule", detail="by hold")), Verdict.SPAM
    )
    assert [rules.finding([rule(one)]).verdict for one in Action] == [
        Verdict.HOLD,
        Verdict.SUSPECT,
        Verdict.SPAM,
        Verdict.REFUSED,
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(", "missing )"),
        (r"(a)\1", "invalid escape sequence"),
        ("(?=a)", "invalid perl operator"),
        ("((a{1000}){1000}){1000}", "invalid repetition size"),
        (r"(\pL|\pN)*a(\pL|\pN){30}c", "is too large"),
        ("a" * (LONGEST + 1), "is longer than"),
        ("\ud800", "is not text"),
    ],
)
def test_what_is_no_regular_expression_or_explodes_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidPatternError, match=re.escape(said)):
        Pattern(text)


@pytest.mark.parametrize("text", ["(a+)+$", "(a|aa)+$", "(x+x+)+y", "(a?){1000}(a){1000}$", "[ab]*a[ab]{500}c"])
def test_no_comment_takes_long_to_hold_against_a_regular_expression(text: str) -> None:
    pattern = Pattern(text)
    assert pattern.reach >= 10_000_000 // MOST_STEPS
    for body in ("a" * 65_000 + "!", "ab" * 32_000, "abaab" * 13_000, "x" * 65_000, "жa" * 20_000):
        began = perf_counter()
        pattern.is_found_in(body)
        assert perf_counter() - began < 2


def test_a_whole_comment_of_the_longest_is_looked_through_in_no_time() -> None:
    conditions = Conditions(
        words=tuple(rules.folded(f"parola{number}") for number in range(1_000)),
        domains=frozenset({"spam.example"}),
        script=Script(("Han",)),
    )
    for part in ("a.", "[", "www.", "жa ", "%41&amp;", "a.b ", "\u0300", "-."):
        comment = written(part * (65_000 // len(part.encode())))
        began = perf_counter()
        _ = comment.links, comment.lines, comment.domains, Script(("Han",)).is_that_of(comment.body)
        conditions.may_hold(comment)
        assert perf_counter() - began < 2, part


def test_patterns_are_equal_if_they_were_written_alike() -> None:
    assert Pattern("a+") == Pattern("a+")
    assert Pattern("a+") != Pattern("a*")
