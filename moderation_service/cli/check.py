"""The command that tries all that `serve` relies on, without serving."""

import asyncio
import os
from collections.abc import Mapping

import click

from moderation_service import config, log
from moderation_service.cli import command, public_address
from moderation_service.cli import deletion as retention_rules
from moderation_service.config import Settings, SettingsError, causes
from moderation_service.domain.accounts.sites import Sites
from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.notifications.retry_policy import Action, Phase
from moderation_service.mail.failures import DeliveryError
from moderation_service.mail.transport import greeting_name
from moderation_service.runtime import container, sending
from moderation_service.services.accounts import sites_file
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.accounts.sites_file import SitesFileError
from moderation_service.services.comments import orphaned_pages
from moderation_service.services.notifications import preferences
from moderation_service.services.operations import deletion
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, NoDatabaseError, Opening
from moderation_service.storage.migrations import SchemaError, State
from moderation_service.storage.operations import keys as stored_keys


@click.command()
@click.pass_obj
def check(limits: command.Limits | None) -> None:
    """Validate settings, sites file, database and mail log-in; name every fault."""
    log.configure(in_words=True, warnings_only=True)
    for name, meant in config.unknown(os.environ).items():
        click.echo(f"Warning: {name} is not a setting" + (f"; did you mean {meant}?" if meant else "."))
    command.run(_check(os.environ, limits or command.Limits()))
    click.echo("Everything is in order.")


async def _check(environ: Mapping[str, str], limits: command.Limits) -> None:
    """Try everything that `serve` relies on; exit with all faults."""
    faults: list[str] = []
    settings = None
    try:
        settings = config.read(environ)
    except SettingsError as error:
        faults += [f"{name} {fault}" for name, fault in error.faults.items()]
    path = environ.get(config.variable("sites"))
    listed = None
    if path:
        try:
            listed = sites_file.load(
                config.values.path(path), local_addresses=environ.get(config.variable("local_addresses")) == "on"
            )
        except SitesFileError as error:
            faults += [
                f"{config.variable('sites')}: {fault}" if fault.startswith(f"{path} ") else f"{path}: {fault}"
                for fault in error.faults
            ]
    if settings is not None:
        faults += await _check_database(settings, listed)
        faults += await _check_mail(settings, listed, limits)
        seen = await public_address.look(settings)
        faults += seen.faults
        for warning in seen.warnings:
            click.echo(f"Warning: {warning}", err=True)
    if faults:
        command.fail(faults)


async def _check_database(settings: Settings, listed: Sites | None) -> list[str]:
    name = config.variable("database_url")
    if denied := causes.forbidden(settings.database_url):
        return [f"{name} cannot be opened: {denied}"]
    try:
        async with Database.open(settings.database_url, Opening.READ) as database:
            state, _ = await migrations.look(database)
            if state in {State.EMPTY, State.OLDER}:
                click.echo(
                    f"{name}: the schema is missing or out of date; `migrate` updates it, and so does `serve`."
                )
                return []
            await migrations.require(database)
            async with database.read() as connection:
                missing = await stored_keys.unlisted(connection, KeyRing(settings.secret_keys))
                orphans = [] if listed is None else await orphaned_pages.find(connection, listed)
            if listed is not None:
                for due in await deletion.plan(database, listed, container.utc_now(), only_later=True):
                    click.echo(f"Warning: {retention_rules.will_delete(due)}.", err=True)
                for site_id in await _without_anybody(database, listed, settings):
                    click.echo(
                        f"Warning: all moderators of the site {site_id} are marked as away; they are told anyway.",
                        err=True,
                    )
    except NoDatabaseError as error:
        click.echo(f"{name}: {error.reason}; `migrate` creates it, and so does `serve` when it starts.")
        return []
    except SchemaError as error:
        return [f"{name}: the database {error}"]
    except UnavailableError as error:
        return [f"{name} cannot be opened{command.reason(error)}"]
    for one in orphans:
        click.echo(
            f"Warning: {one.waiting} comments wait and {one.approved} are published on pages of {one.origin}, "
            f"which the site {one.site_id} does not list: {orphaned_pages.remedy(listed or Sites(()), one)}",
            err=True,
        )
    said = "does not list the key {}, which stored data still needs: put it back at the end"
    return [f"{config.variable('secret_keys')} {said.format(key_id)}" for key_id in missing]


async def _without_anybody(database: Database, listed: Sites, settings: Settings) -> list[str]:
    """Return the ids of the sites whose moderators are all away, as readiness does."""
    directory = Directory(KeyRing(settings.secret_keys))
    await directory.look_up(database, listed)
    async with database.read() as connection:
        return await preferences.sites_without_anybody(connection, directory, container.utc_now())


async def _check_mail(settings: Settings, listed: Sites | None, limits: command.Limits) -> list[str]:
    """Go as far as a message would without sending one: to the address of a moderator, where there is any."""
    recipient = next((one.email for site in listed or () for one in site.moderators), None)
    transport = sending.transports(settings, token_within=limits.token)()
    try:
        async with asyncio.timeout(limits.mail):
            if recipient is None:
                await transport.log_in()
            else:
                await transport.try_envelope(recipient)
    except DeliveryError as error:
        if error.action is Action.AGAIN:
            click.echo(f"Warning: {_about_mail(settings, error)}; the service would try again.", err=True)
            return []
        return [_about_mail(settings, error)]
    except TimeoutError:
        return [f"{config.variable('smtp')}: the server did not answer within {limits.mail:g} seconds"]
    finally:
        await transport.close()
    return []


def _about_mail(settings: Settings, error: DeliveryError) -> str:
    """Say which setting a mail server or a token server refuses, and what it said."""
    said = " ".join(f"{error.code or ''} {error.reply}".split())
    if error.about_our_name:
        own = greeting_name(settings.helo_name, settings.public_url)
        return (
            f"{config.variable('helo_name')}: the mail server refuses the name by which the service greets it, "
            f"{own} ({error.phase}): {said}"
        )
    if error.phase is Phase.SENDER:
        return f"{config.variable('mail_from')}: the mail server refuses the sender {settings.mail_from}: {said}"
    if error.phase is Phase.RECIPIENT:
        return f"{config.variable('smtp')}: the mail server takes no mail for a moderator's address: {said}"
    return f"{config.variable('smtp')} does not work ({error.phase}): {said}"
