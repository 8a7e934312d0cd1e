"""Links that deceive: whoever reads a comment, or a mail about it, sees the host to which a link leads."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain.comments import markup, plain_text

REL = 'rel="nofollow ugc noopener"'
_ANCHOR = re.compile(r'<a href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_HOSTS = ["www.bank.example", "bank.example", "evil.example", "münchen.example", "192.0.2.1", "a.evil.example"]


@pytest.mark.parametrize(
    ("words", "target", "shown"),
    [
        ("www.bank.example", "https://evil.example", None),
        ("www.bank.example/login?a=b", "https://evil.example/www.bank.example", None),
        ("Log in at www.bank.example now", "https://evil.example", None),
        ("https://www.bank.example", "https://www.bank.example.evil.example", None),
        ("bank.example", "https://sub.bank.example", None),
        ("http/www.bank.example", "https://evil.example", None),
        ("evil.example,bank.example", "https://evil.example", None),
        ("you@bank.example", "https://evil.example", None),
        ("https://intranet", "https://evil.example", None),
        ("192.0.2.1", "https://evil.example", None),
        ("bank\u200b.exam\u00adple", "https://evil.example", None),
        ("bank。example", "https://evil.example", None),
        ("ｂank．example", "https://evil.example", None),
        ("www.bаnk.example", "https://www.bank.example", None),
        ("bank.example", "https://bаnk.example", "https://xn--bnk-6cd.example"),
        ("here", "https://bаnk.example/a", "https://xn--bnk-6cd.example/a"),
        ("here", "https://ɡooɡle.example", "https://xn--oole-z7bc.example"),
        ("here", "https://mixedж.example", "https://xn--mixed-9we.example"),
    ],
)
def test_words_that_name_another_host_are_no_link_and_the_address_is_shown(
    words: str, target: str, shown: str | None
) -> None:
    shown = shown or target
    html = markup.render(f"[{words}]({target})")
    assert html == f'<p>{words} (<a href="{shown}" {REL}>{shown}</a>)</p>\n'
    assert plain_text.words(html) == f"{words} ({shown})"
    assert markup.with_links_as_text(html) == f'<p>{words} (<span class="link">{shown}</span>)</p>\n'


def test_emphasis_hides_no_host() -> None:
    html = markup.render("[www.**bank**.example](https://evil.example)")
    link = f'<a href="https://evil.example" {REL}>https://evil.example</a>'
    assert html == f"<p>www.<strong>bank</strong>.example ({link})</p>\n"


def test_a_bare_address_that_only_looks_like_a_known_one_shows_its_ascii_form() -> None:
    html = markup.render("https://www.bаnk.example/x")
    address = "https://www.xn--bnk-6cd.example/x"
    assert html == f'<p>https://www.bаnk.example/x (<a href="{address}" {REL}>{address}</a>)</p>\n'


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ("here", "https://a.example"),
        ("www.a.example", "https://a.example/b"),
        ("a.example", "https://www.a.example:8443/b"),
        ("https://A.example/b.html…", "https://a.example/b.html?c"),
        ("https://a.example/@b.example", "https://a.example/@b.example?c"),
        ("münchen.example", "https://xn--mnchen-3ya.example"),
        ("here", "https://xn--h1alffa9f.xn--p1ai/"),
        ("version 3.11.2, e.g. of Monday...", "https://a.example"),
    ],
)
def test_an_honest_link_stays_one(words: str, target: str) -> None:
    assert markup.render(f"[{words}]({target})") == f'<p><a href="{target}" {REL}>{words}</a></p>\n'


@pytest.mark.parametrize("words", ["", "\u200b", "\u2060 "])
def test_a_link_without_words_shows_its_address(words: str) -> None:
    link = f'<a href="https://a.example/?b&amp;c" {REL}>https://a.example/?b&amp;c</a>'
    assert markup.render(f"[{words}](https://a.example/?b&c)") == f"<p>{link}</p>\n"


@given(
    said=st.sampled_from(_HOSTS),
    real=st.sampled_from(_HOSTS),
    before=st.sampled_from(["", "see ", "https://", "//", "a/", "*", "you@", "«"]),
    behind=st.sampled_from(["", "/", "/a.b", "?q", "#f", ":443", ".", "…", "*", " and more", "\u200b"]),
)
def test_a_link_whose_words_name_a_host_leads_there(said: str, real: str, before: str, behind: str) -> None:
    html = markup.render(f"[{before}{said}{behind}](https://{real}/x)")
    for address, words in _ANCHOR.findall(html):
        seen = unescape(re.sub("<[^>]*>", "", words))
        assert seen == address or said.removeprefix("www.") == real.removeprefix("www."), html


@given(st.lists(st.sampled_from(["trusted", "@", ":", "evil.example", "/", "?", "%40", "\\", "#", "＠", "&#64;"])))
def test_no_link_has_user_information(parts: list[str]) -> None:
    address = f"http://a{''.join(parts)}"
    for body in (address, f"<{address}>", f"[x]({address})"):
        for target, _ in _ANCHOR.findall(markup.render(body)):
            assert not re.match(r"https?://[^/?#\\]*@", unescape(target)), target
