"""Jinja2 templates that speak a language and know a time zone."""

import re
import unicodedata
from datetime import datetime, timedelta
from functools import cache, partial
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton, format_time, format_timedelta, get_timezone_name
from babel.numbers import format_decimal
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from rich.cells import cell_len, chop_cells

from moderation_service import locales
from moderation_service.locales import reasons

_FIRST_STRONG_ISOLATE = "\u2068"
_POP_ISOLATE = "\u2069"
_TURNING = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"})
_DIRECTIONAL = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))

_LONGEST_ZONE = 5
_BREAKS = re.compile(r"[^\S\xa0\u202f\u2007]+")

COLUMNS = 72
"""How wide a text may be for those who read in a terminal."""


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
    made.install_gettext_translations(locales.translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals["language"] = language
    made.filters |= {
        "reason": partial(reasons.words, language),
        "when": _when,
        "when_there": _when_there,
        "moment": _moment,
        "clock_time": _clock_time,
        "short_day": _short_day,
        "same_day": _same_day,
        "ago": _ago,
        "number": _number,
        "isolate": isolate,
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


@pass_context
def _when(context: Context, moment: datetime, timezone: str) -> str:
    """Write day and minute."""
    zone, locale = ZoneInfo(timezone), locales.locale(str(context.resolve("language")))
    day = format_date(moment.astimezone(zone), format="long", locale=locale)
    return f"{day}, {format_time(moment, format='short', tzinfo=zone, locale=locale)}"


@pass_context
def _when_there(context: Context, moment: datetime, timezone: str) -> str:
    """Write day, minute and the name of the time zone."""
    there = moment.astimezone(ZoneInfo(timezone))
    return f"{_when(context, moment, timezone)} {_zone(there, locales.locale(str(context.resolve('language'))))}"


def _zone(there: datetime, locale: str) -> str:
    """Name a time zone as people of a language do in short, else as computers do, else by its distance to UTC."""
    offset = there.utcoffset() or timedelta()
    named = get_timezone_name(there, width="short", locale=locale) if offset else ""
    for name in (named, there.tzname() or ""):
        if name.isalpha() and len(name) <= _LONGEST_ZONE:
            return name
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    return f"UTC{'-' if offset < timedelta() else '+'}{hours}{f':{minutes:02}' if minutes else ''}"


@pass_context
def _moment(context: Context, moment: datetime, timezone: str, now: datetime) -> str:
    """Write the minute, and the day only where it is not today."""
    time = _clock_time(context, moment, timezone)
    return time if _same_day(moment, timezone, now) else f"{_short_day(context, moment, timezone)}, {time}"


@pass_context
def _clock_time(context: Context, moment: datetime, timezone: str) -> str:
    """Write the minute."""
    locale = locales.locale(str(context.resolve("language")))
    return format_time(moment, format="short", tzinfo=ZoneInfo(timezone), locale=locale)


@pass_context
def _short_day(context: Context, moment: datetime, timezone: str) -> str:
    """Write day and month."""
    locale = locales.locale(str(context.resolve("language")))
    return format_skeleton("MMMMd", moment, tzinfo=ZoneInfo(timezone), locale=locale)


def _same_day(moment: datetime, timezone: str, now: datetime) -> bool:
    """Tell whether a moment is today."""
    zone = ZoneInfo(timezone)
    return moment.astimezone(zone).date() == now.astimezone(zone).date()


@pass_context
def _ago(context: Context, moment: datetime, now: datetime) -> str:
    """Write how long ago something was."""
    locale = locales.locale(str(context.resolve("language")))
    gone = min(moment - now, -timedelta(minutes=1))
    return format_timedelta(gone, granularity="minute", add_direction=True, format="short", locale=locale)


@pass_context
def _number(context: Context, number: int) -> str:
    return format_decimal(number, locale=locales.locale(str(context.resolve("language"))))
