"""Which language a reader is spoken to in."""

import pytest

from moderation_service import locales


@pytest.mark.parametrize(
    ("header", "default", "language"),
    [
        (None, "it", "it"),
        (None, "en", "en"),
        (None, "fr", "en"),
        ("", "it", "it"),
        ("it", "en", "it"),
        ("IT-ch", "en", "it"),
        ("en-GB;q=0.8, it;q=0.9", "en", "it"),
        ("it;q=0.1,en;q= 0.9", "it", "en"),
        ("it;Q=0.1,en;q=0.9", "it", "en"),
        ("fr, de;q=0.9", "it", "it"),
        ("fr, *;q=0.1", "it", "it"),
        ("fr, en;q=0.1", "it", "en"),
        ("en;q=0", "it", "it"),
        ("en;q=0", "en", "en"),
        ("it;q=nan", "en", "en"),
        ("it;q=x", "en", "en"),
        ("it;q=inf", "en", "en"),
        ("it;q=2", "en", "en"),
        (";;,,=q", "it", "it"),
        ("en," * 10_000, "it", "en"),
    ],
)
def test_a_reader_hears_the_language_they_like_best(header: str | None, default: str, language: str) -> None:
    assert locales.negotiate(header, default) == language
