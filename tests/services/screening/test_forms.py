"""What the stamp of a form and the field that no person sees say of a comment."""

from typing import Any

import pytest

from moderation_service.domain.accounts.sites import Screening
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.screening.form_stamps import FormStamps
from moderation_service.services.screening.forms import REMEMBERED, FormCheck
from tests.conftest import Clock
from tests.support.candidates import a_candidate
from tests.support.composed import a_site
from tests.support.factories import SECRET

SITE = a_site()


@pytest.fixture
def stamps(clock: Clock) -> FormStamps:
    return FormStamps(KeyRing([SECRET]), clock)


@pytest.fixture
def check(stamps: FormStamps) -> FormCheck:
    return FormCheck(stamps)


@pytest.fixture
def stamp(stamps: FormStamps) -> str:
    marks = stamps.of_hour(SITE)
    assert marks is not None
    return marks.stamp


def said(check: FormCheck, clock: Clock, **changed: Any) -> list[tuple[str, int]]:
    finding = check.look(a_candidate(**{"at": clock.now} | changed))
    return [(one.code, one.weight) for one in finding.reasons]


def test_a_filled_honeypot_and_a_forged_or_hasty_stamp_make_a_suspect(
    check: FormCheck, clock: Clock, stamps: FormStamps, stamp: str
) -> None:
    fetched = stamps.of_second(SITE)
    assert fetched is not None
    assert said(check, clock, form_stamp=stamp) == []
    assert said(check, clock, form_stamp=stamp, fills_honeypot=True) == [("honeypot", 5)]
    assert said(check, clock, form_stamp="h1-x") == [("stamp_forged", 5)]
    assert said(check, clock, form_stamp=stamp, site=a_site(id="altro")) == [("stamp_forged", 5)]
    assert said(check, clock, form_stamp=fetched.stamp) == [("stamp_early", 5)]
    assert said(check, clock, form_stamp="x", fills_honeypot=True, edited_id="a") == []
    without = a_site(screening=Screening(form_stamp=False))
    assert said(check, clock, form_stamp="x", fills_honeypot=True, site=without) == []


def test_a_stamp_is_missed_only_where_nearly_all_have_one(check: FormCheck, clock: Clock, stamp: str) -> None:
    for _ in range(19):
        assert said(check, clock, form_stamp=stamp) == []
    assert said(check, clock) == [], "so few say nothing of a site"
    assert said(check, clock) == [("stamp_missing", 3)]
    assert said(check, clock) == [], "two of twenty-one are not nearly none"
    for _ in range(REMEMBERED):
        assert said(check, clock, form_stamp=stamp) == []
    clock.advance(days=2)
    assert said(check, clock, form_stamp=stamp) == [("stamp_missing", 3)], "one that is too old is none"
    assert said(check, clock, site=a_site(id="altro")) == [], "each site has a share of its own"


def test_a_form_of_the_sites_own_loses_nothing(check: FormCheck, clock: Clock, stamp: str) -> None:
    for _ in range(REMEMBERED):
        assert said(check, clock, form_stamp=stamp) == []
        assert said(check, clock) == []
