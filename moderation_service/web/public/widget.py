"""The scripts that websites embed: the widget, one for each language, the counts, and what works for the widget.

The widget's source is a folder of ES modules. They are sent as one classic script, without a build: each behind
what it imports, in one function, which is given what `own.js` would export.
"""

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import product
from string import ascii_letters

import orjson
from aiohttp import web

from moderation_service.locales import LANGUAGES, base, translations
from moderation_service.web.cache.answers import Answer
from moderation_service.web.context import CONTEXT
from moderation_service.web.http import language
from moderation_service.web.http.responses import send

_FOLDER = files("moderation_service.web") / "widget"
_REMARK = re.compile(r"^\s*/\*.*?\*/$|^\s+", re.MULTILINE | re.DOTALL)
_IMPORT = re.compile(r'^import .*? from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
_LITERAL = (
    r'"(?:\\.|[^"\\])*"|'
    r"'(?:\\.|[^'\\])*'|"
    r"`(?:\\.|[^`\\])*`|"
    r"(?<=[=(,:!&|?>\[{};\s])/(?![/*=\s])(?:\\.|\[(?:\\.|[^]\\])*\]|[^/\\\[\n])+/[a-z]*"
)
"""A string, a template or a regular expression, in which every sign is meant."""
_ROOM = re.compile(rf"({_LITERAL})| ?([-=+*/?:,{{}}()<>&|!\[\]]+) ?")
_LONG = re.compile(rf"({_LITERAL})|\b(const)\b|,(?=[}}\])])")
_DECLARED = re.compile(r"\b(?:let|class) (\w{3,})")
_LAYOUT = re.compile(r"\s*([{};,>])\s*|(?<=:)\s+|\n|(?<![\d.])0(?=\.)")
_BREAK = re.compile(r"([{};,(\[]|=>)\n|\n(?=[?:.])")
_KIND = "text/javascript; charset=utf-8"
_HEADERS = {
    "Cache-Control": "public, no-cache",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Accept-Encoding",
}


async def script(request: web.Request) -> web.Response:
    """Return the widget in the reader's language."""
    context = request.app[CONTEXT]
    answer = in_language(base(language.of(request)), context.settings.public_url)
    return await send(request, answer, context.clock)


async def counts(request: web.Request) -> web.Response:
    """Return the script that says how many comments pages have; it holds its few words in every language."""
    return await send(request, counting(), request.app[CONTEXT].clock)


async def work(request: web.Request) -> web.Response:
    """Return the module that the widget loads when a browser is asked for work."""
    return await send(request, _working(), request.app[CONTEXT].clock)


@cache
def _working() -> Answer:
    return Answer(_source("work.js").encode(), _HEADERS, content_type=_KIND)


@cache
def in_language(tag: str, public_url: str) -> Answer:
    """Return the widget as it goes over the wire; browsers keep it, and ask each time whether it still holds."""
    own = {
        "language": tag,
        "spoken": LANGUAGES,
        "words": words(tag),
        "css": style(),
        "service": public_url,
    }
    headers = _HEADERS | {"Vary": "Accept-Encoding, Accept-Language"}
    return Answer(_called(_function(), own), headers, content_type=_KIND)


@cache
def counting() -> Answer:
    """Return the script of the counts as it goes over the wire."""
    own = {tag: _words_of_counts(tag) for tag in LANGUAGES}
    return Answer(_called(_source("counts.js"), own), _HEADERS, content_type=_KIND)


def _called(function: str, own: Mapping[str, object]) -> bytes:
    """Return the call of a function; what it is given stands on a line of its own, where a script can find it."""
    return f"{function}(\n{orjson.dumps(own).decode()}\n);\n".encode()


def _function() -> str:
    """Return the modules of the widget as one function."""
    modules: dict[str, str] = {}
    _gather("start", modules)
    text = '((own) => {\n"use strict";\n' + "\n".join(modules.values()) + "\n})"
    text = _ROOM.sub(lambda found: found[1] or found[2], text)
    text = _BREAK.sub(lambda found: found[1] or "", text).replace(";}", "}")
    return _renamed(_LONG.sub(lambda found: found[1] or ("let" if found[2] else ""), text))


def _renamed(script: str) -> str:
    """Return a script with short names for what is only ever named as itself: no property, and in no literal.

    What is named most has the shortest.
    """
    literals = " ".join(found[0] for found in re.finditer(_LITERAL, script))
    code = re.sub(_LITERAL, '""', script)
    as_property = r"(?<!\.\.)\.{0}\b|#{0}\b|\b{0}:|[{{,]{0}[,}}=]"
    used = Counter(re.findall(r"\w+", code))
    names = [
        name
        for name in sorted(set(_DECLARED.findall(code)), key=lambda one: (-used[one], one))
        if not re.search(rf"\b{name}\b", literals) and not re.search(as_property.format(name), code)
    ]
    taken = {*re.findall(r"\w+", script), "as", "do", "if", "in", "is", "of"}
    free = (one for one in map("".join, product(["", *ascii_letters], ascii_letters)) if one not in taken)
    short = dict(zip(names, free, strict=False))
    renamed = re.compile(rf"({_LITERAL})|\b({'|'.join(names)})\b")
    return renamed.sub(lambda found: found[1] or short[found[2]], script)


def _gather(name: str, modules: dict[str, str]) -> None:
    """Add a module behind all that it imports; what is imported from `own` is the function's argument."""
    source = _source(f"comments/{name}.js")
    for imported in _IMPORT.findall(source):
        if imported != "own" and imported not in modules:
            _gather(imported, modules)
    modules[name] = _EXPORT.sub("", _IMPORT.sub("", source))


def style() -> str:
    """Return the style without the layout that only its authors need."""
    return _LAYOUT.sub(lambda found: found[1] or "", _source("comments/comments.css")).replace(";}", "}")


def _source(name: str) -> str:
    """Return a file without the remarks and the indentation that only its authors need."""
    return _REMARK.sub("", (_FOLDER / name).read_text(encoding="utf-8")).strip()


def _words_of_counts(tag: str) -> dict[str, str]:
    """Return how many comments there are, in words."""
    catalogue = translations(tag)
    return {
        "none": catalogue.gettext("No comments yet"),
        "one": catalogue.ngettext("One comment", "%(count)s comments", 1),
        "many": catalogue.ngettext("One comment", "%(count)s comments", 2),
    }


def words(tag: str) -> dict[str, str]:
    """Return what the widget says."""
    catalogue = translations(tag)
    gettext = catalogue.gettext
    privacy = gettext("Fields marked * are required. You can use *emphasis*, `code`, >\u00a0quotes and links.")
    return {
        **_words_of_counts(tag),
        "comments": gettext("Comments"),
        "first": gettext("Be the first to comment."),
        "loading": gettext("Loading the comments…"),
        "not_loaded": gettext("The comments could not be loaded."),
        "again": gettext("Try again"),
        "more": gettext("Next comments"),
        "from_start": gettext("Back to the first comments"),
        "newest_first": gettext("Newest first"),
        "oldest_first": gettext("Oldest first"),
        "reply_more": catalogue.ngettext("One more reply", "%(count)s more replies", 1),
        "replies_more": catalogue.ngettext("One more reply", "%(count)s more replies", 2),
        "reply": gettext("Reply"),
        "reply_to": gettext("Reply to %(author)s"),
        "report": gettext("Report"),
        "report_of": gettext("Report the comment by %(author)s"),
        "answers": gettext("In reply to %(author)s"),
        "redacted": gettext("Shortened by the moderators"),
        "by_site": gettext("Reply from the site"),
        "write": gettext("Write a comment"),
        "cancel": gettext("Cancel"),
        "privacy": privacy,
        "body": gettext("Comment"),
        "author_name": gettext("Name"),
        "author_email": gettext("E-mail"),
        "never_shown": gettext("not shown"),
        "author_url": gettext("Website"),
        "optional": gettext("optional"),
        "optional_never_shown": gettext("optional, not shown"),
        "address": gettext("Your e-mail address is stored encrypted and only shown to this site’s moderators."),
        "rules": gettext("Rules for comments"),
        "contact": gettext("Contact"),
        "preview": gettext("Preview"),
        "remember": gettext("Remember my details on this device"),
        "notify_published": gettext("E-mail me when it is published"),
        "notify_replies": gettext("E-mail me when somebody replies"),
        "edit": gettext("Edit"),
        "save": gettext("Save"),
        "withdraw": gettext("Withdraw"),
        "withdraw_sure": gettext("Withdraw this comment?"),
        "withdrawn": gettext("Your comment has been withdrawn."),
        "closed": gettext("Comments are closed."),
        "send": gettext("Send comment"),
        "sending": gettext("Sending…"),
        "nothing_lost": gettext("If this fails, your text is kept."),
        "sent": gettext("Thank you, your comment has arrived."),
        "sent_more": gettext("It will be visible to everyone if a moderator approves it."),
        "waits": gettext("Waiting for approval; only visible to you"),
        "not_sent": gettext("Not sent"),
        "not_sent_more": gettext(
            "The service is not responding. Your text stays here even if you reload the page. Try again shortly."
        ),
        "wait": gettext("It can be sent again in %(duration)s."),
    }
