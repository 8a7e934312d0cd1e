"""Commands about pages: which there are, and giving their comments to another address."""

import os
from pathlib import Path

import click

from moderation_service import log
from moderation_service.cli import address_pairs, command, tables
from moderation_service.cli.address_pairs import FaultyFileError
from moderation_service.cli.opening import opened_sites
from moderation_service.config import Settings
from moderation_service.domain.comments.comment import Status
from moderation_service.runtime import container
from moderation_service.services.comments import page_moves
from moderation_service.services.comments.page_moves import ListedPage, MoveRefusedError, Plan, Wanted
from moderation_service.storage.comments.page_aliases import Alias


@click.group()
def pages() -> None:
    """See which pages have comments, and give a page's comments to another address."""
    log.configure(in_words=True, warnings_only=True)


@pages.command("list")
def list_pages() -> None:
    """List all pages with how many comments they have, and the addresses that were moved."""
    _print(*command.run(_list(command.settings(os.environ))))


@pages.command("move")
@click.argument("old", required=False)
@click.argument("new", required=False)
@click.option("--prefix", is_flag=True, help="Move every page at or below OLD to the same place below NEW.")
@click.option(
    "--map",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Move what each line of a CSV file names: the old address, a comma, the new one.",
)
@click.option("--by-rules", is_flag=True, help="Move what the rules of [site.pages] make another page.")
@click.option("--dry-run", is_flag=True, help="Only say what would move, and which pages would merge.")
@click.pass_obj
def move_pages(
    limits: command.Limits | None,
    old: str | None,
    new: str | None,
    *,
    prefix: bool,
    file: Path | None,
    by_rules: bool,
    dry_run: bool,
) -> None:
    """Give the comments of the page OLD to the page NEW of the same site; OLD stays an alias of NEW."""
    is_pair = old is not None and new is not None
    if [is_pair, file is not None, by_rules].count(True) != 1 or (prefix and not is_pair) or (old and not new):
        raise click.UsageError("Give OLD and NEW, or --map FILE, or --by-rules.")
    wanted = [Wanted(old=old, new=new)] if old is not None and new is not None else []
    if file is not None:
        try:
            wanted = [Wanted(old=old, new=new, place=place) for old, new, place in address_pairs.read(file)]
        except FaultyFileError as error:
            command.fail([*error.faults, "Nothing was moved."])
    settings, limits = command.settings(os.environ), limits or command.Limits()
    command.run(_move(settings, limits, wanted, prefix=prefix, by_rules=by_rules, dry_run=dry_run))


async def _list(settings: Settings) -> tuple[list[ListedPage], list[Alias]]:
    async with opened_sites(settings, command.Limits(), writes=False) as (database, directory, _):
        return await page_moves.listed(database, directory)


async def _move(
    settings: Settings,
    limits: command.Limits,
    wanted: list[Wanted],
    *,
    prefix: bool,
    by_rules: bool,
    dry_run: bool,
) -> None:
    async with opened_sites(settings, limits, writes=not dry_run) as (database, directory, page_addresses):
        try:
            if by_rules:
                plan = await page_moves.plan_by_rules(database, directory)
            elif prefix:
                plan = await page_moves.plan_prefix(database, directory, wanted[0].old, wanted[0].new)
            else:
                plan = await page_moves.plan(database, directory, wanted)
        except MoveRefusedError as error:
            command.fail([*error.faults, "Nothing was moved."])
        if len(wanted) == 1 and plan.without_comments:
            command.fail([f"No comments are stored under {wanted[0].old}.", "Nothing was moved."])
        _say(plan, dry_run=dry_run)
        if not dry_run:
            await page_moves.move(database, [] if by_rules else plan.moves, clock=container.utc_now)
            await page_addresses.bring_along()


def _say(plan: Plan, *, dry_run: bool) -> None:
    for one in plan.moves:
        joins = ", joins other comments there" if one.joins else ""
        click.echo(f"{one.page.url} -> {one.target.url} ({_counted(one.comments)}{joins})")
    for url in plan.without_comments:
        click.echo(f"{url}: no comments")
    verb = "would be moved" if dry_run else "is moved" if len(plan.moves) == 1 else "are moved"
    pages = "1 page" if len(plan.moves) == 1 else f"{len(plan.moves)} pages"
    click.echo(f"{pages} with {_counted(plan.comments)} {verb}.")


def _counted(comments: int) -> str:
    return "1 comment" if comments == 1 else f"{comments} comments"


def _print(found: list[ListedPage], aliases: list[Alias]) -> None:
    table = tables.table("site", "page", "approved", "waiting", "all", title="Pages")
    for one in found:
        mark = " (no site lists this origin)" if one.is_orphaned else ""
        table.add_row(
            one.page.site_id,
            f"{one.page.url}{mark}",
            str(one.counts.get(Status.APPROVED, 0)),
            str(one.counts.get(Status.PENDING, 0)),
            str(sum(one.counts.values())),
        )
    shown = [table]
    if aliases:
        moved = tables.table("site", "old address", "page", title="Moved")
        for alias in aliases:
            moved.add_row(alias.site_id, alias.url, alias.target.url if alias.target else "")
        shown.append(moved)
    tables.show(shown)
