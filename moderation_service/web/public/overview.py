"""The routes of readers that show many pages: counts, the pages of a site, its newest comments."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from aiohttp import web

from moderation_service.domain.comments.pages import Page
from moderation_service.domain.errors import FieldsInvalidError, UnknownSiteError
from moderation_service.services.accounts.directory import Directory
from moderation_service.web.cache.answers import Answer
from moderation_service.web.context import CONTEXT, Context
from moderation_service.web.http import requests
from moderation_service.web.http.responses import (
    FOR_ANY_ORIGIN,
    NOT_TO_BE_GUESSED,
    fitting,
    send,
    send_unstored,
    to_json,
)
from moderation_service.web.http.validation import load
from schemas.overview import CountsQuery, CountsRequest, LatestQuery, SitePagesQuery
from schemas.problems import FieldCode

_QUERY, _REQUEST, _PAGES, _LATEST = CountsQuery(), CountsRequest(), SitePagesQuery(), LatestQuery()


async def counts(request: web.Request) -> web.Response:
    """Count the approved comments of the pages that the address names."""
    context = request.app[CONTEXT]
    named = request.query.getall("page_url", [])
    urls = load(_QUERY, {"page_url": named} if named else {})["page_url"]
    answer = await _counted(context, request.raw_path, urls, field="page_url")
    return await send(request, answer, context.clock)


async def counts_of_many(request: web.Request) -> web.Response:
    """Count those of the pages that the body names; known bodies are not read again."""
    context = request.app[CONTEXT]
    fields = await requests.fields_of(request)
    question = hashlib.sha256(to_json(fields)).hexdigest()
    answer = context.kept_answers.kept(question)
    if answer is None:
        urls = load(_REQUEST, fields)["page_urls"]
        answer = await _counted(context, question, urls, field="page_urls")
    return await send_unstored(request, answer)


async def pages(request: web.Request) -> web.Response:
    """List a site's pages with approved comments."""
    context = request.app[CONTEXT]
    asked = requests.query(request, _PAGES)

    async def make() -> Answer:
        found = await context.overview.pages(asked["site"], after=asked["cursor"], limit=asked["limit"])
        listed = [
            {"page_url": one.url, "page_title": one.title, "count": one.count, "last_at": one.last_at}
            for one in found.pages
        ]
        return await _answer(context, {"pages": listed, "next_cursor": found.next_after}, found.last_change)

    answer = await context.kept_answers.answer(request.raw_path, (asked["site"],), make)
    return await send(request, answer, context.clock)


async def latest(request: web.Request) -> web.Response:
    """List the newest approved comments of a site, with their pages."""
    context = request.app[CONTEXT]
    asked = requests.query(request, _LATEST)

    async def make() -> Answer:
        found = await context.overview.newest(asked["site"], limit=asked["limit"])
        shown = found.comments[: fitting(found.comments)]
        return await _answer(context, {"comments": shown}, found.last_change)

    answer = await context.kept_answers.answer(request.raw_path, (asked["site"],), make)
    return await send(request, answer, context.clock)


async def _counted(context: Context, question: str, urls: Sequence[str], *, field: str) -> Answer:
    asked = _pages(context.directory, urls, field)
    by_id = {page.id: page for page in asked.values()}

    async def make() -> Answer:
        found = await context.overview.counts(list(by_id.values()))
        counted = {url: found.by_page[page.id] for url, page in asked.items()}
        return await _answer(context, {"counts": counted}, found.last_change)

    return await context.kept_answers.answer(question, tuple(by_id), make)


def _pages(directory: Directory, urls: Sequence[str], field: str) -> dict[str, Page]:
    """Return the pages at addresses; raise FieldsInvalidError or UnknownSiteError that name all wrong ones."""
    found: dict[str, Page] = {}
    invalid: dict[str, Sequence[str]] = {}
    unknown: dict[str, Sequence[str]] = {}
    for place, url in enumerate(urls):
        try:
            found[url] = directory.page_of(url)
        except FieldsInvalidError:
            invalid[f"{field}.{place}"] = [FieldCode.INVALID_URL]
        except UnknownSiteError:
            unknown[f"{field}.{place}"] = [FieldCode.UNKNOWN_SITE]
    if invalid:
        raise FieldsInvalidError(invalid)
    if unknown:
        raise UnknownSiteError(unknown)
    return found


async def _answer(context: Context, value: object, last_change: datetime | None) -> Answer:
    headers = {
        "Cache-Control": context.settings.cache_control,
        "Vary": "Accept-Encoding",
        **NOT_TO_BE_GUESSED,
        **FOR_ANY_ORIGIN,
    }
    return Answer(to_json(value), headers, last_change=last_change)
