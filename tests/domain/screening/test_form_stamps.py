"""Stamps of forms: whose they are, how old they may be, and under which keys they hold."""

from datetime import UTC, datetime, timedelta

import pytest

from moderation_service.domain.accounts.sites import Screening
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.screening.form_stamps import LIFETIME, FormMarks, FormStamps, Stamped
from tests.conftest import Clock
from tests.support.composed import a_site
from tests.support.factories import OTHER_SECRET, SECRET

SITE, OTHER_SITE = a_site(), a_site(id="altro")


def stamps_of(clock: Clock, *secrets: str) -> FormStamps:
    return FormStamps(KeyRing(secrets or (SECRET,)), clock)


def marks(found: FormMarks | None) -> FormMarks:
    assert found is not None
    return found


def test_a_stamp_of_the_hour_is_the_same_until_the_hour_ends(clock: Clock) -> None:
    stamps = stamps_of(clock)
    clock.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    first = stamps.of_hour(SITE)
    assert stamps.hour_ends_at() == datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    clock.advance(minutes=59, seconds=59)
    assert stamps.of_hour(SITE) == first
    assert stamps.hour_ends_at() == datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    clock.advance(seconds=1)
    assert stamps.of_hour(SITE) != first


def test_a_stamp_holds_any_number_of_times_until_it_is_too_old(clock: Clock) -> None:
    stamps = stamps_of(clock)
    stamp = marks(stamps.of_hour(SITE)).stamp
    found = [stamps.read(stamp, SITE, clock.now + one) for one in (timedelta(), timedelta(), LIFETIME)]
    assert found == [Stamped.GENUINE] * 3
    assert stamps.read(stamp, SITE, clock.now + LIFETIME + timedelta(seconds=1)) is Stamped.ABSENT


def test_only_a_fetched_stamp_has_a_least_age(clock: Clock) -> None:
    stamps = stamps_of(clock)
    fetched, of_hour = (marks(one).stamp for one in (stamps.of_second(SITE), stamps.of_hour(SITE)))
    assert stamps.read(fetched, SITE, clock.now) is Stamped.EARLY
    assert stamps.read(fetched, SITE, clock.now - timedelta(seconds=1)) is Stamped.EARLY, "another replica's clock"
    assert stamps.read(fetched, SITE, clock.now + timedelta(seconds=2)) is Stamped.GENUINE
    assert stamps.read(of_hour, SITE, clock.now) is Stamped.GENUINE


@pytest.mark.parametrize("stamp", [None, ""])
def test_no_stamp_is_none(clock: Clock, stamp: str | None) -> None:
    assert stamps_of(clock).read(stamp, SITE, clock.now) is Stamped.ABSENT


def test_what_was_not_made_here_for_this_site_is_forged(clock: Clock) -> None:
    stamps = stamps_of(clock)
    stamp = marks(stamps.of_hour(SITE)).stamp
    number, signature = stamp[1:].split("-")
    forged = [
        marks(stamps.of_hour(OTHER_SITE)).stamp,
        marks(stamps_of(clock, OTHER_SECRET).of_hour(SITE)).stamp,
        f"h{int(number) + 1}-{signature}",
        f"s{number}-{signature}",
        f"h0{number}-{signature}"[:-1],
        f"h999999999999-{signature}",
        stamp.upper(),
        f" {stamp}",
        f"{stamp}\n",
        "h١-" + signature,
        "\0",
        "x" * 100_000,
    ]
    assert [stamps.read(one, SITE, clock.now) for one in forged] == [Stamped.FORGED] * len(forged)


def test_stamps_and_honeypots_of_every_listed_key_are_known(clock: Clock) -> None:
    former, rotated = stamps_of(clock, SECRET), stamps_of(clock, OTHER_SECRET, SECRET)
    carried = marks(former.of_hour(SITE))
    assert rotated.read(carried.stamp, SITE, clock.now) is Stamped.GENUINE
    assert carried.honeypot in rotated.honeypots
    assert marks(rotated.of_hour(SITE)).honeypot != carried.honeypot
    assert len(rotated.honeypots) == 2


def test_a_site_that_wants_no_stamps_has_none(clock: Clock) -> None:
    site = a_site(screening=Screening(form_stamp=False))
    assert (stamps_of(clock).of_hour(site), stamps_of(clock).of_second(site)) == (None, None)
