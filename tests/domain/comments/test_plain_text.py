"""A comment's structure survives as plain words."""

import pytest

from moderation_service.domain.comments import markup, plain_text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("ciao\nmondo\n\nfine", "ciao\nmondo\n\nfine"),
        ("**bold** and *soft* and `code`", "bold and soft and code"),
        ("- one\n- **two**\n  - three\n\nend", "- one\n- two\n  - three\n\nend"),
        ("3. one\n4. two", "3. one\n4. two"),
        ("> said\n> twice\n\nanswer", "> said\n> twice\n\nanswer"),
        ("> a\n>\n> b", "> a\n>\n> b"),
        ("```\nx = 1\n\n  y\n```\nend", "x = 1\n\n  y\n\nend"),
        ("see https://a.example/x", "see https://a.example/x"),
        ("[here](https://a.example/x?a=1&b=2) now", "here (https://a.example/x?a=1&b=2) now"),
        ("<b>raw</b> &amp; 1 < 2", "<b>raw</b> & 1 < 2"),
    ],
)
def test_structure_becomes_plain_words(body: str, words: str) -> None:
    assert plain_text.words(markup.render(body)) == words


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("short", 5, "short"),
        ("one two three", 10, "one two…"),
        ("one two, three", 10, "one two…"),
        ("x" * 20, 10, "x" * 9 + "…"),
        ("a " + "x" * 20, 10, "a " + "x" * 7 + "…"),
    ],
)
def test_a_text_is_cut_between_words(text: str, limit: int, short: str) -> None:
    assert plain_text.shortened(text, limit) == short
    assert len(short) <= limit
