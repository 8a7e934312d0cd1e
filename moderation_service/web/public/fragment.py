"""A page's comments as a piece of HTML that a website puts into its own page before anybody reads it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.comments.threads import Placed
from moderation_service.locales import LANGUAGES, translations
from moderation_service.services.comments.listing import Listing, Wanted
from moderation_service.web.cache.answers import Answer
from moderation_service.web.context import CONTEXT, LANGUAGE, Context
from moderation_service.web.http import requests, templates
from moderation_service.web.http.responses import FOR_ANY_ORIGIN, NOT_TO_BE_GUESSED, send, to_json
from moderation_service.web.public import thread_address
from schemas.comments import FragmentQuery, Order

_QUERY = FragmentQuery()
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


async def show(request: web.Request) -> web.Response:
    """Return a page's approved comments as HTML with microformats and JSON-LD."""
    context = request.app[CONTEXT]
    site = context.directory.site_of(request.query.get("page_url"))
    if site is not None:
        request[LANGUAGE] = site.language
    asked = requests.query(request, _QUERY)
    page = context.directory.page_of(asked["page_url"])
    assert site is not None  # noqa: S101 - a page of no site was refused
    making = partial(make, context, site, page, asked)
    answer = await context.kept_answers.answer(request.raw_path, (page.id,), making)
    return await send(request, answer, context.clock)


async def make(context: Context, site: Site, page: Page, asked: Mapping[str, Any]) -> Answer:
    """Return a page's comments as a query, checked by its schema, asks for them."""
    wanted = Wanted(
        limit=asked["limit"],
        newest_first=asked["order"] is Order.NEWEST,
        after=asked["cursor"],
        by_threads=True,
    )
    found = await context.listings.read(page, wanted)
    language = asked["lang"] if asked["lang"] in LANGUAGES else site.language
    shown = found.conversations()
    placed = [each for one in shown for each in one.placed]
    values = {
        "language": language,
        "page_url": found.page_url,
        "service": context.settings.public_url,
        "heading": _heading(found.count, language),
        "conversations": shown,
        "more_replies": lambda one: (
            _address(context, found, asked, thread=one.first.id, cursor=one.last.id),
            templates.more_replies(one.left, language),
        ),
        "is_closed": found.closing.is_closed,
        "timezone": site.timezone,
        "more": _rest(context, found, asked),
        "data": _in_a_script(_described(found, placed)),
    }
    text = templates.render(context.settings.root, "fragment.html", language, values)
    headers = templates.HEADERS | {
        "Cache-Control": context.settings.cache_control,
        "Content-Security-Policy": templates.policy(),
        "Vary": "Accept-Encoding",
        **NOT_TO_BE_GUESSED,
        **FOR_ANY_ORIGIN,
    }
    return Answer(
        text.encode(),
        headers,
        content_type="text/html; charset=utf-8",
        last_change=found.last_change,
        ends_at=found.closing.changes_at,
    )


def _heading(count: int, language: str) -> str:
    catalogue = translations(language)
    if count == 0:
        return catalogue.gettext("No comments yet")
    return catalogue.ngettext("One comment", "%(count)s comments", count) % {"count": count}


def _rest(context: Context, found: Listing, asked: Mapping[str, Any]) -> str | None:
    """Return where the comments behind these are read; None where there are none."""
    return None if found.next_after is None else _address(context, found, asked, cursor=found.next_after)


def _address(context: Context, found: Listing, asked: Mapping[str, Any], **place: str) -> str:
    query = {"page_url": found.page_url, "order": asked["order"].value, **place}
    return f"{context.settings.public_url}{thread_address.PATH}?{urlencode(query)}"


def _described(found: Listing, placed: Sequence[Placed]) -> dict[str, Any]:
    """Return comments in the words of schema.org, answers inside what they answer as far as pages indent."""
    described: list[dict[str, Any]] = []
    above: list[tuple[int, dict[str, Any]]] = []
    for comment, depth, parent in placed:
        address = f"{found.page_url}#comment-"
        author = {"@type": "Organization" if comment.by_site else "Person", "name": comment.author_name}
        one: dict[str, Any] = {
            "@type": "Comment",
            "@id": f"{address}{comment.id}",
            "author": author | ({"url": comment.author_url} if comment.author_url else {}),
            "datePublished": comment.created_at,
            "text": comment.body,
        }
        while above and (parent is None or above[-1][0] >= depth):
            above.pop()
        if parent is not None:
            one["parentItem"] = {"@type": "Comment", "@id": f"{address}{parent.id}"}
        (above[-1][1].setdefault("comment", []) if above else described).append(one)
        above.append((depth, one))
    return {
        "@context": "https://schema.org",
        "@type": "WebPage",
        "@id": found.page_url,
        "url": found.page_url,
        "commentCount": found.count,
        "comment": described,
    }


def _in_a_script(value: object) -> Markup:
    """Return JSON in which nothing can end a script element, or begin a comment or another script in it."""
    text = to_json(value).decode()
    for character, escape in _ESCAPED.items():
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704 - no character of markup is left
