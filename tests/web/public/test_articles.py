"""Comments on their page are written by filling patterns: every text in its place, and escaped."""

from datetime import UTC, datetime
from itertools import product
from xml.etree.ElementTree import Element

import html5lib
import pytest

from moderation_service import locales
from moderation_service.domain.comments.comment import PublicComment
from moderation_service.domain.comments.threads import Conversation, Placed
from moderation_service.web.public import articles

HOSTILE = """<b onclick='x("y")'>&amp; %(id)s 100%</b>"""
PLACE = articles.Place(
    language="en",
    timezone="Europe/Rome",
    around="?a=1&around=",
    answering="?a=1&reply_to=",
    reporting=("/comments/", "/report?lang=en"),
    rest=lambda _: ("?a=<&thread=1", "<2> more"),
)


def a_comment(number: int, **changed: object) -> PublicComment:
    values = {
        "id": f"0197c0de-0000-7000-8000-{number:012}",
        "parent_id": None,
        "author_name": "Giuliana",
        "author_url": None,
        "by_site": False,
        "body": "interessante",
        "body_html": "<p>100% <em>interessante</em> %(id)s</p>\n",
        "created_at": datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
        "redacted": False,
    }
    return PublicComment(**(values | changed))  # type: ignore[arg-type]


def written(*placed: Placed, left: int = 0, place: articles.Place = PLACE) -> Element:
    conversation = Conversation(list(placed), placed[0].comment, placed[-1].comment, left)
    page: Element = html5lib.parseFragment(articles.written([conversation], place), namespaceHTMLElements=False)
    return page


def text_of(element: Element | None) -> str:
    assert element is not None
    return "".join(element.itertext())


def href_of(element: Element | None) -> str | None:
    assert element is not None
    return element.get("href")


def test_what_people_wrote_is_text_and_the_comment_itself_is_markup() -> None:
    parent = a_comment(1, author_name=HOSTILE, author_url="https://a.example/?a=1&b=\"'><i>")
    answer = a_comment(2, author_name=HOSTILE, parent_id=parent.id)
    page = written(Placed(parent, 0, None), Placed(answer, 1, parent))
    assert [one.text for one in page.iter("bdi")] == [HOSTILE] * 3
    assert [one.get("aria-label") for one in page.iterfind(".//a[@aria-label]")] == [
        f"Reply to {HOSTILE}",
        f"Report the comment by {HOSTILE}",
    ] * 2
    assert href_of(page.find(".//strong/a")) == parent.author_url
    assert [one.get("href") for one in page.iterfind(".//a[@class='muted']")] == [
        f"?a=1&around={one.id}#comment-{one.id}" for one in (parent, answer)
    ]
    assert [text_of(one) for one in page.iterfind(".//div/p")] == ["100% interessante %(id)s"] * 2
    assert not [*page.iter("b"), *page.iter("i")]


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_a_comment_of_every_shape_is_written_in_every_language(language: str) -> None:
    parent = a_comment(1)
    for url, (answers, above), answering in product(
        (None, "https://a.example/"), ((None, None), (parent.id, None), (parent.id, parent)), ("", "?reply_to=")
    ):
        place = articles.Place(
            language=language,
            timezone="UTC",
            around="?around=",
            answering=answering,
            reporting=PLACE.reporting,
            rest=PLACE.rest,
        )
        comment = a_comment(2, author_url=url, parent_id=answers)
        page = written(Placed(comment, 3, above), place=place)
        [article] = page.iter("article")
        assert (article.get("id"), article.get("class")) == (f"comment-{comment.id}", "comment depth-3")
        assert (page.find(".//strong/a") is not None) == (url is not None)
        assert (page.find("article/p[2][@class='muted']") is not None) == (answers is not None)
        assert (page.find(f".//a[@href='#comment-{parent.id}']") is not None) == (above is not None)
        assert len(page.findall(".//a[@aria-label]")) == (2 if answering else 1)
        assert [one.get("datetime") for one in page.iter("time")] == ["2026-11-22T10:00:00+00:00"]


def test_what_is_left_of_a_thread_stands_below_it() -> None:
    comment = a_comment(1)
    [rest] = written(Placed(comment, 0, None), left=2).iterfind("p")
    assert href_of(rest.find("a")) == "?a=<&thread=1"
    assert text_of(rest) == "<2> more"
    assert written(Placed(comment, 0, None)).find("p") is None
