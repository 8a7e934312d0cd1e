"""Markdown to safe HTML: only what is allowed, and always in time."""

import re
import sys
from collections import Counter
from html.parser import HTMLParser
from types import FrameType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from moderation_service.domain.comments import markup

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
        "[x]()",
        "[x](<>)",
        "www.example.org",
        "[a](https:relative)",
        "[a](http://[)",
        "<http://[x>",
        "[a](http://a:99999) [**b**\nc](http://?x)",
        "[a](http:///relative)",
        '<a href="/relative" onclick="x">a</a>',
        "http://trusted@evil.example",
        "<http://trusted@evil.example/>",
        "[a](http://trusted@evil.example)",
        "[a](https://trusted.example:secret@evil.example/b)",
        "[a](https://trusted.example%2f@evil.example)",
        "[a](https://trusted.example＠evil.example)",
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


PIECES = st.sampled_from(
    ["*", "**", "_", "`", "``", "[", "]", "](", "(", ")", "<", ">", "&", "\\", "\n", "\n\n", "> ", "- ", "1. ",
     "    ", "a", "b ", " ", "http://a.b", "://", ":", "!", "```\n", "&amp;", "* ", "> - ", "x](http://a)",
     '"', "\t"]
)  # fmt: skip
MOST_LINES = 5_000_000
"""Lines of Python that a rendering may take; 64 kB of emphasis took 11 million."""


def longest(piece: str, before: str = "", behind: str = "") -> str:
    """The longest body that repeats a piece."""
    room = LONGEST - len(before.encode()) - len(behind.encode())
    return f"{before}{piece * (room // len(piece.encode()))}{behind}".strip()


@pytest.mark.parametrize(
    "body",
    [
        "**_" * 20_000,
        *(longest(piece) for piece in PATHOLOGICAL),
        *(longest(line, before) for before in ("> " * 19, "- " * 19, "> - " * 9, "1. " * 9)
          for line in ("lazy -\n", "> y\n", "- *x*\n", " " * 40 + "w\n", "\n\nx\n")),
        longest("- *a* [b](http://c.d) `e`\n"),
        longest("[a](" + "x" * 60),
        longest("(", "[a](" * 200),
        longest("x", '[a](b "' * 200),
        longest("http://" + "a." * 300 + " "),
        longest("http://a/" + "(" * 600 + " "),
        longest("<http://a.b/c>"),
        longest(">", '"<&' * 9_000),
        longest("    a\n", "```\n"),
        "".join("`" * length + "a" for length in range(1, 350)),
    ],
    ids=lambda body: repr(body[:24]),
)  # fmt: skip
def test_no_text_takes_long(body: str) -> None:
    assert steps(body) < MOST_LINES


@settings(max_examples=25)
@given(st.lists(PIECES, min_size=1, max_size=6), st.lists(PIECES, max_size=20), st.lists(PIECES, max_size=5))
def test_whatever_is_repeated_takes_no_longer(piece: list[str], before: list[str], behind: list[str]) -> None:
    assert steps(longest("".join(piece), "".join(before), "".join(behind)) or "a") < MOST_LINES


@pytest.mark.parametrize(
    "body",
    [
        "Un *pensiero* e **un altro**, con `codice` e [un sito](https://www.example.org/a).\n\n" * 60,
        "Ho letto https://www.example.org/articolo e *non* sono d'accordo.\n" * 50,
        "- un punto\n" * 150,
        "> qualcuno ha scritto questo\n\nE io rispondo così.\n\n" * 80,
        "Parole, parole. " * 4_000,
    ],
)
def test_long_texts_as_people_write_them_keep_their_markup(body: str) -> None:
    assert not markup.rendering(body.strip()).is_simplified


def test_what_holds_too_much_markup_is_shown_as_it_was_typed() -> None:
    body = "a **b**\n<c> & d\n \n\n" * 4_000 + "*e*"
    rendered = markup.rendering(body)
    assert rendered.is_simplified
    assert rendered.renderer == markup.PLAIN_RENDERER
    assert rendered.html.startswith("<p>a **b**<br>\n&lt;c&gt; &amp; d</p>\n<p>a **b**<br>\n")
    assert rendered.html.endswith("</p>\n<p>*e*</p>\n")
    check(rendered.html)


@given(_WILD)
def test_as_it_was_typed_is_safe_too(body: str) -> None:
    check(markup._without_markup(body))


def test_a_long_text_pauses_on_its_way() -> None:
    pauses: list[None] = []
    markup.rendering("**_" * 20_000, pause=lambda: pauses.append(None))
    assert len(pauses) > 10


@pytest.mark.parametrize("body", ["interessante…", "un *pensiero*\n" * 9])
def test_what_people_write_is_quick_to_render(body: str) -> None:
    assert markup.is_quick(body)


@settings(max_examples=25)
@given(st.lists(PIECES, min_size=1, max_size=6), st.lists(PIECES, max_size=20))
def test_what_is_said_to_be_quick_is(piece: list[str], before: list[str]) -> None:
    body = longest("".join(piece), "".join(before))
    while not markup.is_quick(body):
        body = body[: len(body) // 2]
    assert steps(body.strip() or "a") < MOST_LINES / 20


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
