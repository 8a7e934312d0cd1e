"""What no visitor may break in a feed: its XML, its addresses, its length."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from moderation_service.domain.accounts.sites import Moderator, Site
from moderation_service.domain.comments.comment import SyndicatedComment
from moderation_service.domain.comments.pages import page as page_of
from moderation_service.services.comments.syndication import Feed
from moderation_service.web.public import feeds
from moderation_service.web.public.feed_document import iri, permalink
from tests.support.atom import ATOM, is_iri, read_atom
from tests.support.factories import PAGE

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ID = "0197c0de-0000-7000-8000-{:012}"
CONTROLS = "".join(map(chr, (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)))


def a_site(language: str = "it") -> Site:
    anna = Moderator(id="anna", name="Anna", email="anna@example.org", language="it", timezone="Europe/Rome")
    return Site(
        id="coop",
        name="Coop",
        origins=("https://www.example.org",),
        language=language,
        timezone="Europe/Rome",
        moderators=(anna,),
    )


def a_comment(number: int = 1, **changed: Any) -> SyndicatedComment:
    values = {
        "id": ID.format(number),
        "parent_id": None,
        "author_name": "Giuliana",
        "author_url": None,
        "by_site": False,
        "body": "ciao",
        "body_html": "<p>ciao</p>",
        "created_at": AT,
        "page_url": PAGE,
        "page_title": "Chi siamo",
        "changed_at": AT,
        "redacted": False,
    }
    return SyndicatedComment(**values | changed)


def both(*comments: SyndicatedComment, site: Site | None = None, **options: Any) -> tuple[bytes, bytes]:
    found = Feed(
        name="Chi siamo",
        url=PAGE,
        comments=list(comments),
        is_last=True,
        updated_at=AT,
        last_change=AT,
    )
    query = {"page_url": PAGE, "cursor": None}
    where: dict[str, Any] = {"public_url": "https://c.example", "page": page_of("coop", PAGE)}
    as_atom, as_json = (
        feeds.written(form, found, site or a_site(), query, **where, **options)
        for form in (feeds._ATOM, feeds._JSON)
    )
    return as_atom, as_json


@pytest.mark.parametrize("text", [CONTROLS, "]]>", "</entry>", "&amp;&#0;", "\"'<", "\U0001f986", "\u202e\u2066"])
def test_no_text_breaks_the_xml(text: str) -> None:
    hostile: dict[str, Any] = {
        "author_name": f"a{text}b",
        "page_title": text,
        "body_html": f"<p>{text}</p>",
        "parent_id": ID.format(2),
        "page_url": f"{PAGE}?{text}",
    }
    document, as_json = both(a_comment(**hostile))
    entry = read_atom(document).root.find(f"{ATOM}entry")
    assert entry is not None
    shown = "".join("\ufffd" if one in CONTROLS else one for one in text)
    assert entry.findtext(f"{ATOM}content") == f"<p>{shown}</p>"
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == f"a{shown}b"
    assert orjson.loads(as_json)["items"][0]["authors"] == [{"name": f"a{text}b"}]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("https://a.example/", "https://a.example/"),
        ("https://[2001:db8::1]:8/a[b]#c#d", "https://[2001:db8::1]:8/a%5Bb%5D#c%23d"),
        ('https://a.example/{x}|"<>^`', "https://a.example/%7Bx%7D%7C%22%3C%3E%5E%60"),
        ("https://a.example/100%/%zz/%20", "https://a.example/100%25/%25zz/%20"),
        ("https://a.example/è?ü=\uffff", "https://a.example/è?ü=%EF%BF%BF"),
        ("https://a.example?x#", "https://a.example?x#"),
    ],
)
def test_an_address_that_browsers_let_pass_is_written_as_feeds_want_it(given: str, written: str) -> None:
    assert iri(given) == written
    assert is_iri(written.replace("[2001:db8::1]", "a"))


def test_a_comment_of_a_page_that_a_route_names_leads_to_that_page() -> None:
    assert permalink(f"{PAGE}#/storia", "x") == f"{PAGE}#/storia"
    assert permalink(PAGE, "x") == f"{PAGE}#comment-x"


def test_a_feed_has_room_for_one_entry_at_least_and_says_where_the_next_ones_are() -> None:
    long = [a_comment(number, body_html="&" * 10_000) for number in (3, 2, 1)]
    for largest, count in ((1, 1), (70_000, 1), (1_000_000, 3)):
        document, as_json = both(*long, largest=largest)
        found = read_atom(document)
        assert len(found.ids) == count
        assert found.links.get("next") == (
            None
            if count == 3
            else f"https://c.example/feeds/atom?page_url={PAGE.replace(':', '%3A').replace('/', '%2F')}"
            f"&cursor={long[count - 1].id}"
        )
    assert len(orjson.loads(as_json)["items"]) == 3


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Giuliana on “Chi siamo”"),
        ("de-AT", "Giuliana zu „Chi siamo“"),
        ("fr", "Giuliana à propos de «\u00a0Chi siamo\u00a0»"),
    ],
)
def test_titles_speak_the_sites_language(language: str, title: str) -> None:
    document, as_json = both(a_comment(), site=a_site(language))
    assert read_atom(document).root.findtext(f"{ATOM}entry/{ATOM}title") == title
    assert orjson.loads(as_json)["items"][0]["title"] == title
    assert orjson.loads(as_json)["language"] == language[:2]
