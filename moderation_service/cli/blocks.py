"""Commands about blocks: which there are, blocking and lifting."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta

import click

from moderation_service import log
from moderation_service.cli import command, tables
from moderation_service.config import Settings
from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.sites import Site, Sites
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.blocks import REASON_CHARACTERS, Block, BlockKind
from moderation_service.domain.moderation.decisions import Actor, Channel
from moderation_service.runtime import container
from moderation_service.services.accounts import sites_file
from moderation_service.services.moderation.blocks import MOST_OF_SITE, Blocks, Terms
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, Opening
from moderation_service.storage.operations import keys as stored_keys

_COMMAND = Actor(channel=Channel.COMMAND)
_STDIN = "-"


@click.group()
def blocks() -> None:
    """See from whom and of what sites take no comments, block, and lift blocks."""
    log.configure(in_words=True, warnings_only=True)


@blocks.command("list")
@click.option("--site", "site_id", help="Only the blocks of this site.")
def list_blocks(site_id: str | None) -> None:
    """List blocks, the newest first, those that ended in the last 30 days among them. Addresses are masked."""
    found = command.run(_list(command.settings(os.environ), site_id))
    _print(found)


@blocks.command("add")
@click.argument("kind", type=click.Choice([str(one) for one in BlockKind]))
@click.argument("value")
@click.option("--site", "site_id", required=True, help="The site that is to take no such comments.")
@click.option("--days", type=click.IntRange(1, 36_500), help="For how many days; else for the site's block_days.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Until the end of this day (UTC).")
@click.option("--never-ends", is_flag=True, help="Until it is lifted.")
@click.option("--reason", help="Why, for moderators only.")
def add_block(
    kind: str,
    value: str,
    site_id: str,
    days: int | None,
    until: datetime | None,
    *,
    never_ends: bool,
    reason: str | None,
) -> None:
    """Block an address, a network, a domain or a word. VALUE - is read from standard input."""
    if [days is not None, until is not None, never_ends].count(True) > 1:
        raise click.UsageError("Give one of --days, --until and --never-ends.")
    if value == _STDIN:
        value = sys.stdin.readline()
    if len(reason or "") > REASON_CHARACTERS:
        raise click.UsageError(f"A reason has at most {REASON_CHARACTERS} characters.")
    settings = command.settings(os.environ)
    block = command.run(
        _add(settings, site_id, BlockKind(kind), value, reason or None, days, until, never_ends=never_ends)
    )
    click.echo(f"Blocked: {_value(block)}, {_end(block, container.utc_now())}. To lift it: blocks lift {block.id}")


@blocks.command("lift")
@click.argument("block_id", metavar="ID")
def lift_block(block_id: str) -> None:
    """Lift the block ID; the beginning of its id is enough."""
    command.run(_lift(command.settings(os.environ), block_id))
    click.echo("Lifted.")


async def _list(settings: Settings, site_id: str | None) -> list[Block]:
    async with _opened(settings, Opening.READ) as (_, sites, found):
        asked = list(sites) if site_id is None else [_site(sites, site_id)]
        return (await found.listed(asked, limit=MOST_OF_SITE * len(asked))).blocks


async def _add(
    settings: Settings,
    site_id: str,
    kind: BlockKind,
    value: str,
    reason: str | None,
    days: int | None,
    until: datetime | None,
    *,
    never_ends: bool,
) -> Block:
    async with _opened(settings, Opening.EXISTING) as (database, sites, found):
        site = _site(sites, site_id)
        now = container.utc_now()
        ends_at = None if never_ends else found.usual_end(site)
        if days is not None:
            ends_at = now + timedelta(days=days)
        elif until is not None:
            ends_at = datetime.combine(until.date(), time.max, UTC)
        if ends_at is not None and ends_at <= now:
            command.fail(["--until lies in the past."])
        async with database.exclusive() as connection:
            await stored_keys.begin_use(connection, KeyRing(settings.secret_keys), now)
        try:
            return await found.add(site, kind, value, Terms(ends_at=ends_at, reason=reason, actor=_COMMAND))
        except FieldsInvalidError as error:
            if "too_many" in error.errors.get("value", ()):
                command.fail([f"The site has {MOST_OF_SITE} blocks already."])
            command.fail([f"This cannot be blocked: it is no {kind}, or it would refuse too much."])


async def _lift(settings: Settings, block_id: str) -> None:
    async with _opened(settings, Opening.EXISTING) as (_, sites, found):
        asked = list(sites)
        listed = await found.listed(asked, limit=MOST_OF_SITE * len(asked))
        ids = [one.id for one in listed.blocks if block_id and one.id.startswith(block_id)]
        if len(ids) > 1:
            command.fail([f"{len(ids)} blocks begin with {block_id}; give more of the id."])
        try:
            await found.lift(sites, ids[0] if ids else block_id, actor=_COMMAND)
        except NotFoundError:
            command.fail([f"There is no block {block_id}; `blocks list` names all."])


@asynccontextmanager
async def _opened(settings: Settings, opening: Opening) -> AsyncIterator[tuple[Database, Sites, Blocks]]:
    listed = sites_file.load(settings.sites, local_addresses=settings.local_addresses)
    async with Database.open(settings.database_url, opening) as database:
        await migrations.require(database)
        found = Blocks(database, KeyRing(settings.secret_keys), clock=container.utc_now, new_id=container.new_id)
        await found.refresh()
        yield database, listed, found


def _site(sites: Sites, site_id: str) -> Site:
    site = sites.get(site_id)
    if site is None:
        command.fail([f"There is no site {site_id}; the sites file lists {', '.join(one.id for one in sites)}."])
    return site


def _value(block: Block) -> str:
    if block.value is None:
        return "the network of a comment"
    return addresses.mask(block.value) if block.kind is BlockKind.ADDRESS else block.value


def _end(block: Block, now: datetime) -> str:
    if block.ends_at is None:
        return "until it is lifted"
    return f"{'ended' if block.is_over(now) else 'until'} {block.ends_at:%Y-%m-%d %H:%M} UTC"


def _print(found: list[Block]) -> None:
    now = container.utc_now()
    table = tables.table("id", "site", "kind", "blocked", "holds", "by", "reason", title="Blocks")
    for one in found:
        made_by = one.actor.name or {Channel.API: "API", Channel.COMMAND: "command"}.get(one.actor.channel, "")
        table.add_row(one.id, one.site_id, one.kind.value, _value(one), _end(one, now), made_by, one.reason or "")
    tables.show([table])
