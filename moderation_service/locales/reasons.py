"""Why a comment looks suspicious, in words."""

from moderation_service.locales import translations


def words(language: str, code: str) -> str:
    """Return what a reason of screening means to a moderator; one that is not known here is spelled as it is."""
    gettext = translations(language).gettext
    known = {
        "many_links": gettext("many links"),
        "foreign_markup": gettext("markup of another kind of site"),
        "link_in_name": gettext("a link in the name"),
        "address_in_name": gettext("the author's own e-mail address in the name"),
        "moderator_name": gettext("a moderator's name in the name"),
    }
    return known.get(code) or code.replace("_", " ")
