"""What templates show is what gettext and Babel say, though they are asked once and not for each page."""

from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date, format_time
from markupsafe import Markup, escape

from moderation_service import locales
from moderation_service.templating import environment
from moderation_service.templating.patterns import Pattern, gap

WEB = ("moderation_service.web",)
ANSWERING = "{% trans author %}Reply to {{ author }}{% endtrans %}"


def test_a_text_is_shortened_as_in_mail() -> None:
    template = environment(WEB, "en").from_string("{{ text|truncate(12)|e }}")
    assert template.render(text="<b>bread & salt") == "&lt;b&gt;bread &amp;…"
    assert template.render(text="short enough") == "short enough"


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en", "Reply to {}"), ("de-AT", "{} antworten"), ("fr", "Répondre à {}"), ("it", "Rispondi a {}")],
)
def test_a_text_is_in_the_language_of_its_templates_and_what_is_put_into_it_is_escaped(
    language: str, expected: str
) -> None:
    template = environment(WEB, language).from_string(ANSWERING)
    assert template.render(author='<b>&"') == expected.format("&lt;b&gt;&amp;&#34;")
    assert template.render(author=Markup("<bdi>Lia</bdi>")) == expected.format("<bdi>Lia</bdi>")
    assert template.render(author="100 % %(author)s") == expected.format("100 % %(author)s")


def test_texts_of_letters_are_not_escaped() -> None:
    template = environment(WEB, "en").from_string("{% autoescape false %}" + ANSWERING + "{% endautoescape %}")
    assert template.render(author="Lia & Ugo") == "Reply to Lia & Ugo"


@pytest.mark.parametrize(("count", "expected"), [(1, "One comment"), (3, "3 comments")])
def test_a_text_with_a_plural_still_follows_the_number(count: int, expected: str) -> None:
    text = "{% trans count %}One comment{% pluralize %}{{ count }} comments{% endtrans %}, 100 %"
    assert environment(WEB, "en").from_string(text).render(count=count) == f"{expected}, 100 %"


def test_a_percent_sign_in_a_text_is_shown_once() -> None:
    assert environment(WEB, "en").from_string("{% trans %}100 % sure{% endtrans %}").render() == "100 % sure"


def test_moments_are_written_as_babel_writes_them_where_they_are_shown() -> None:
    moments = [datetime(2026, 3, 28, 22, 58, 59, 999_999, UTC) + timedelta(hours=hour) for hour in range(0, 60, 7)]
    for language, zone in product(("en", "en-GB", "de", "fr-CH"), ("UTC", "Europe/Rome", "Asia/Kathmandu")):
        template = environment(WEB, language).from_string("{{ moment|when(zone) }}|{{ moment|clock_time(zone) }}")
        where, locale = ZoneInfo(zone), locales.locale(language)
        for moment in moments:
            day = format_date(moment.astimezone(where), format="long", locale=locale)
            minute = format_time(moment, format="short", tzinfo=where, locale=locale)
            assert template.render(moment=moment, zone=zone) == f"{day}, {minute}|{minute}"


def test_a_pattern_is_filled_as_its_template_would_be_rendered() -> None:
    template = environment(WEB, "it").from_string('<p class="100%" id="{{ id }}">{{ name }}, {{ name }}</p>')
    pattern = Pattern(template.render(id=gap("id"), name=gap("name")))
    values = {"id": "%(name)s", "name": escape("\0id\0 <b> è 🦆")}
    assert pattern.fill(values) == template.render(values)
    assert pattern.encode(values) == template.render(values).encode()
    for fill in (pattern.fill, pattern.encode):
        with pytest.raises(KeyError):
            fill({"id": "1"})
