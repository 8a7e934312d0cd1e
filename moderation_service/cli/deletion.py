"""The commands that delete: what is kept no longer, and what somebody asked to be erased."""

import os
from collections.abc import Collection, Sequence
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
from moderation_service.services.operations import backup, deletion, erasing
from moderation_service.services.operations.deletion import Due
from moderation_service.services.operations.erasing import Erased
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, Opening, file_of
from moderation_service.storage.operations.backups import Backup
from schemas.base import is_id

_NAMES = {
    Kind.REJECTED: "rejected comments",
    Kind.SPAM: "comments marked as spam",
    Kind.ADDRESS: "addresses of authors",
    Kind.DELIVERY: "messages of moderation mail",
}

_MOST_NAMED = 30
_ERASED = "text, edits, objection, name, website, address, networks, notes of decisions, words of reports"


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
    file = file_of(settings.database_url)
    async with Database.open(settings.database_url, Opening.EXISTING) as database:
        await migrations.require(database)
        if address is not None:
            comments = await erasing.of_address(database, keys, address)
        there = await erasing.stored(database, comments)
        for comment_id in comments:
            if comment_id not in there:
                click.echo(f"{comment_id} is not stored, or was erased before")
        if dry_run:
            _say_what_would_be_done(there, file, compact=compact)
            return
        done = await erasing.erase(database, sorted(there), now=utc_now())
        if comments:
            _receipt(done)
        reports = 0 if address is None else await _erase_address(database, keys, address)
        if done.comment_ids or reports:
            _say_which_copies(file, await backup.made_since(database, None if reports else done.oldest))
        if compact:
            await _compact(database, file)
        is_purged = await database.purge()
    _say_what_stays(is_purged=is_purged)


def _say_what_would_be_done(comment_ids: Collection[str], file: Path | None, *, compact: bool) -> None:
    for comment_id in sorted(comment_ids):
        click.echo(f"{comment_id} would be erased")
    click.echo(f"{_counted(len(comment_ids))} would be erased.")
    if compact and file is not None:
        click.echo(f"{file} would be written anew, {_size(file)}; nobody can write meanwhile.")


async def _erase_address(database: Database, keys: KeyRing, address: str) -> int:
    """Erase what else names an address, and return how many reports that were."""
    if reports := await erasing.erase_address(database, keys, address):
        click.echo(f"{reports} reports that the address sent were erased: words, name, address, network.")
    if blocks := await erasing.blocks_of(database, keys, address):
        click.echo(f"Blocks of the address stay in force, until they are lifted: {blocks} (see `blocks list`).")
    return reports


async def _compact(database: Database, file: Path | None) -> None:
    """Write the file anew, and say before how large it is and afterwards for how long nobody could write."""
    if file is None:
        click.echo("There is no file to write anew: VACUUM FULL of the server does that, table by table.")
        return
    click.echo(f"Writing {file} anew, {_size(file)}: until that is done, comments are answered 503.")
    seconds = await database.compact()
    click.echo(f"The file was written anew; nobody could write for {seconds:.1f} seconds.")


def _size(file: Path) -> str:
    return f"{file.stat().st_size / 1_000_000:.1f} MB"


def _say_which_copies(file: Path | None, made: Sequence[Backup]) -> None:
    """Name the copies that hold what was erased, as far as they are known."""
    for one in made[:_MOST_NAMED]:
        gone = "" if one.path.exists() else " (no longer there; where it was moved to, it holds it)"
        click.echo(f"  the backup of {one.made_at:%Y-%m-%d %H:%M} UTC: {one.path}{gone}")
    if len(made) > _MOST_NAMED:
        click.echo(f"  and {len(made) - _MOST_NAMED} more, back to {made[-1].made_at:%Y-%m-%d %H:%M} UTC")
    for path in [] if file is None else backup.kept_beside(file):
        click.echo(f"  what a restored backup replaced: {path}")


def _say_what_stays(*, is_purged: bool | None) -> None:
    if is_purged is None:
        click.echo(
            "On this server the deleted rows lie in its files until VACUUM has run and their place is used again "
            "(VACUUM FULL writes a table anew at once), in its write-ahead log and archive until these are "
            "recycled, and in its own log where that holds statements with their values."
        )
    elif not is_purged:
        command.fail(
            ["The write-ahead log still holds it, as a reader goes on: run this again with --compact alone"]
        )


def _receipt(done: Erased) -> None:
    """Say what was erased, and where it still is."""
    at = utc_now()
    for comment_id in done.comment_ids:
        click.echo(f"{comment_id} was erased: {_ERASED}")
    click.echo(f"{_counted(len(done.comment_ids))} erased at {at:%Y-%m-%d %H:%M:%S} UTC.")
    if done.announced:
        click.echo(f"{_counted(done.announced)} had been public: the feed says `erased`, and no page shows that.")
    click.echo(f"Backups made before {at:%Y-%m-%d %H:%M} UTC still hold it, and so does mail that was sent.")


def _counted(number: int) -> str:
    return "1 comment" if number == 1 else f"{number} comments"
