"""The widget: one script for each language, with its words and its style inside."""

import re
from functools import cache
from importlib.resources import files

import orjson

from moderation_service.locales import LANGUAGES, translations
from moderation_service.web.page_cache import Answer

_FOLDER = files("moderation_service.web") / "widget"
_TAG = re.compile(r"<[^>]+>")
_REMARK = re.compile(r"^\s*/\*.*?\*/$|^\s+", re.MULTILINE | re.DOTALL)
_HEADERS = {
    "Cache-Control": "public, no-cache",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Accept-Encoding, Accept-Language",
}


@cache
def in_language(language: str) -> Answer:
    """Return the script as it goes over the wire; browsers keep it, and ask each time whether it still holds."""
    own = {"language": language, "spoken": LANGUAGES, "words": _words(language), "style": _source("comments.css")}
    script = f"{_source('comments.js')}({orjson.dumps(own).decode()});\n"
    return Answer(script.encode(), _HEADERS, content_type="text/javascript; charset=utf-8")


def _source(name: str) -> str:
    """Return a file without the remarks and the indentation that only its authors need."""
    return _REMARK.sub("", (_FOLDER / name).read_text(encoding="utf-8")).strip()


def _words(language: str) -> dict[str, str]:
    """Return what the script says."""
    catalogue = translations(language)
    gettext = catalogue.gettext
    privacy = gettext(
        "Your e-mail address stays with us and is never shown. "
        'Fields with <span class="required">*</span> are required.'
    )
    return {
        "comments": gettext("Comments"),
        "none": gettext("Comments on %(page)s"),
        "one": catalogue.ngettext("One reply to %(page)s", "%(count)s replies to %(page)s", 1),
        "many": catalogue.ngettext("One reply to %(page)s", "%(count)s replies to %(page)s", 2),
        "loading": gettext("Comments are being loaded …"),
        "not_loaded": gettext("The comments could not be loaded."),
        "again": gettext("Try again"),
        "more": gettext("Next comments"),
        "reply": gettext("Reply"),
        "reply_to": gettext("Reply to %(author)s"),
        "answers": gettext("In reply to %(author)s"),
        "answers_unknown": gettext("In reply to a comment that is not shown here"),
        "write": gettext("Leave a comment"),
        "cancel": gettext("Do not reply"),
        "privacy": _TAG.sub("", privacy),
        "body": gettext("Comment"),
        "author_name": gettext("Name"),
        "author_email": gettext("E-mail"),
        "author_url": gettext("Website"),
        "send": gettext("Send comment"),
        "sending": gettext("Your comment is being sent …"),
        "sent": gettext("Thank you! Your comment has arrived; it will be published once a moderator has read it."),
        "not_sent": gettext("The comment could not be sent just now. Nothing you wrote is lost; try again later."),
        "wait": gettext("It can be sent again in %(duration)s."),
    }
