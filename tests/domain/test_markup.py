"""Markdown to safe HTML: only what is allowed, and always in time."""

import re
import sys
from collections import Counter
from html.parser import HTMLParser
from types import FrameType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moderation_service.domain import markup

ALLOWED = {"p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a"}
LONGEST = 65_525
_WILD = st.lists(
    st.one_of(
        st.sampled_from("aé \n\"'#=-+|1!?()[]{}/@;%$^*_`~<>&:.\\\t\x0b\x0c\x01\x85\xa0\u2003\u2028\u202e\ufeff"),
        st.sampled_from(["\n\n", "http://a.example", "](", "![", "<b>", "<!--", "&amp;", "javascript:", "```\n"]),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"),
    ),
    max_size=60,
).map(lambda pieces: "".join(pieces).strip())
_TAME = st.text(
    st.one_of(
        st.sampled_from("aé \n\"'#=-+|1!?()/@;%$^{}.\x0b\x0c\x01\x85\u2003\u2028\u202e\ufeffW"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"),
    ),
    min_size=2,
    max_size=60,
).map(str.strip)


class Tags(HTMLParser):
    """All tags of a text with their attributes, and how they close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: Counter[str] = Counter()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open[tag] += tag != "br"

    def handle_endtag(self, tag: str) -> None:
        self.open[tag] -= 1


def check(html: str) -> None:
    """Fail unless the HTML holds only what the contract allows."""
    tags = Tags(html)
    assert not +tags.open
    for tag, attributes in tags.found:
        assert tag in ALLOWED
        if tag == "a":
            assert attributes.pop("rel") == "nofollow ugc noopener"
            assert re.match(r"https?://", attributes.pop("href") or "", re.IGNORECASE)
        if tag == "ol":
            attributes.pop("start", None)
        assert not attributes


@given(_WILD)
@example('<script>alert(1)</script><img src=x onerror="alert(1)">')
@example("# Titolo\n\n![x](https://evil.example/x.png)")
def test_whatever_is_written_only_the_allowed_tags_come_out(body: str) -> None:
    check(markup.render(body))


@given(_TAME)
@example("Riga uno\nriga due\n\nparagrafo")
@example("a\x0cb")
def test_the_fast_path_writes_what_the_parser_writes(body: str) -> None:
    if markup._PLAIN.fullmatch(body):
        assert markup._paragraphs(body) == markup._CLEANER.clean(markup._MARKDOWN.render(body))


@pytest.mark.parametrize("body", ["interessante…", "Due righe,\nun pensiero.\n\nE un altro."])
def test_ordinary_words_take_the_fast_path(body: str) -> None:
    assert markup._PLAIN.fullmatch(body)


REL = ' rel="nofollow ugc noopener"'


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("interessante…", "<p>interessante…</p>\n"),
        ("uno\ndue\n\ntre", "<p>uno<br>\ndue</p>\n<p>tre</p>\n"),
        ("*a* **b** `c`", "<p><em>a</em> <strong>b</strong> <code>c</code></p>\n"),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>\n'),
        ("[qui](https://a.example/?b=1&c)", f'<p><a href="https://a.example/?b=1&amp;c"{REL}>qui</a></p>\n'),
        ("https://a.example", f'<p><a href="https://a.example"{REL}>https://a.example</a></p>\n'),
        ("# a", "<p># a</p>\n"),
        ("a\n===", "<p>a<br>\n===</p>\n"),
        ("<b>a</b>", "<p>&lt;b&gt;a&lt;/b&gt;</p>\n"),
        ("<!-- a -->", "<p>&lt;!-- a --&gt;</p>\n"),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>\n"),
        ("[a]: https://a.example", f'<p>[a]: <a href="https://a.example"{REL}>https://a.example</a></p>\n'),
    ],
)
def test_the_subset_of_markdown_is_this(body: str, html: str) -> None:
    assert markup.render(body) == html


@pytest.mark.parametrize(
    "body",
    [
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](java\tscript:alert(1))",
        "[a](&#106;avascript:alert(1))",
        "[a](data:text/html,x)",
        "[a](vbscript:x)",
        "[a](//evil.example)",
        "[a](/relative)",
        "[a](ftp://a.example)",
        "<javascript:alert(1)>",
        "<mailto:a@b.example>",
        "mailto:a@b.example",
        "www.example.org",
        "[a](https:relative)",
        "[a](http://[)",
        "<http://[x>",
        "[a](http://a:99999) [**b**\nc](http://?x)",
        "[a](http:///relative)",
        '<a href="/relative" onclick="x">a</a>',
    ],
)
def test_only_http_links_become_links(body: str) -> None:
    html = markup.render(body)
    check(html)
    assert "<a" not in html


def test_an_image_comes_out_as_a_link_at_most() -> None:
    html = markup.render("![x](https://evil.example/pixel.png)")
    check(html)
    assert "<img" not in html


PATHOLOGICAL = [
    "[", "]", "*", "**", "*a **a ", "_", "`", "``a` ", ">", "> ", "- ", "* a\n", "  - a\n", "1. a\n", "<", "<a",
    "&", "&#", "\\", "[a](", "[a](<b", "[a](b 'c", "![", "![a](b)", "[[[a]()", "a*", "a**b", "*_", "~", "```\n",
    "    a\n", "a\n\n", "[a]: b\n", "> - ", "a`", "://", "<http://a", "http://a.b/(", "<!--", "a.\n\nb c ",
]  # fmt: skip


@pytest.mark.parametrize("piece", PATHOLOGICAL)
def test_twice_the_text_is_twice_the_work(piece: str) -> None:
    once, twice = (steps((piece * (length // len(piece))).strip()) for length in (2_000, 4_000))
    assert twice < 2.5 * once + 1_000


@pytest.mark.parametrize("piece", ["[", "![", "[a](", "*_", "a\n\n", "😀", "\u202e", "a ", "http://a.b/("])
def test_the_longest_body_is_rendered_whatever_it_is(piece: str) -> None:
    body = (piece * (LONGEST // len(piece.encode()))).strip()
    check(markup.render(body))


def steps(body: str) -> int:
    """How many lines of Python a rendering takes: its work, on a fast machine and on a slow one."""
    count = 0

    def trace(_: FrameType, event: str, __: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        markup.render(body)
    finally:
        sys.settrace(before)
    return count
