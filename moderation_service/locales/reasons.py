"""Why a comment looks suspicious, in words."""

from collections.abc import Callable

from moderation_service.domain.screening import explanation
from moderation_service.domain.screening.assessment import Reason
from moderation_service.domain.screening.explanation import Kind
from moderation_service.locales import translations


def words(language: str, reason: Reason) -> str:
    """Return what a reason of screening means to a moderator; one that is not known here is spelled as it is."""
    gettext = translations(language).gettext
    if reason.code == "learned":
        return _learned(gettext, reason.detail)
    if reason.code == "rule":
        return gettext("the rule “%s”") % reason.detail
    if reason.code == "alike":
        return gettext("much the same text came from many networks")
    if reason.code == "hook" and reason.detail:
        return gettext("the site’s own check says: %s") % reason.detail
    known = {
        "akismet": gettext("Akismet takes it for spam"),
        "hook": gettext("the site’s own check takes it for spam"),
        "outside_failed": gettext("an outside check did not answer"),
        "many_links": gettext("many links"),
        "foreign_markup": gettext("forum markup"),
        "link_in_name": gettext("a link in the name"),
        "address_in_name": gettext("the author’s own e-mail address in the name"),
        "address_in_text": gettext("the author’s own e-mail address in the text or web address"),
        "moderator_name": gettext("a moderator’s name in the name"),
        "honeypot": gettext("a field was filled in that people do not see"),
        "stamp_forged": gettext("the form’s stamp is forged, or from another site"),
        "stamp_early": gettext("sent sooner than anybody can type"),
        "stamp_missing": gettext("not sent by the site’s form, as nearly all others are"),
        "work_awaited": gettext("sent without the automatic check against bots"),
        "work_done": gettext("it passed the automatic check against bots"),
        "proved_author": gettext("earlier comments of this confirmed address were published"),
        "check_failed": gettext("it could not be checked completely"),
        "busy_page": gettext("far more comments on this page than the site is set to"),
        "busy_site": gettext("far more comments on this site than it is set to"),
    }
    return known.get(reason.code) or reason.code.replace("_", " ")


def _learned(gettext: Callable[[str], str], detail: str) -> str:
    """Name what weighed most in the learned score."""
    weighed = [
        _shape(gettext, text) if kind is Kind.SHAPE else gettext("“%s”") % text
        for kind, text in explanation.from_line(detail)
    ]
    if not weighed:
        return gettext("it reads like comments that were marked as spam here")
    return gettext("it reads like comments that were marked as spam here (%s)") % ", ".join(dict.fromkeys(weighed))


def _shape(gettext: Callable[[str], str], text: str) -> str:
    """Name a shape of `domain.screening.features.SHAPES`."""
    shape, _, value = text.partition(":")
    known = {
        "links": gettext("its links") if value != "0" else gettext("no links"),
        "link_without_scheme": gettext("its links"),
        "length": gettext("its length"),
        "words": gettext("its length"),
        "capitals": gettext("its capital letters"),
        "words_in_capitals": gettext("its capital letters"),
        "not_ascii": gettext("its alphabet"),
        "mixed_scripts": gettext("letters of two alphabets in one word"),
        "digits": gettext("its digits"),
        "long_number": gettext("a long number"),
        "exclamation": gettext("its exclamation marks"),
        "exclamations": gettext("its exclamation marks"),
        "question": gettext("its question marks"),
        "markup": gettext("its markup"),
        "line_break": gettext("its line breaks"),
    }
    return known[shape]
