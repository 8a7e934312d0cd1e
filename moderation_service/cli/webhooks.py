"""Commands about webhooks: how each stands and why, a POST that says each step, and sending again."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import click
from rich.table import Table

from moderation_service import log
from moderation_service.cli import command, tables
from moderation_service.cli.mail import PARKED
from moderation_service.config import Settings
from moderation_service.domain.accounts.sites import Sites
from moderation_service.domain.notifications.webhooks import Ending
from moderation_service.outgoing_http.client import Client, RequestFailedError, Step
from moderation_service.runtime import container
from moderation_service.services.accounts import sites_file
from moderation_service.services.notifications import webhook_administration as administration
from moderation_service.services.notifications.receiver import PostRefusedError
from moderation_service.services.notifications.webhook_administration import NoSuchWebhookError, Standing
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, Opening
from moderation_service.storage.notifications.deliveries import Stored

_STEPS = {
    Step.RESOLVE: "address found",
    Step.ADDRESS: "address allowed",
    Step.CONNECT: "connected",
    Step.TLS: "secured",
    Step.ANSWER: "answered",
}
_ENDINGS = {
    Ending.GONE: "ended: it answered 410, that it is gone",
    Ending.FAILING: "ended: it failed for five days",
}


_LATER = "The service would try again, later each time, for five days."
_ADVICE = {
    Step.ADDRESS: "With allow_private = true in the sites file it may go to networks that are not public.",
    Step.ANSWER: f"It has to answer 2xx within ten seconds: answer first, then work. {_LATER}",
}


@click.group()
def webhooks() -> None:
    """See how webhooks stand, try one out, or send changes again. WEBHOOK is site/id, or the id alone."""
    log.configure(in_words=True, warnings_only=True)


@webhooks.command("list")
def list_webhooks() -> None:
    """List the webhooks of the sites file. Exit code 3 if one has ended or was refused something for good."""
    found = command.run(_overview(command.settings(os.environ)))
    table = tables.table("webhook", "kind", "to", "state", "waiting", "parked", "told up to", "the receiver said")
    for one in found:
        table.add_row(
            one.name,
            one.webhook.kind,
            one.webhook.host,
            _state(one),
            str(one.waiting),
            str(one.parked),
            "" if one.state is None else f"{one.state.position} of {one.head}",
            (one.state and one.state.last_error) or "",
        )
    tables.show([table])
    if any(one.needs_care for one in found):
        sys.exit(PARKED)


@webhooks.command()
@click.argument("webhook")
def show(webhook: str) -> None:
    """Show one webhook with what waits for it and what was refused for good."""
    standing, found = command.run(_show(command.settings(os.environ), webhook))
    table = tables.table()
    state = standing.state
    for name, value in {
        "webhook": standing.name,
        "kind": standing.webhook.kind,
        "to": standing.webhook.host,
        "events": ", ".join(sorted(standing.webhook.events)),
        "signed by": f"{len(standing.webhook.secrets)} secrets",
        "state": _state(standing),
        "told up to": "" if state is None else f"change {state.position} of {standing.head}",
        "the receiver said": (state and state.last_error) or "",
    }.items():
        table.add_row(name, value)
    tables.show([table, _open(standing, found)] if found else [table])


@webhooks.command("test")
@click.argument("webhook")
def send_test(webhook: str) -> None:
    """Post an event of the type `test` and report each step; a build hook begins to build."""
    command.run(_send_test(command.settings(os.environ), webhook))


@webhooks.command()
@click.argument("webhook")
@click.option("--after", type=click.IntRange(min=0), help="Send all changes after this number again.")
def replay(webhook: str, after: int | None) -> None:
    """Let a webhook that ended go on, and send again what was refused for good, or all after a change."""
    count = command.run(_replay(command.settings(os.environ), webhook, after))
    again = f"{count} refused before" if after is None else f"what is new in {count} change numbers"
    click.echo(f"It goes on within a second of the service's next look, with {again}.")


async def _overview(settings: Settings) -> list[Standing]:
    async with _opened(settings) as (database, sites):
        return await administration.overview(database, sites)


async def _show(settings: Settings, wanted: str) -> tuple[Standing, list[Stored]]:
    async with _opened(settings) as (database, sites):
        return await administration.show(database, sites, wanted)


async def _replay(settings: Settings, wanted: str, after: int | None) -> int:
    async with _opened(settings, Opening.EXISTING) as (database, sites):
        return await administration.replay(database, sites, wanted, after=after, now=container.utc_now())


@asynccontextmanager
async def _opened(settings: Settings, opening: Opening = Opening.READ) -> AsyncIterator[tuple[Database, Sites]]:
    listed = sites_file.load(settings.sites, local_addresses=settings.local_addresses)
    try:
        async with Database.open(settings.database_url, opening) as database:
            await migrations.require(database)
            yield database, listed
    except NoSuchWebhookError as error:
        command.fail([str(error)])


async def _send_test(settings: Settings, wanted: str) -> None:
    listed = sites_file.load(settings.sites, local_addresses=settings.local_addresses)
    try:
        name, webhook = administration.find(listed, wanted)
    except NoSuchWebhookError as error:
        command.fail([str(error)])
    click.echo(f"To {name} at {webhook.host}")
    client = Client(allow_private=webhook.allow_private, on_step=_say_step)
    try:
        await administration.try_out(client, webhook, new_id=container.new_id(), now=container.utc_now())
    except PostRefusedError as error:
        cause = error.__cause__
        step = cause.step if isinstance(cause, RequestFailedError) else Step.ANSWER
        said = f"{error.code or ''} {error.reply}".split()
        click.echo(f"  FAILED  {step}: {' '.join(said)}")
        command.fail([_ADVICE.get(step, _LATER)])
    finally:
        await client.close()
    click.echo("It was taken.")


def _say_step(step: Step, found: str) -> None:
    click.echo(f"  ok      {_STEPS[step]}: {found}".rstrip(": "))


def _state(one: Standing) -> str:
    if one.state is None:
        return "new"
    if one.state.ended is not None:
        return f"{_ENDINGS[Ending(one.state.ended)]} ({_time(one.state.ended_at)})"
    return "works" if one.state.failing_since is None else f"fails since {_time(one.state.failing_since)}"


def _open(standing: Standing, found: list[Stored]) -> Table:
    names = ("change", "state", "made", "tries", "next try", "the receiver said")
    table = tables.table(*names, title="Not taken yet")
    for one in found:
        table.add_row(
            one.reference or "",
            one.state,
            _time(one.created_at),
            str(one.attempts),
            _time(one.next_attempt_at),
            one.last_error or "",
        )
    left = standing.waiting + standing.parked - len(found)
    if left > 0:
        table.caption = f"{left} more"
    return table


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
