"""Commands about mail: what waits and why, again, not at all, and a sample that says each step."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import click
from rich.table import Table

from moderation_service import log
from moderation_service.cli import command, tables
from moderation_service.config import Settings
from moderation_service.domain.accounts import addresses
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.links import Links
from moderation_service.domain.notifications.mail_interval import MailInterval
from moderation_service.domain.notifications.retry_policy import Action, Phase
from moderation_service.mail.compose import Composer
from moderation_service.mail.failures import DeliveryError
from moderation_service.runtime import container, sending
from moderation_service.services.accounts import sites_file
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications import administration
from moderation_service.services.notifications.administration import Details, NoSuchMailError, Overview
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, Opening

PARKED = 3
"""The exit code of `mail list` when something is parked."""

_STEPS = {
    Phase.CONNECT: "connected",
    Phase.TLS: "secured",
    Phase.TOKEN: "token fetched",
    Phase.LOGIN: "logged in",
    Phase.SENDER: "sender accepted",
    Phase.RECIPIENT: "recipient accepted",
    Phase.DATA: "message accepted",
}
_ADVICE = {
    Action.AGAIN: "The service would try again, later each time, for five days.",
    Action.PARK_PERSON: "The service would park this recipient and probe after minutes, then hours.",
    Action.PARK_MESSAGE: "The service would send once more without the commenter's words, then park the message.",
    Action.PAUSE_ALL: "The service would pause all mail, probe every few seconds or minutes, and go on by itself.",
}


@click.group()
def mail() -> None:
    """See which messages are waiting or parked and why, retry or cancel them, or send a test message."""
    log.configure(in_words=True, warnings_only=True)


@mail.command("list")
def list_mail() -> None:
    """List moderators, open messages and comments that reached nobody. Exit code 3 if anything is parked."""
    found = command.run(_overview(command.settings(os.environ)))
    _print(found)
    if found.is_anything_parked:
        sys.exit(PARKED)


@mail.command()
@click.argument("message")
def show(message: str) -> None:
    """Show one message: its kind, recipient, comments and what the server said. MESSAGE may be abbreviated."""
    _print_details(command.run(_show(command.settings(os.environ), message)))


@mail.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Every moderator and every message.")
def retry(name: str | None, everything: bool) -> None:  # noqa: FBT001 - click's form
    """Retry messages that are parked or waiting for a retry. NAME is a message, or a moderator as site/id."""
    if (name is None) is not everything:
        raise click.UsageError("Name a message or a moderator, or use --all.")
    command.run(_retry(command.settings(os.environ), name))
    click.echo("It will be sent the next time the outbox is checked.")


@mail.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def cancel(name: str, yes: bool) -> None:  # noqa: FBT001 - click's form
    """Cancel messages. NAME is a message, or a moderator as site/id. The comments themselves are kept."""
    if not yes:
        click.confirm("It will not be sent, and nobody is told of its comments by mail. Go on?", abort=True)
    command.run(_cancel(command.settings(os.environ), name))
    click.echo("Cancelled. The comments themselves are kept.")


@mail.command("test")
@click.argument("address")
@click.option("--language", default="en", help="Language of the test message.")
@click.pass_obj
def send_test(limits: command.Limits | None, address: str, language: str) -> None:
    """Send a test message to ADDRESS through the configured server and report each step."""
    settings = command.settings(os.environ)
    try:
        recipient = addresses.normalise(address, local=settings.local_addresses)
    except addresses.InvalidAddressError:
        command.fail([f"{address} is not an e-mail address"])
    command.run(_send_test(settings, recipient, language, limits or command.Limits()))


async def _overview(settings: Settings) -> Overview:
    async with _opened(settings) as (database, directory):
        interval = MailInterval(now=container.utc_now(), base=settings.mail_interval)
        return await administration.overview(database, directory, interval)


async def _show(settings: Settings, name: str) -> Details:
    async with _opened(settings) as (database, directory):
        return await administration.show(database, directory, name)


async def _retry(settings: Settings, name: str | None) -> None:
    async with _opened(settings, Opening.EXISTING) as (database, directory):
        await administration.retry(database, directory, name)


async def _cancel(settings: Settings, name: str) -> None:
    async with _opened(settings, Opening.EXISTING) as (database, directory):
        await administration.cancel(database, directory, name)


@asynccontextmanager
async def _opened(
    settings: Settings, opening: Opening = Opening.READ
) -> AsyncIterator[tuple[Database, Directory]]:
    directory = Directory(KeyRing(settings.secret_keys))
    listed = sites_file.load(settings.sites, local_addresses=settings.local_addresses)
    try:
        async with Database.open(settings.database_url, opening) as database:
            await migrations.require(database)
            await directory.look_up(database, listed)
            yield database, directory
    except NoSuchMailError as error:
        command.fail([str(error)])


async def _send_test(settings: Settings, recipient: str, language: str, limits: command.Limits) -> None:
    links = Links(KeyRing(settings.secret_keys), container.utc_now)
    composer = Composer(public_url=settings.public_url, sender=settings.mail_from, links=links)
    server = settings.smtp
    click.echo(f"To {server.host}:{server.port} ({server.tls}) for {recipient}")
    transport = sending.transports(settings, _say_step, token_within=limits.token)()
    message_id = composer.new_message_id(container.new_id())
    try:
        sample = composer.sample(recipient, language, message_id=message_id, now=container.utc_now())
        await transport.send(sample, recipient)
    except DeliveryError as error:
        click.echo(f"  FAILED  {error.phase}: {error.code or ''} {' '.join(error.reply.split())}".rstrip())
        command.fail([_ADVICE[error.action]])
    finally:
        await transport.close()
    click.echo(f"Sent as {message_id}")


def _print(found: Overview) -> None:
    names = ("moderator", "waiting", "parked", "state", "next try", "the server said")
    people = tables.table(*names, title="Moderators")
    for one in found.mailboxes:
        state = f"parked since {_time(one.person.parked_since)}" if one.person.parked_since else "reachable"
        state = "late" if one.is_late else state
        people.add_row(
            "\n".join(one.names),
            str(one.waiting),
            str(one.parked),
            state,
            _time(one.person.next_attempt_at),
            one.person.last_error or "",
        )
    names = ("message", "kind", "state", "made", "tries", "the server said")
    open_messages = tables.table(*names, title="Open messages")
    for message in found.deliveries:
        open_messages.add_row(
            message.id,
            message.kind,
            message.state,
            _time(message.created_at),
            str(message.attempts),
            message.last_error or "",
        )
    tables.show([people, open_messages, *([_undeliverable(found)] if found.undeliverable_count else [])])


def _undeliverable(found: Overview) -> Table:
    """Name the comments behind readiness' `comments_unheard`."""
    title = f"Comments that reached nobody: {found.undeliverable_count}"
    table = tables.table("comment", "site", "page", "came in", title=title)
    for one in found.undeliverable:
        table.add_row(one.id, one.site_id, one.page_url, _time(one.created_at))
    if found.undeliverable_count > len(found.undeliverable):
        table.caption = f"{found.undeliverable_count - len(found.undeliverable)} more"
    return table


def _print_details(found: Details) -> None:
    message = found.delivery
    table = tables.table()
    for name, value in {
        "message": message.id,
        "kind": message.kind,
        "Message-ID": message.message_id,
        "for": ", ".join(found.names) or message.recipient or "somebody who left",
        "state": message.state,
        "form": "short notice" if message.shortened else "full",
        "made": _time(message.created_at),
        "sent": _time(message.sent_at),
        "tries": str(message.attempts),
        "the server said": message.last_error or "",
    }.items():
        table.add_row(name, value)
    comments = tables.table("comment", "moderator", "state", title="Comments")
    for comment_id, moderator_id, state in found.notifications:
        comments.add_row(comment_id, moderator_id, state)
    tables.show([table, comments] if found.notifications else [table])


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _say_step(phase: Phase, words: str) -> None:
    click.echo(f"  ok      {_STEPS[phase]}: {' '.join(words.split())}".rstrip(": "))
