"""The commands."""

import asyncio
import gc
import hashlib
import json
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace

import click
import structlog
from rich.console import Console
from rich.table import Table

from moderation_service import __version__, cli_mail, command, config, log, outside, processes, runtime, sites
from moderation_service.config import Settings, SettingsError
from moderation_service.config.values import LogFormat
from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.keys import KeyRing
from moderation_service.mail.failures import DeliveryError
from moderation_service.processes import ProcessGroup
from moderation_service.services import audit as books
from moderation_service.sites import SitesFileError
from moderation_service.storage import keys as stored_keys
from moderation_service.storage import migrations
from moderation_service.storage.database import Database, NoDatabaseError, Opening
from moderation_service.storage.migrations import SchemaError, State
from moderation_service.web import openapi as document
from moderation_service.web.routes import ENDPOINTS

_log = structlog.stdlib.get_logger(__name__)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Comment moderation by e-mail. Settings are MODERATION_… variables; see README."""


main.add_command(cli_mail.mail)


@main.command()
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Processes that share the port.")
@click.option("--join-port", type=int, hidden=True, help="Listen beside other processes of the same start.")
@click.option("--join-fd", type=int, hidden=True, help="Listen on a socket that processes of this start share.")
@click.option("--number", type=int, default=1, hidden=True, help="Which of these processes this is.")
@click.option("--parent-pipe", type=int, hidden=True, help="Ends with the process that started this one.")
def serve(workers: int, join_port: int | None, join_fd: int | None, number: int, parent_pipe: int | None) -> None:
    """Serve HTTP and send mail until SIGTERM."""
    settings = command.settings(os.environ)
    log.configure(in_words=settings.log_format is LogFormat.CONSOLE)
    for name, meant in config.unknown(os.environ).items():
        _log.warning("settings.unknown", name=name, did_you_mean=meant)
    if join_port is not None or join_fd is not None:
        listen = processes.joined(settings.listen, port=join_port, file=join_fd)
        command.run(_serve(replace(settings, listen=listen), process=number, parent_pipe=parent_pipe))
    elif workers > 1:
        command.run(_serve_by_many(settings, workers))
    else:
        command.run(_serve(settings))


@main.command()
def demo() -> None:
    """Show the whole story on this machine: a page with a form, and a mailbox for its mail."""
    from moderation_service import demo as story  # noqa: PLC0415 - needs the extra of its name

    log.configure(in_words=True, is_quiet=True)
    command.run(story.run(os.environ))


@main.command()
def migrate() -> None:
    """Bring the database schema up to date."""
    log.configure(in_words=True, is_quiet=True)
    try:
        url = config.read_database_url(os.environ)
    except SettingsError as error:
        command.fail(f"{name} {fault}" for name, fault in error.faults.items())
    command.run(_migrate(url))
    click.echo("The schema is up to date.")


@main.command()
def check() -> None:
    """Validate settings, sites file, database and mail log-in; name every fault."""
    log.configure(in_words=True, is_quiet=True)
    for name, meant in config.unknown(os.environ).items():
        click.echo(f"Warning: {name} is not a setting" + (f"; did you mean {meant}?" if meant else "."))
    command.run(_check(os.environ))
    click.echo("Everything is in order.")


@main.command()
def openapi() -> None:
    """Print the OpenAPI 3.1 document."""
    server = os.environ.get("MODERATION_PUBLIC_URL", "http://127.0.0.1:8080")
    click.echo(json.dumps(document.document(ENDPOINTS, server=server), indent=2, ensure_ascii=False))


@main.command()
def audit() -> None:
    """Balance the books: every accepted comment and every promised notice accounted for."""
    log.configure(in_words=True, is_quiet=True)
    try:
        url = config.read_database_url(os.environ)
    except SettingsError as error:
        command.fail(f"{name} {fault}" for name, fault in error.faults.items())
    found = command.run(_audit(url))
    table = Table("what", "rows")
    for name, rows in found.items():
        table.add_row(name, str(rows))
    Console().print(table)
    if any(found.values()):
        sys.exit(1)


@main.group()
def keys() -> None:
    """Keys of programs that moderate."""


@keys.command("new")
def new_key() -> None:
    """Make a bearer key for the moderation API; it is shown once and kept nowhere."""
    key = secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    click.echo(f"Give this key to the program:\n\n{key}\n")
    click.echo(f'Add this line to the site in the sites file:\n\napi_keys = ["sha256:{digest}"]')


async def _serve(settings: Settings, process: int = 1, parent_pipe: int | None = None) -> None:
    stop, sites_changed = asyncio.Event(), asyncio.Event()
    runtime.on_signals(stop, sites_changed)
    if parent_pipe is not None:
        processes.when_parent_ends(parent_pipe, stop.set)
    async with runtime.opened(settings, process=process, sites_changed=sites_changed) as service:
        _forget_what_stays()
        await runtime.serve(service, stop=stop, on_ready=lambda url: click.echo(f"Listening on {url}", err=True))


def _forget_what_stays() -> None:
    """Take what was loaded out of the collector's sight: walking through it stopped every request for 50 ms."""
    gc.collect()
    gc.freeze()


async def _serve_by_many(settings: Settings, workers: int) -> None:
    """Check once what all processes need, then run them; SIGHUP is passed on to each."""
    stop = asyncio.Event()
    group = ProcessGroup(workers, ["-m", "moderation_service", "serve"], settings.listen)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, group.forward, signal.SIGHUP)
    async with runtime.opened(settings):
        pass
    await group.run(stop)


async def _migrate(url: str) -> None:
    async with Database.open(url) as database:
        await migrations.upgrade(database)


async def _audit(url: str) -> dict[str, int]:
    async with Database.open(url, Opening.READ) as database:
        await migrations.require(database)
        return await books.differences(database)


async def _check(environ: Mapping[str, str]) -> None:
    """Try everything that `serve` relies on; exit with all faults."""
    faults: list[str] = []
    settings = None
    try:
        settings = config.read(environ)
    except SettingsError as error:
        faults += [f"{name} {fault}" for name, fault in error.faults.items()]
    path = environ.get(config.variable("sites"))
    if path:
        try:
            sites.load(
                config.values.path(path), local_addresses=environ.get(config.variable("local_addresses")) == "on"
            )
        except SitesFileError as error:
            faults += [f"{path}: {fault}" for fault in error.faults]
    if settings is not None:
        faults += await _check_database(settings)
        faults += await _check_mail(settings)
        seen = await outside.look(settings)
        faults += seen.faults
        for warning in seen.warnings:
            click.echo(f"Warning: {warning}", err=True)
    if faults:
        command.fail(faults)


async def _check_database(settings: Settings) -> list[str]:
    name = config.variable("database_url")
    try:
        async with Database.open(settings.database_url, Opening.READ) as database:
            state, _ = await migrations.look(database)
            if state in {State.EMPTY, State.OLDER}:
                click.echo(f"{name} is not up to date yet; serve sees to it at start, as does migrate.")
                return []
            await migrations.require(database)
            async with database.read() as connection:
                missing = await stored_keys.unlisted(connection, KeyRing(settings.secret_keys))
    except NoDatabaseError as error:
        click.echo(f"{name} is not up to date yet: {error.reason}; serve and migrate make it.")
        return []
    except SchemaError as error:
        return [f"{name}: the database {error}"]
    except UnavailableError as error:
        return [f"{name} cannot be opened: {error.reason}"]
    return [f"{config.variable('secret_keys')} lacks the key {key_id}, still in use" for key_id in missing]


async def _check_mail(settings: Settings) -> list[str]:
    transport = runtime.transports(settings)()
    try:
        await transport.log_in()
    except DeliveryError as error:
        return [f"{config.variable('smtp')} does not work ({error.phase}): {error.reply}"]
    finally:
        await transport.close()
    return []
