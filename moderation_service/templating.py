"""Jinja2 templates that speak a language and know a time zone."""

import textwrap
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context

from moderation_service.locales import translations

_FIRST_STRONG_ISOLATE = "\u2068"
_POP_ISOLATE = "\u2069"


@cache
def environment(packages: tuple[str, ...], language: str) -> Environment:
    """Return the templates below the packages' `templates/`, autoescaped in HTML, in one language."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals["language"] = language
    made.filters |= {"when": _when, "isolate": isolate, "quoted": quoted}
    return made


def isolate(text: str) -> str:
    """Keep the direction of a name from turning the text around it (Unicode Bidirectional Algorithm, X5c)."""
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"


def quoted(text: str, width: int = 70) -> str:
    """Wrap a text to `width` columns and set `> ` before every line."""
    lines = [
        wrapped
        for line in text.splitlines()
        for wrapped in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
    ]
    return "\n".join(f"> {line}".rstrip() for line in lines)


@pass_context
def _when(context: Context, moment: datetime, timezone: str) -> str:
    return format_datetime(
        moment, format="long", tzinfo=ZoneInfo(timezone), locale=str(context.resolve("language"))
    )
