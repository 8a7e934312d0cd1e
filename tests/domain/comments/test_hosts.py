"""Which hosts a text names."""

import pytest

from moderation_service.domain.comments import hosts


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("nothing here", set()),
        ("see https://Spam.Example/path?x=1, or not", {"spam.example"}),
        ("[words](https://spam.example) and <http://other.example:8080/>", {"spam.example", "other.example"}),
        ("go to www.spam.example.", {"www.spam.example"}),
        ("go to spam.example!", {"spam.example"}),
        ("https://honest.example@spam.example/", {"spam.example"}),
        ("https://sp%61m.example/", {"spam.example"}),
        ("https://spam\u200b.exa\u00admple/", {"spam.example"}),
        ("https://ｓｐａｍ。example/", {"spam.example"}),
        ("//spam.example/x", {"spam.example"}),
        ("https&#58;//spam&period;example/", {"spam.example"}),
        ("https%3A%2F%2Fspam%2Eexample", {"spam.example"}),
        (f"{'a' * 254}.example", set()),
        ("https://BÜCHER.example/", {"xn--bcher-kva.example"}),
        ("https://xn--bcher-kva.example/", {"xn--bcher-kva.example"}),
        ("write to anna@spam.example", set()),
        ("https://localhost/ and C://x", set()),
    ],
)
def test_a_text_names_hosts_however_they_are_written(text: str, named: set[str]) -> None:
    assert hosts.hosts_of(text) == named


def test_a_host_lies_in_every_domain_above_it() -> None:
    assert hosts.with_parents("shop.spam.example") == ["shop.spam.example", "spam.example", "example"]
    assert hosts.with_parents("localhost") == ["localhost"]


def test_a_long_text_without_hosts_is_read_quickly() -> None:
    for text in ("a" * 60_000, "a." * 30_000, "//" * 30_000, "//a@" * 15_000, "-." * 30_000):
        assert hosts.hosts_of(text) <= {text.strip(".")}
