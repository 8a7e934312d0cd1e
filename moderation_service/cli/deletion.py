"""The commands that delete: what is kept no longer, and what somebody asked to be erased."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import click

from moderation_service import log
from moderation_service.cli import command
from moderation_service.config import Settings
from moderation_service.domain.accounts.addresses import InvalidAddressError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.retention import Kind
from moderation_service.runtime.container import utc_now
from moderation_service.services.accounts import sites_file
from moderation_service.services.operations import deletion, erasing
from moderation_service.services.operations.deletion import Due
from moderation_service.services.operations.erasing import Erased
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, Opening
from schemas.base import is_id

_NAMES = {
    Kind.REJECTED: "rejected comments",
    Kind.SPAM: "comments marked as spam",
    Kind.ADDRESS: "addresses of authors",
    Kind.DELIVERY: "messages of moderation mail",
}


@click.group()
def retention() -> None:
    """Delete what is kept no longer, as a running service does every hour."""
    log.configure(in_words=True, warnings_only=True)


@retention.command("run")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
def run_retention(*, dry_run: bool) -> None:
    """Delete what the sites keep no longer."""
    now = utc_now()
    done, later = command.run(_retain(command.settings(os.environ), dry_run=dry_run))
    for one in done:
        if one.acts_at <= now:
            click.echo(f"{_told(one)} {'would be' if dry_run else 'were'} deleted")
    for one in later:
        click.echo(will_delete(one))
    if not done and not later:
        click.echo("There is nothing to delete.")


@click.command()
@click.option("--comment", "comments", multiple=True, metavar="ID", help="Erase this comment; may be repeated.")
@click.option(
    "--address-file",
    type=click.Path(path_type=Path, allow_dash=True, exists=True, dir_okay=False),
    help="Erase all comments of the address in this file; - reads it from standard input.",
)
@click.option("--compact", is_flag=True, help="Write the whole file anew, so that no remnant is left of rows.")
@click.option("--dry-run", is_flag=True, help="Say what would be erased, and erase nothing.")
def erase(comments: Sequence[str], address_file: Path | None, *, compact: bool, dry_run: bool) -> None:
    """Erase comments, with all that is stored of them, and say what was done."""
    log.configure(in_words=True, warnings_only=True)
    if [bool(comments), address_file is not None].count(True) != 1 and not (compact and not comments):
        raise click.UsageError("Give --comment or --address-file, or --compact alone.")
    if wrong := [one for one in comments if not is_id(one)]:
        raise click.UsageError(f"{wrong[0]} is not the id of a comment.")
    address = None if address_file is None else command.read_text(address_file)
    settings = command.settings(os.environ)
    try:
        command.run(_erase(settings, comments, address, compact=compact, dry_run=dry_run))
    except InvalidAddressError:
        command.fail(["What was read is not one e-mail address."])


def will_delete(due: Due) -> str:
    """Say what a rule will delete that does not act yet."""
    return f"From {due.acts_at:%Y-%m-%d %H:%M} UTC on, {_told(due)} will be deleted"


def _told(due: Due) -> str:
    of = f" of the site {due.site_id}" if due.site_id else ""
    return f"{due.rows} {_NAMES[due.kind]}{of}, kept for {due.days} days,"


async def _retain(settings: Settings, *, dry_run: bool) -> tuple[list[Due], list[Due]]:
    listed = sites_file.load(settings.sites, local_addresses=settings.local_addresses)
    async with Database.open(settings.database_url, Opening.READ if dry_run else Opening.EXISTING) as database:
        await migrations.require(database)
        later = await deletion.plan(database, listed, utc_now(), only_later=True)
        if dry_run:
            return await deletion.plan(database, listed, utc_now()), later
        return await deletion.delete_due(database, listed, utc_now()), later


async def _erase(
    settings: Settings, comments: Sequence[str], address: str | None, *, compact: bool, dry_run: bool
) -> None:
    keys = KeyRing(settings.secret_keys)
    async with Database.open(settings.database_url, Opening.EXISTING) as database:
        await migrations.require(database)
        if address is not None:
            comments = await erasing.of_address(database, keys, address)
        there = await erasing.stored(database, comments)
        for comment_id in comments:
            if comment_id not in there:
                click.echo(f"{comment_id} is not stored, or was erased before")
        if dry_run:
            for comment_id in sorted(there):
                click.echo(f"{comment_id} would be erased")
            click.echo(f"{_counted(len(there))} would be erased.")
            return
        done = await erasing.erase(database, sorted(there), now=utc_now())
        if comments:
            _receipt(done)
        if address is not None and (reports := await erasing.erase_address(database, keys, address)):
            click.echo(f"{reports} reports that the address sent were erased: words, name, address, network.")
        began = time.monotonic()
        is_purged = await database.purge(compact=compact)
    _say_what_stays(is_purged=is_purged, compact=compact, seconds=time.monotonic() - began)


def _say_what_stays(*, is_purged: bool | None, compact: bool, seconds: float) -> None:
    if compact and is_purged is not None:
        click.echo(f"The file was written anew; nobody could write for {seconds:.1f} seconds.")
    if is_purged is None:
        click.echo(
            "On this server the deleted rows lie in its files until VACUUM has run, and in its write-ahead log "
            "and archive until these are recycled."
        )
    elif not is_purged:
        command.fail(
            ["The write-ahead log still holds it, as a reader goes on: run this again with --compact alone"]
        )


def _receipt(done: Erased) -> None:
    """Say what was erased, and where it still is."""
    at = utc_now()
    for comment_id in done.comment_ids:
        click.echo(f"{comment_id} was erased: text, name, website, address, networks, notes of decisions")
    click.echo(f"{_counted(len(done.comment_ids))} erased at {at:%Y-%m-%d %H:%M:%S} UTC.")
    if done.announced:
        click.echo(f"{_counted(done.announced)} had been public: the feed says `erased`, and no page shows that.")
    click.echo(f"Backups made before {at:%Y-%m-%d %H:%M} UTC still hold it, and so does mail that was sent.")


def _counted(number: int) -> str:
    return "1 comment" if number == 1 else f"{number} comments"
