"""Commands about keys: of programs that moderate, and the service's own."""

import hashlib
import os
import secrets

import click
from rich.console import Console
from rich.progress import Progress

from moderation_service import config, log
from moderation_service.cli import command
from moderation_service.config import Settings
from moderation_service.domain.keys import KeyRing
from moderation_service.runtime import container
from moderation_service.services.accounts import sites_file
from moderation_service.services.operations import key_rotation
from moderation_service.services.operations.key_rotation import Rotation, StillWritingError
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, Opening

_NAMES = {
    "blocks": "blocks of addresses and networks",
    "contacts": "addresses of authors",
    "outside_checks": "networks for outside checks",
}


@click.group()
def keys() -> None:
    """Keys of programs that moderate, and the secret keys of the service."""


@keys.command("new")
def new_key() -> None:
    """Make a bearer key for the moderation API; it is shown once and kept nowhere."""
    key = secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    click.echo(f"Give this key to the program:\n\n{key}\n")
    click.echo(f'Add this line to the site in the sites file:\n\napi_keys = ["sha256:{digest}"]')


@keys.command("rotate")
def rotate_keys() -> None:
    """Bring all that is stored under older secret keys to the first of MODERATION_SECRET_KEYS, while serving.

    Run it when every replica has the new key in front and the older ones behind it.
    """
    log.configure(in_words=True, warnings_only=True)
    settings = command.settings(os.environ)
    name = config.variable("secret_keys")
    try:
        done = command.run(_rotate(settings))
    except StillWritingError:
        command.fail(
            [f"A process still stores under an older key: put the new one first in {name} there, and go on"]
        )
    for what, count in sorted(done.renewed.items()):
        click.echo(f"{_NAMES.get(what, what)}: {count} brought to the newest key")
    for what, count in sorted(done.forgotten.items()):
        if count:
            click.echo(f"{what}: {count} deleted, as they were kept as hashes alone")
    if done.unreadable:
        command.fail(
            [f"{what}: {count} rows cannot be read with any listed key" for what, count in done.unreadable.items()]
        )
    if not done.retired:
        click.echo("Nothing is stored under an older key.")
    for key_id in done.retired:
        click.echo(
            f"Nothing is stored any more under the key {key_id}: it may be removed from {name}. "
            f"Links, receipts of forms and sessions that it signed end with it."
        )


async def _rotate(settings: Settings) -> Rotation:
    listed = sites_file.load(settings.sites, local_addresses=settings.local_addresses)
    async with Database.open(settings.database_url, Opening.EXISTING) as database:
        await migrations.require(database)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("Looking through what is encrypted")
            return await key_rotation.rotate(
                database,
                KeyRing(settings.secret_keys),
                listed,
                clock=container.utc_now,
                new_id=container.new_id,
                on_progress=lambda looked, total: progress.update(task, completed=looked, total=total),
            )
