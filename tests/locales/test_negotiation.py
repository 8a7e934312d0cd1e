"""Which language a reader is spoken to in."""

from datetime import UTC, datetime

import pytest

from moderation_service import locales
from moderation_service.templating import environment


@pytest.mark.parametrize(
    ("header", "default", "language"),
    [
        (None, "it", "it"),
        (None, "en", "en"),
        (None, "nl", "en"),
        ("", "it", "it"),
        ("it", "en", "it"),
        ("IT-ch", "en", "it"),
        ("en-GB;q=0.8, it;q=0.9", "en", "it"),
        ("it;q=0.1,en;q= 0.9", "it", "en"),
        ("it;Q=0.1,en;q=0.9", "it", "en"),
        ("nl, pt;q=0.9", "it", "it"),
        ("pt-BR, it;q=0.5", "en", "it"),
        ("nl, *;q=0.1", "it", "it"),
        ("nl, en;q=0.1", "it", "en"),
        ("en;q=0", "it", "it"),
        ("en;q=0", "en", "en"),
        ("it;q=nan", "en", "en"),
        ("it;q=x", "en", "en"),
        ("it;q=inf", "en", "en"),
        ("it;q=2", "en", "en"),
        (";;,,=q", "it", "it"),
        ("en," * 10_000, "it", "en"),
        ("de", "de-AT", "de-AT"),
        ("de-CH", "de-AT", "de-AT"),
        ("fr", "de-AT", "fr"),
        (None, "en-GB", "en-GB"),
        ("nl", "pt", "en"),
    ],
)
def test_a_reader_hears_the_language_they_like_best(header: str | None, default: str, language: str) -> None:
    assert locales.negotiate(header, default) == language


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "One comment approved. January 2, 2026"),
        ("en-GB", "One comment approved. 2 January 2026"),
        ("de", "Ein Kommentar freigegeben. 2. Januar 2026"),
        ("de-AT", "Ein Kommentar freigegeben. 2. Jänner 2026"),
        ("nl", "One comment approved. January 2, 2026"),
    ],
)
def test_a_regional_form_has_the_words_of_its_language_and_its_own_dates(language: str, said: str) -> None:
    text = "{% trans count=1 %}One comment approved.{% pluralize %}{{ count }} comments approved.{% endtrans %}"
    template = environment(("moderation_service.web",), language).from_string(text + " {{ when|when('UTC') }}")
    assert template.render(when=datetime(2026, 1, 2, 10, 0, tzinfo=UTC)).partition(", 10")[0] == said
