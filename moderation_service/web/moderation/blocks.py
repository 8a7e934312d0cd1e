"""The blocks of a site, for programs with a bearer key: listed, made and lifted."""

from datetime import datetime
from typing import Any

from aiohttp import web

from moderation_service.domain.accounts import addresses
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError
from moderation_service.domain.moderation.blocks import Block, BlockKind
from moderation_service.domain.moderation.decisions import Actor, Channel
from moderation_service.services.moderation.blocks import Terms
from moderation_service.web.authentication import SITE
from moderation_service.web.context import CONTEXT
from moderation_service.web.http import requests
from moderation_service.web.http.responses import unstored_json
from moderation_service.web.http.validation import load
from schemas.base import is_id
from schemas.blocks import BlocksQuery, NewBlock
from schemas.problems import FieldCode

_QUERY, _NEW = BlocksQuery(), NewBlock()
_PROGRAM = Actor(channel=Channel.API)


async def index(request: web.Request) -> web.Response:
    """List the site's blocks, the newest first."""
    asked = requests.query(request, _QUERY)
    context = request.app[CONTEXT]
    found = await context.blocks.listed([request[SITE]], after=asked["cursor"], limit=asked["limit"])
    now = context.clock()
    return unstored_json({"blocks": [_shown(one, now) for one in found.blocks], "next_cursor": found.next_after})


async def create(request: web.Request) -> web.Response:
    """Block what is named, or what is known of a comment."""
    site = request[SITE]
    context = request.app[CONTEXT]
    asked = load(_NEW, await requests.fields_of(request))
    now = context.clock()
    ends_at = asked["ends_at"] if "ends_at" in asked else context.blocks.usual_end(site)
    if ends_at is not None and ends_at <= now:
        raise FieldsInvalidError({"ends_at": [FieldCode.IN_THE_PAST]})
    terms = Terms(ends_at=ends_at, reason=asked["reason"], actor=_PROGRAM)
    kind = BlockKind(asked["kind"])
    if asked["comment_id"] is None:
        made = [await context.blocks.add(site, kind, asked["value"], terms)]
    else:
        made = await context.blocks.add_from_comment(site, asked["comment_id"], [kind], terms)
    return unstored_json({"blocks": [_shown(one, now) for one in made]}, status=201)


async def delete(request: web.Request) -> web.Response:
    """Lift a block of the site."""
    block_id = request.match_info["block_id"]
    if not is_id(block_id):
        raise NotFoundError
    await request.app[CONTEXT].blocks.lift([request[SITE]], block_id, actor=_PROGRAM)
    return web.Response(status=204, headers={"Cache-Control": "no-store"})


def _shown(block: Block, now: datetime) -> dict[str, Any]:
    value = block.value
    return {
        "id": block.id,
        "kind": block.kind,
        "value": addresses.mask(value) if block.kind is BlockKind.ADDRESS and value is not None else value,
        "reason": block.reason,
        "made_by": block.actor.name,
        "means": block.actor.channel,
        "created_at": block.created_at,
        "ends_at": block.ends_at,
        "is_over": block.is_over(now),
    }
