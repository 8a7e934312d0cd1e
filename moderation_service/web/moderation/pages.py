"""The pages of a site, for programs with a bearer key: listed, titled, closed and opened, moved."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments import pages
from moderation_service.domain.comments.closing import Commenting
from moderation_service.domain.comments.pages import InvalidPageError
from moderation_service.domain.errors import FieldsInvalidError, UnknownSiteError
from moderation_service.domain.moderation.decisions import Actor, Channel
from moderation_service.services.moderation.moderated_pages import KEPT, ChangeResult, ModeratedPage, PageChange
from moderation_service.web.authentication import SITE
from moderation_service.web.context import CONTEXT, Context
from moderation_service.web.http import requests
from moderation_service.web.http.responses import unstored_json
from moderation_service.web.http.validation import load
from schemas.moderated_pages import PageChanges, PagesQuery
from schemas.problems import FieldCode

_QUERY, _CHANGES = PagesQuery(), PageChanges()


async def index(request: web.Request) -> web.Response:
    """List the site's pages, or the one at an address."""
    site = request[SITE]
    asked = requests.query(request, _QUERY)
    if asked["site"] not in (None, site.id):
        raise UnknownSiteError({"site": [FieldCode.UNKNOWN_SITE]})
    context = request.app[CONTEXT]
    url = asked["page_url"]
    if url is None:
        found = await context.moderated_pages.listed(site, after=asked["cursor"], limit=asked["limit"])
        return unstored_json({"pages": [_shown(one) for one in found.pages], "next_cursor": found.next_after})
    await _check(context, site, {"page_url": url}, {})
    page = await context.moderated_pages.find(site, context.directory.page(site, url))
    return unstored_json({"pages": [] if page is None else [_shown(page)], "next_cursor": None})


async def change(request: web.Request) -> web.Response:
    """Change up to 100 pages of the site, each on its own."""
    site = request[SITE]
    asked = load(_CHANGES, await requests.fields_of(request))
    wanted = asked["pages"]
    context = request.app[CONTEXT]
    await _check(
        context,
        site,
        {f"pages.{place}.page_url": one["page_url"] for place, one in enumerate(wanted)},
        {f"pages.{place}.move_to": one["move_to"] for place, one in enumerate(wanted) if one["move_to"]},
    )
    results = await context.moderated_pages.change(
        site,
        [
            PageChange(
                url=one["page_url"],
                title=one.get("page_title", KEPT),
                commenting=None if one["commenting"] is None else Commenting(one["commenting"]),
                move_to=one["move_to"],
            )
            for one in wanted
        ],
        actor=Actor(channel=Channel.API),
        dry_run=asked["dry_run"],
    )
    return unstored_json({"results": _results([one["page_url"] for one in wanted], results)})


async def _check(context: Context, site: Site, old: dict[str, str], new: dict[str, str]) -> None:
    """Raise FieldsInvalidError or UnknownSiteError that name all addresses that are none, or not of the site.

    A page that has comments may stand at an origin that its site no longer lists; what it moves to may not.
    """
    directory = context.directory
    invalid: dict[str, Sequence[str]] = {}
    unknown: dict[str, Sequence[str]] = {}
    for name, url in (old | new).items():
        try:
            owner = directory.sites.of_page(pages.canonical(url))
        except InvalidPageError:
            invalid[name] = [FieldCode.INVALID_URL]
            continue
        is_known = owner is site
        if owner is None and name in old:
            is_known = await context.moderated_pages.find(site, directory.page(site, url)) is not None
        if not is_known:
            unknown[name] = [FieldCode.UNKNOWN_SITE]
    if invalid:
        raise FieldsInvalidError(invalid)
    if unknown:
        raise UnknownSiteError(unknown)


def _results(urls: Sequence[str], results: Sequence[ChangeResult]) -> list[dict[str, Any]]:
    return [
        {
            "page_url": url,
            "outcome": one.outcome,
            "page": None if one.page is None else _shown(one.page),
            "move": None
            if one.move is None
            else {
                "comments": one.move.comments,
                "joins": one.move.joins,
                "is_complete": one.move.is_complete,
            },
        }
        for url, one in zip(urls, results, strict=True)
    ]


def _shown(page: ModeratedPage) -> dict[str, Any]:
    return {
        "page_url": page.url,
        "page_title": page.title,
        "title_is_set": page.title_is_set,
        "published": page.published,
        "waiting": page.waiting,
        "commenting": page.commenting,
        "is_closed": page.closing.is_closed,
        "closes_at": page.closing.closes_at,
        "aliases": page.aliases,
    }
