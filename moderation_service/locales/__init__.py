"""The languages that pages, mails and errors speak."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from io import BytesIO

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

SOURCE = "en"
LANGUAGES = (SOURCE, "de", "es", "fr", "it")
"""English stands in the code and templates; every other language has a catalogue beside this file."""


@cache
def tag(text: str) -> str | None:
    """Return a language tag as BCP 47 spells it (`it`, `de-AT`); None for what is not spoken here."""
    base, _, region = text.partition("-")
    spelled = f"{base.lower()}-{region.upper()}" if region else base.lower()
    if base.lower() not in LANGUAGES or "_" in text:
        return None
    try:
        Locale.parse(spelled, sep="-")
    except (UnknownLocaleError, ValueError):
        return None
    return spelled


def base(language: str) -> str:
    """Return the language that a tag's words are in: that of a regional form, English for what is not spoken."""
    spoken = language.partition("-")[0]
    return spoken if spoken in LANGUAGES else SOURCE


def locale(language: str) -> str:
    """Return the name by which Babel knows how dates and numbers are written in a language or regional form."""
    return (tag(language) or SOURCE).replace("-", "_")


def translations(language: str) -> NullTranslations:
    """Return a language's catalogue, also for its regional forms; one that is not spoken gets English."""
    return _catalogue(base(language))


def read_all() -> None:
    """Read every catalogue, which takes some 20 ms each; done before serving begins, no request waits for it.

    They are read from their sources, not compiled when the package is installed: there is then no second file that
    may be missing or out of date, however the service was installed.
    """
    for language in LANGUAGES:
        _catalogue(language)


@cache
def _catalogue(language: str) -> NullTranslations:
    if language == SOURCE:
        return NullTranslations()
    with files(__name__).joinpath(f"{language}.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def negotiate(accept_language: str | None, default: str) -> str:
    """Return the spoken language that a reader likes best (RFC 9110, 12.5.4), else the default, else English.

    Where that is the language of the default, the default's regional form is kept.
    """
    known = tag(default) or SOURCE
    for one in _by_preference(accept_language or ""):
        language = one.partition("-")[0]
        if language in LANGUAGES:
            return known if base(known) == language else language
    return known


def _by_preference(header: str) -> Sequence[str]:
    weighed = []
    for position, item in enumerate(header[:500].split(",")):
        tag, _, parameter = item.partition(";")
        try:
            weight = float(parameter.strip().lower().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        if 0 < weight <= 1:
            weighed.append((-weight, position, tag.strip().lower()))
    return [tag for _, _, tag in sorted(weighed)]
