"""The reasons of decisions in words: short, to choose from, and as a sentence to whoever a decision concerns."""

from collections.abc import Iterable, Sequence

from moderation_service.domain.moderation.reason_presets import ReasonPreset
from moderation_service.locales import SOURCE, base, translations


def choices(language: str, site_language: str, reasons: Iterable[ReasonPreset]) -> list[tuple[str, str]]:
    """Return codes with the words by which one chooses among them."""
    return [(one.code, _own(one, language, site_language) or _label(language, one.code)) for one in reasons]


def label(language: str, site_language: str, reasons: Sequence[ReasonPreset], code: str) -> str:
    """Return the short words for a reason; the code itself for one that the site has no longer."""
    return dict(choices(language, site_language, reasons)).get(code, code)


def sentence(language: str, site_language: str, reasons: Iterable[ReasonPreset], code: str) -> str:
    """Return what an author is told of a reason; the code itself for one that the site has no longer."""
    found = next((one for one in reasons if one.code == code), None)
    if found is None:
        return code
    return _own(found, language, site_language) or _sentence(language, code)


def _own(preset: ReasonPreset, language: str, site_language: str) -> str | None:
    """Return the site's own text: in the language asked for, else in the site's, in English, in any."""
    texts = preset.texts
    for spoken in (language, site_language, SOURCE):
        if base(spoken) in texts:
            return texts[base(spoken)]
    return next(iter(texts.values()), None)


def _label(language: str, code: str) -> str:
    gettext = translations(language).gettext
    return {
        "off_topic": gettext("Off topic"),
        "insult": gettext("Insults or attacks people"),
        "personal_data": gettext("Personal data"),
        "advertising": gettext("Advertising"),
        "illegal": gettext("Against the law"),
        "other": gettext("Something else"),
    }[code]


def _sentence(language: str, code: str) -> str:
    gettext = translations(language).gettext
    return {
        "off_topic": gettext("The comment has nothing to do with the subject of the page."),
        "insult": gettext("The comment insults or attacks people."),
        "personal_data": gettext("The comment contains personal data."),
        "advertising": gettext("The comment is advertising."),
        "illegal": gettext("In the moderators’ judgement, the comment is against the law."),
        "other": gettext("The comment does not follow the rules of this site."),
    }[code]
