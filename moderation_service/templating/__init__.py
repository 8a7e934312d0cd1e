"""Jinja2 templates that speak a language and know a time zone."""

import re
import unicodedata
from collections.abc import MutableMapping
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton, format_time, format_timedelta, get_timezone_name
from babel.numbers import format_decimal
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from rich.cells import cell_len, chop_cells

from moderation_service import locales
from moderation_service.domain.comments import plain_text
from moderation_service.locales import reasons
from moderation_service.templating.compiled_texts import CompiledTexts

_FIRST_STRONG_ISOLATE = "\u2068"
_POP_ISOLATE = "\u2069"
_TURNING = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"})
_DIRECTIONAL = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))

_LONGEST_ZONE = 5
_DAYS_REMEMBERED = 4_096
_MINUTES_REMEMBERED = 8 * 24 * 60
_MOMENTS_REMEMBERED = 1_024
_BREAKS = re.compile(r"[^\S\xa0\u202f\u2007]+")

COLUMNS = 72
"""How wide a text may be for those who read in a terminal."""


class _Environment(Environment):
    """An environment whose templates are loaded when it is complete, and do not change any more."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return what all templates know, in one piece: every rendering goes through it several times."""
        return {**self.globals, **(d or {})}


@cache
def environment(packages: tuple[str, ...], language: str) -> Environment:
    """Return the templates below the packages' `templates/`, autoescaped in HTML, in one language."""
    made = _Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=[CompiledTexts],
    )
    made.install_gettext_translations(locales.translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals["language"] = language
    locale = locales.locale(language)
    made.filters |= {
        "reason": partial(reasons.words, language),
        "iso": datetime.isoformat,
        "when": partial(when, locale),
        "at_time": partial(at_time, language),
        "when_there": partial(_when_there, locale),
        "moment": partial(_moment, locale),
        "clock_time": partial(_clock_time, locale),
        "short_day": partial(_short_day, locale),
        "same_day": _same_day,
        "ago": partial(_ago, locale),
        "number": partial(_number, locale),
        "isolate": isolate,
        "truncate": plain_text.shortened,
        "quoted": quoted,
        "wrap": wrap,
    }
    return made


def isolate(text: str) -> str:
    """Keep the direction of a name from turning the text around it (Unicode Bidirectional Algorithm, X5c).

    Directional characters of its own are left out: one of them could end the isolation. A name that runs from
    left to right all through stays as it is, which keeps it readable where isolation is shown as boxes.
    """
    if not any(unicodedata.bidirectional(character) in _TURNING for character in text):
        return text
    return f"{_FIRST_STRONG_ISOLATE}{text.translate(_DIRECTIONAL)}{_POP_ISOLATE}"


def quoted(text: str, width: int = COLUMNS) -> str:
    """Wrap a text so that it takes `width` columns with `> ` before every line."""
    lines = [wrapped for line in text.split("\n") for wrapped in _wrapped(line, width - 2)]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def wrap(text: str, width: int = COLUMNS) -> str:
    """Wrap each line of a text to `width` columns of a terminal; an address of the web stays in one piece."""
    return "\n".join(wrapped for line in text.split("\n") for wrapped in _wrapped(line, width))


def _wrapped(line: str, width: int) -> list[str]:
    """Break a line between words, and within one only where it is longer than a line; keep its indentation."""
    stem = line[: min(len(line) - len(line.lstrip(" ")), width // 2)]
    lines, current = [], stem
    for word in filter(None, _BREAKS.split(line)):
        joined = f"{current}{'' if current in (stem, '') else ' '}{word}"
        if cell_len(joined) <= width:
            current = joined
            continue
        if current not in (stem, ""):
            lines.append(current)
        *whole, current = [word] if "://" in word or cell_len(word) <= width else chop_cells(word, width)
        lines += whole
    return [*lines, current] if current.strip() or not lines else lines


def when(locale: str, moment: datetime, timezone: str) -> str:
    """Write day and minute."""
    there = moment.astimezone(ZoneInfo(timezone))
    return f"{_long_day(there.date(), locale)}, {_minute(there.hour, there.minute, locale)}"


def at_time(language: str, moment: datetime, timezone: str) -> str:
    """Write day and minute as they stand in a sentence."""
    there, locale = moment.astimezone(ZoneInfo(timezone)), locales.locale(language)
    said = locales.translations(language).gettext("%(day)s at %(time)s")
    return said % {
        "day": _long_day(there.date(), locale),
        "time": _minute(there.hour, there.minute, locale),
    }


@lru_cache(_MOMENTS_REMEMBERED)
def _when_there(locale: str, moment: datetime, timezone: str) -> str:
    """Write day, minute and the name of the time zone."""
    there = moment.astimezone(ZoneInfo(timezone))
    return f"{when(locale, moment, timezone)} {_zone(there, locale)}"


def _zone(there: datetime, locale: str) -> str:
    """Name a time zone as people of a language do in short, else as computers do, else by its distance to UTC."""
    offset = there.utcoffset() or timedelta()
    named = get_timezone_name(there, width="short", locale=locale) if offset else ""
    for name in (named, there.tzname() or ""):
        if name.isalpha() and len(name) <= _LONGEST_ZONE:
            return name
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    return f"UTC{'-' if offset < timedelta() else '+'}{hours}{f':{minutes:02}' if minutes else ''}"


def _moment(locale: str, moment: datetime, timezone: str, now: datetime) -> str:
    """Write the minute, and the day only where it is not today."""
    minute = _clock_time(locale, moment, timezone)
    return minute if _same_day(moment, timezone, now) else f"{_short_day(locale, moment, timezone)}, {minute}"


def _clock_time(locale: str, moment: datetime, timezone: str) -> str:
    """Write the minute."""
    there = moment.astimezone(ZoneInfo(timezone))
    return _minute(there.hour, there.minute, locale)


def _short_day(locale: str, moment: datetime, timezone: str) -> str:
    """Write day and month."""
    return format_skeleton("MMMMd", moment, tzinfo=ZoneInfo(timezone), locale=locale)


@lru_cache(_DAYS_REMEMBERED)
def _long_day(day: date, locale: str) -> str:
    return format_date(day, format="long", locale=locale)


@lru_cache(_MINUTES_REMEMBERED)
def _minute(hour: int, minute: int, locale: str) -> str:
    return format_time(time(hour, minute), format="short", locale=locale)


def _same_day(moment: datetime, timezone: str, now: datetime) -> bool:
    """Tell whether a moment is today."""
    zone = ZoneInfo(timezone)
    return moment.astimezone(zone).date() == now.astimezone(zone).date()


def _ago(locale: str, moment: datetime, now: datetime) -> str:
    """Write how long ago something was."""
    gone = min(moment - now, -timedelta(minutes=1))
    return format_timedelta(gone, granularity="minute", add_direction=True, format="short", locale=locale)


def _number(locale: str, number: int) -> str:
    return format_decimal(number, locale=locale)
