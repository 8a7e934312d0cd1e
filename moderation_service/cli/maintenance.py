"""Commands for those who run the service: schema, audit, API document."""

import json
import os
import sys

import click

from moderation_service import log
from moderation_service.cli import command, tables
from moderation_service.services.operations import consistency
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, Opening
from moderation_service.web.operations import openapi as document
from moderation_service.web.routes import ENDPOINTS


@click.command()
@click.option("--back-to", metavar="SCHEMA", help="Take the schema back for an older version instead.")
def migrate(back_to: str | None) -> None:
    """Bring the database schema up to date, or with --back-to take it back while the service is stopped."""
    log.configure(in_words=True, warnings_only=True)
    url = command.database_url(os.environ)
    if back_to is None:
        command.run(_migrate(url))
        click.echo("The schema is up to date.")
    else:
        command.run(_take_back(url, back_to))
        click.echo(f"The schema is {back_to}. Start the older version now: this one would migrate it again.")


@click.command()
def audit() -> None:
    """Account for every accepted comment and every notification that is to be sent."""
    log.configure(in_words=True, warnings_only=True)
    url = command.database_url(os.environ)
    found = command.run(_audit(url))
    table = tables.table("what", "rows")
    for name, rows in found.items():
        table.add_row(name, str(rows))
    tables.show([table])
    if any(found.values()):
        sys.exit(1)


@click.command()
def openapi() -> None:
    """Print the OpenAPI 3.1 document."""
    server = os.environ.get("MODERATION_PUBLIC_URL", "http://127.0.0.1:8080")
    click.echo(json.dumps(document.document(ENDPOINTS, server=server), indent=2, ensure_ascii=False))


async def _migrate(url: str) -> None:
    async with Database.open(url) as database:
        await migrations.upgrade(database)


async def _take_back(url: str, revision: str) -> None:
    async with Database.open(url, Opening.EXISTING) as database:
        await migrations.downgrade(database, revision)


async def _audit(url: str) -> dict[str, int]:
    async with Database.open(url, Opening.READ) as database:
        await migrations.require(database)
        return await consistency.differences(database)
