"""Blocks at the desk: what a site takes no comments from, made by hand or from a comment, and lifted.

A block holds for a whole site, so only those see and change blocks who see all pages of their site.
"""

from collections.abc import Mapping
from datetime import MAXYEAR, datetime, time, timedelta
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from moderation_service.domain.accounts.sites import Membership, Site
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError
from moderation_service.domain.moderation.blocks import BlockKind
from moderation_service.domain.moderation.decisions import Actor, Channel
from moderation_service.services.accounts.sessions import Session
from moderation_service.services.moderation.blocks import Terms
from moderation_service.web.authentication import FIELDS, SESSION
from moderation_service.web.context import CONTEXT
from moderation_service.web.desk import decisions, frame
from moderation_service.web.http import problems, requests
from moderation_service.web.http.validation import load
from schemas.base import is_id
from schemas.desk import BlockForm, BlocksPageQuery, BlockTerms, Lasts
from schemas.problems import FieldCode

BLOCKS_AT_ONCE = 100
MADE, LIFTED = "made", "lifted"

_QUERY, _FORM, _TERMS = BlocksPageQuery(), BlockForm(), BlockTerms()
_DOMAIN = "domain."


async def show(request: web.Request) -> web.Response:
    """Show the blocks of all sites that are this person's whole, and a form for another."""
    return await _page(request, request[SESSION], requests.query(request, _QUERY))


async def add(request: web.Request) -> web.Response:
    """Block what was typed; show what is wrong with it beside what was typed."""
    session, fields = request[SESSION], request[FIELDS]
    memberships = _whole(session)
    try:
        form = load(_FORM, _filled(fields))
        membership = next((one for one in memberships if one.site.id == form["site"]), None)
        if membership is None:
            raise NotFoundError
        terms = _terms(request, membership, form)
        await request.app[CONTEXT].blocks.add(membership.site, BlockKind(form["kind"]), form["value"], terms)
    except FieldsInvalidError as error:
        asked = {"cursor": None, "said": None}
        return await _page(request, session, asked, fields=fields, error=error)
    return frame.to_desk(request, {"said": MADE}, path="/blocks")


async def add_from_comment(request: web.Request) -> web.Response:
    """Block what is ticked of a comment: its author's address, its network, domains to which it leads."""
    session, fields = request[SESSION], request[FIELDS]
    context = request.app[CONTEXT]
    comment_id = decisions.comment_id(request)
    file = await context.desk.file(session.memberships, comment_id)
    membership = file.item.membership
    if not membership.sees_all:
        raise NotFoundError
    domains = [name.removeprefix(_DOMAIN) for name in fields if name.startswith(_DOMAIN)]
    kinds = [one for one in (BlockKind.ADDRESS, BlockKind.NETWORK) if one in fields]
    try:
        terms = _terms(request, membership, load(_TERMS, _filled(fields)))
        await context.blocks.add_from_comment(
            membership.site,
            comment_id,
            [*kinds, *([BlockKind.DOMAIN] if domains else [])],
            terms,
            domains=domains,
        )
    except FieldsInvalidError as error:
        return await decisions.page(request, session, file, fields=fields, error=error)
    return frame.to_desk(request, {"said": MADE}, path=f"/comments/{comment_id}")


async def lift(request: web.Request) -> web.Response:
    """Lift a block of a site that is this person's whole."""
    session = request[SESSION]
    block_id = request.match_info["block_id"]
    if not is_id(block_id):
        raise NotFoundError
    memberships = _whole(session)
    actor = _actor(memberships[0])
    await request.app[CONTEXT].blocks.lift([one.site for one in memberships], block_id, actor=actor)
    return frame.to_desk(request, {"said": LIFTED}, path="/blocks")


async def _page(
    request: web.Request,
    session: Session,
    asked: Mapping[str, Any],
    *,
    fields: Mapping[str, str] | None = None,
    error: FieldsInvalidError | None = None,
) -> web.Response:
    context = request.app[CONTEXT]
    memberships = _whole(session)
    sites: dict[str, Site] = {one.site.id: one.site for one in memberships}
    found = await context.blocks.listed(sites.values(), after=asked["cursor"], limit=BLOCKS_AT_ONCE)
    spoken = frame.language(session)
    values = {
        "blocks": found.blocks,
        "next_after": found.next_after,
        "asked": asked,
        "sites": sites,
        "fields": fields or {},
        "faults": {} if error is None else problems.field_errors(error.errors, spoken),
    }
    status = HTTPStatus.OK if error is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return frame.page(request, session, "desk/blocks.html", values, status=status)


def _whole(session: Session) -> list[Membership]:
    """Return where this person sees every page; raise NotFoundError where that is nowhere."""
    found = [one for one in session.memberships if one.sees_all]
    if not found:
        raise NotFoundError
    return found


def _filled(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields without those that were left empty."""
    return {name: value for name, value in fields.items() if value.strip()}


def _terms(request: web.Request, membership: Membership, form: Mapping[str, Any]) -> Terms:
    """Return what the form says; raise FieldsInvalidError for a day that is over."""
    context = request.app[CONTEXT]
    now = context.clock()
    ends_at: datetime | None = None
    if form["until"] is not None:
        zone = ZoneInfo(membership.moderator.timezone)
        ends_at = datetime.combine(form["until"], time(23, 59, 59), zone)
        if form["until"].year >= MAXYEAR or ends_at <= now:
            raise FieldsInvalidError({"until": [FieldCode.IN_THE_PAST]})
    elif form["lasts"] is Lasts.USUAL:
        ends_at = context.blocks.usual_end(membership.site)
    elif form["lasts"] is not Lasts.NO_END:
        ends_at = now + timedelta(days=int(form["lasts"]))
    return Terms(ends_at=ends_at, reason=form["reason"], actor=_actor(membership))


def _actor(membership: Membership) -> Actor:
    moderator = membership.moderator
    return Actor(channel=Channel.DESK, moderator_id=moderator.id, name=moderator.name)
