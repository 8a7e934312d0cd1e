"""The commands that make a backup of the database, and put one back."""

import os
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from moderation_service import config, log
from moderation_service.cli import command
from moderation_service.config import SettingsError
from moderation_service.domain.keys import KeyRing
from moderation_service.runtime.container import utc_now
from moderation_service.services.operations import backup as backups
from moderation_service.services.operations.backup import Found, NotEmptyError, Restored
from moderation_service.storage.engine.database import file_of, without_password
from moderation_service.storage.engine.file_copies import CopyError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--keep", type=click.IntRange(1), help="Name the file by the moment, and keep so many of them.")
def backup(file: Path, keep: int | None) -> None:
    """Copy the database to FILE while the service runs, and check the copy."""
    log.configure(in_words=True, warnings_only=True)
    database = _file_or_tools(file, restores=False)
    now = utc_now()
    to = file if keep is None else backups.stamped(file, now)
    began = time.monotonic()
    try:
        found = command.run(_back_up(database, to, now))
    except CopyError as error:
        command.fail([f"No backup was made: {error}"])
    seconds = time.monotonic() - began
    click.echo(f"{to} holds {_told(found)}. It was checked; that took {seconds:.1f} seconds.")
    click.echo(_keys(found.key_ids))
    for one in command.run(backups.prune(database, file, keep)) if keep is not None else ():
        click.echo(f"Deleted {one}")


@click.command()
@click.argument("file", type=_FILE)
@click.option(
    "--force", is_flag=True, help="Replace a database that holds comments; it is kept under another name."
)
def restore(file: Path, *, force: bool) -> None:
    """Put the backup FILE in the place of the database, while the service is stopped."""
    log.configure(in_words=True, warnings_only=True)
    database = _file_or_tools(file, restores=True)
    try:
        done = command.run(_restore(file, database, overwrites=force))
    except NotEmptyError as error:
        command.fail([f"Nothing was restored: {database} {error}; --force replaces it, and keeps it beside"])
    except CopyError as error:
        command.fail([f"Nothing was restored: {error}"])
    click.echo(f"{database} holds {_told(done.found)}.")
    if done.kept_as is not None:
        click.echo(f"What was there before is kept as {done.kept_as}; delete it when nothing of it is needed.")
    click.echo(_keys(done.found.key_ids))
    for key_id in _missing(done.found.key_ids):
        click.echo(f"Warning: {config.variable('secret_keys')} does not list the key {key_id}.", err=True)


async def _back_up(database: Path, to: Path, now: datetime) -> Found:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Copying")
        return await backups.back_up(
            database,
            to,
            now=now,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


async def _restore(backup: Path, database: Path, *, overwrites: bool) -> Restored:
    return await backups.restore(backup, database, now=utc_now(), overwrites=overwrites)


def _file_or_tools(file: Path, *, restores: bool) -> Path:
    """Return the file of the database; where it has none, end by naming the tools of its server."""
    url = command.database_url(os.environ)
    database = file_of(url)
    if database is None:
        server = without_password(url)
        used = (
            f'pg_restore --exit-on-error --no-owner --dbname="{server}" "{file}"'
            if restores
            else f'pg_dump --format=custom --file="{file}" "{server}"'
        )
        where = "into an empty database, while the service is stopped" if restores else "while the service runs"
        command.fail([f"This database lives on a server, whose own tool is the one to use {where}:", "", used])
    return database


def _told(found: Found) -> str:
    about = "" if found.contents.is_exact else "about "
    newest = f", the newest of {found.contents.newest:%Y-%m-%d %H:%M} UTC" if found.contents.newest else ""
    counted = "1 comment" if found.contents.comments == 1 else f"{found.contents.comments} comments"
    return f"{about}{counted}{newest}, schema {found.schema}"


def _keys(key_ids: Sequence[str]) -> str:
    name = config.variable("secret_keys")
    return f"It needs these keys of {name}, to be kept apart from it: {', '.join(key_ids) or 'none'}."


def _missing(key_ids: Sequence[str]) -> list[str]:
    """Return the keys that are not listed, where settings say which are."""
    try:
        listed = KeyRing(config.read(os.environ).secret_keys).ids
    except SettingsError:
        return []
    return [one for one in key_ids if one not in listed]
