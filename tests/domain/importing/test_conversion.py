"""Texts of other systems become our Markdown, and look as they did; what is lost is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain.comments import markup
from moderation_service.domain.comments.plain_text import words
from moderation_service.domain.importing.conversion import convert
from moderation_service.domain.importing.records import Dialect


def losses(text: str, dialect: Dialect) -> dict[str, int]:
    return dict(+convert(text, dialect).losses)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("<p>Lovely <b>roses</b> and <i>more </i>here</p>", "Lovely **roses** and *more* here"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<p>a</p>\n<p>b</p>", "a\n\nb"),
        ("<ul><li>one<li>two<ol start='3'><li>in</ol></ul>after", "- one\n- two\n  3. in\n\nafter"),
        ("<blockquote><p>said<br>so</p></blockquote><p>yes</p>", "> said\n> so\n\nyes"),
        ("<pre><code>x = *1*\n  y</code></pre>", "```\nx = *1*\n  y\n```"),
        ("use <code>a`b</code>", "use ``a`b``"),
        ('see <a href="https://example.org/a">this</a>', "see [this](https://example.org/a)"),
        ('<a href="https://example.org/a(b)">w</a>', "[w](https://example.org/a%28b%29)"),
        ('<a href="https://example.org/relics">https://example.org/rel...</a>', "https://example.org/relics"),
        ('<a href="https://disq.us/url?url=https%3A%2F%2Fexample.org%2Fa%3AXyZ&amp;cuid=1">w</a>', "[w](https://example.org/a)"),
        ("2 * 3 * 4 and snake_case, _x_", "2 \\* 3 \\* 4 and snake_case, \\_x\\_"),
        ("<p>1. no list</p><p>- nor this</p><p>&gt; nor that</p>", "1\\. no list\n\n\\- nor this\n\n\\> nor that"),
        ("&lt;b&gt; &amp;amp; &eacute;", "\\<b> \\&amp; é"),
        ("<em>crossed <strong>marks</em> here</strong>", "*crossed **marks*** here"),
        ("<b> </b>x<b></b>", "x"),
        ('<img class="tk-owo-emotion" src="x.png" alt=":smile:"> hi', ":smile: hi"),
    ],
)  # fmt: skip
def test_html_becomes_markdown(text: str, body: str) -> None:
    assert convert(text, Dialect.HTML) == (body, {})


def test_line_breaks_count_where_the_system_made_paragraphs_of_them() -> None:
    text = "one\ntwo <em>x</em>\n\n\nthree\n<pre>a\n\nb</pre>"
    assert convert(text, Dialect.HTML_LINES).body == "one\ntwo *x*\n\nthree\n\n```\na\n\nb\n```"
    assert convert("one\ntwo\n\nthree", Dialect.HTML_LINES).body == "one\ntwo\n\nthree"
    assert convert("one\ntwo", Dialect.HTML).body == "one two"


@pytest.mark.parametrize(
    ("text", "body", "lost"),
    [
        ("<h2>Big</h2>small", "**Big**\n\nsmall", {"headings": 1}),
        ('<img src="https://example.org/a.png" alt="cat">', "[cat](https://example.org/a.png)", {"images": 1}),
        ('<a href="javascript:alert(1)">click</a>', "click", {"links that lead to no website": 1}),
        ("<script>alert(1)</script>x<style>b{}</style>", "x", {"scripts and styles": 2}),
        ("<del>old</del> new", "old new", {"struck out text": 1}),
        ("<table><tr><td>a<td>b</table>", "a | b", {"tables": 1}),
        ('<iframe src="https://example.org/v"></iframe>', "https://example.org/v", {"embedded media": 1}),
        ("<marquee>x</marquee>", "x", {"other markup": 1}),
    ],
)
def test_what_our_markdown_cannot_say_keeps_its_words_and_is_counted(
    text: str, body: str, lost: dict[str, int]
) -> None:
    assert (convert(text, Dialect.HTML).body, losses(text, Dialect.HTML)) == (body, lost)


def test_other_markdown_that_is_ours_as_well_stays_as_it_is() -> None:
    text = "Lovely **roses**\nand [more](https://example.org)\n\n> yes\n\n    code"
    assert convert(text, Dialect.MARKDOWN) == (text, {})


def test_other_markdown_is_read_as_its_own_system_read_it() -> None:
    text = "# Head\n\n~~no~~ ![cat](https://example.org/c.png) `![x](y)`\n\nline\nbreak <b>bold</b>"
    found = convert(text, Dialect.MARKDOWN)
    assert found.body == ("**Head**\n\nno [cat](https://example.org/c.png) `![x](y)`\n\nline\nbreak **bold**")
    assert dict(+found.losses) == {"headings": 1, "struck out text": 1, "images": 1}


@given(st.text(alphabet="ab \n*_`[]()<>&!#-+.1~\\|:/\"'é", max_size=40))
def test_plain_text_is_shown_to_the_letter(text: str) -> None:
    shown = words(markup.render(convert(text, Dialect.PLAIN).body)) if text.strip() else ""
    assert shown.split() == text.split()


@given(st.text(alphabet="ab \n<>/pbliuaem=\"'&;!-[]", max_size=60), st.sampled_from(Dialect))
def test_no_text_is_too_broken(text: str, dialect: Dialect) -> None:
    body, _ = convert(text, dialect)
    assert body == body.strip("\n")
    assert "<script" not in markup.render(body)


def test_nothing_takes_long() -> None:
    for text in ("<b>" * 50_000, "<blockquote>" * 20_000, "<a href='x'>" * 20_000, "<ul><li>" * 20_000):
        assert convert(text, Dialect.HTML).body == ""
