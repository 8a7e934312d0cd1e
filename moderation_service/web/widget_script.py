"""The widget: one script for each language, with its words and its style inside."""

import re
from functools import cache
from importlib.resources import files

import orjson

from moderation_service.locales import LANGUAGES, translations
from moderation_service.web.page_cache import Answer

_FOLDER = files("moderation_service.web") / "widget"
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
    privacy = gettext("Fields with * are required. Your text may have *emphasis*, `code`, > quotes and links.")
    return {
        "comments": gettext("Comments"),
        "none": gettext("No comments yet"),
        "first": gettext("Be the first to say something."),
        "one": catalogue.ngettext("One comment", "%(count)s comments", 1),
        "many": catalogue.ngettext("One comment", "%(count)s comments", 2),
        "loading": gettext("Loading the comments…"),
        "not_loaded": gettext("The comments could not be loaded."),
        "again": gettext("Try again"),
        "more": gettext("Next comments"),
        "reply": gettext("Reply"),
        "reply_to": gettext("Reply to %(author)s"),
        "answers": gettext("In reply to %(author)s"),
        "answers_unknown": gettext("In reply to a comment that is not shown here"),
        "write": gettext("Write a comment"),
        "cancel": gettext("Cancel"),
        "privacy": privacy,
        "body": gettext("Comment"),
        "author_name": gettext("Name"),
        "author_email": gettext("E-mail"),
        "never_shown": gettext("never shown"),
        "author_url": gettext("Website"),
        "optional": gettext("optional"),
        "send": gettext("Send comment"),
        "sending": gettext("Sending…"),
        "nothing_lost": gettext("Nothing is lost if this fails."),
        "sent": gettext("Thank you, your comment has arrived."),
        "sent_more": gettext("It appears for everybody once a moderator approves it."),
        "waits": gettext("Waiting for approval; only you see it"),
        "not_sent": gettext("Not sent"),
        "not_sent_more": gettext(
            "The service does not answer. Your text stays here even if you reload the page. Try again shortly."
        ),
        "wait": gettext("It can be sent again in %(duration)s."),
    }
