"""Times, names, addresses and links as other systems write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from moderation_service.domain.importing import texts
from moderation_service.domain.importing.times import TimeReader
from tests.support.moving import NOW

NINE = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "stamp",
    [
        *("2024-03-01T09:00:00Z", "2024-03-01T09:00:00.000Z", "2024-03-01 09:00:00 +0000"),
        *("2024-03-01T09:00:00+0000", "2024-03-01T10:00:00.000+01:00", "2024-03-01 17:00:00 +0800 +0800"),
        *("2024-03-01 10:00", "2024-03-01 10:00:00"),
        *(1709283600, 1709283600.0, 1709283600000, "1709283600", "1709283600000", "03/01/2024 - 10:00am"),
        *({"__type": "Date", "iso": "2024-03-01T09:00:00.000Z"}, {"$date": {"$numberLong": "1709283600000"}}),
        {"$numberLong": "1709283600000"},
    ],
    ids=repr,
)  # fmt: skip
def test_a_time_is_read_in_every_way_that_systems_write_it(stamp: object) -> None:
    assert TimeReader(ZoneInfo("Europe/Rome"), now=NOW)(stamp) == NINE


@pytest.mark.parametrize(
    "stamp",
    [
        *("", "0000-00-00 00:00:00", "0001-01-01T00:00:00Z", "0000-01-01", "40000-01-01 00:00:00"),
        *("2024-02-30 09:00", "soon", "2027-01-01 00:00:00", "9" * 20, "2024-03-01T25:00"),
        *(0, -5, 10**18, True, None, [], {}, float("nan")),
    ],
    ids=repr,
)  # fmt: skip
def test_a_time_that_cannot_be_is_none(stamp: object) -> None:
    assert TimeReader(UTC, now=NOW)(stamp) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (" Ada@Example.ORG ", "Ada@example.org"),
        ("", ""),
        ("noreply@blogger.com", ""),
        ("x@disqus-user", ""),
        ("a***@example.org", None),
        ("not an address", None),
    ],
)
def test_an_address_is_one_or_nothing(text: str, found: str | None) -> None:
    assert texts.email(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://ada.example.org/x", "https://ada.example.org/x"),
        ("ada.example.org", "https://ada.example.org"),
        ("ada.example.org:8080/x", "https://ada.example.org:8080/x"),
        ("", ""),
        ("undefined", ""),
        ("http://", ""),
        ("javascript:alert(1)", None),
        ("mailto:a@example.org", None),
        ("https://user@example.org/", None),
        ("https://a b", None),
        ("rubbish", None),
    ],
)
def test_a_link_leads_to_a_website_or_nowhere(text: str, found: str | None) -> None:
    assert texts.url(text) == found


def test_names_are_lines_and_bodies_have_an_end() -> None:
    assert texts.name(" A\u0007da\n Rossi\u2028") == "Ada Rossi"
    assert texts.name("\u200b \u2800") == ""
    assert len(texts.name("x" * 300)) == 245
    assert len(texts.cut("é" * 40_000).encode()) <= texts.LARGEST_BODY
    assert texts.cut("short") == "short"
