"""Comments on the desk: nothing to click, and where each link leads."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain.comments import markup

PIECES = ["[", "](", ")", "<", ">", '"', "'", "&", "https://a.example/", "a", " ", "\n", "*", "`"]
TAGS = {"p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "span"}


def link(words: str, target: str = "") -> str:
    behind = f' <span class="target">({target})</span>' if target else ""
    return f'<p><span class="link">{words}</span>{behind}</p>\n'


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("nothing", "<p>nothing</p>\n"),
        ("[words](https://a.example/?x=1&y=2)", link("words", "https://a.example/?x=1&amp;y=2")),
        ("https://a.example/", link("https://a.example/")),
        (
            "[https://good.example/](https://bad.example/)",
            '<p>https://good.example/ (<span class="link">https://bad.example/</span>)</p>\n',
        ),
        ("[*a* **b**](https://a.example/)", link("<em>a</em> <strong>b</strong>", "https://a.example/")),
    ],
)
def test_a_link_is_shown_as_text_with_where_it_leads(body: str, shown: str) -> None:
    assert markup.with_links_as_text(markup.render(body)) == shown


def test_what_an_older_version_rendered_shows_where_it_leads_too() -> None:
    stored = '<p><a href="https://bad.example/" rel="nofollow ugc noopener">www.good.example</a></p>\n'
    assert markup.with_links_as_text(stored) == link("www.good.example", "https://bad.example/")


@given(st.lists(st.sampled_from(PIECES)))
def test_whatever_is_written_there_is_nothing_to_click_and_no_other_tag(parts: list[str]) -> None:
    shown = markup.with_links_as_text(markup.render("".join(parts).strip() or "x"))
    assert set(re.findall(r"</?(\w+)", shown)) <= TAGS
    assert not re.search(r"<[^>]*\bhref", shown)
