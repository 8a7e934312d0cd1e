"""The command that takes the comments of a site out."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from moderation_service import log
from moderation_service.cli import command
from moderation_service.cli.opening import opened_sites
from moderation_service.config import Settings
from moderation_service.domain.accounts.addresses import InvalidAddressError
from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.keys import KeyRing
from moderation_service.runtime.container import utc_now
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.operations import personal_data
from moderation_service.services.operations.exporting import Exporting

_FORMATS = ("jsonl", "wxr", "static")


@click.command("export")
@click.option("--site", "site_id", required=True, metavar="ID", help="The site whose comments are taken out.")
@click.option("--format", "name", type=click.Choice(_FORMATS), default="jsonl", help="jsonl holds everything.")
@click.option("--to", type=click.Path(path_type=Path), metavar="PATH", help="A file, or for static a folder.")
@click.option("--with-addresses", is_flag=True, help="With authors' addresses, which are personal data.")
@click.option(
    "--address-file",
    type=click.Path(path_type=Path, allow_dash=True, exists=True, dir_okay=False),
    help="Instead, all that is kept about the address in this file, for whoever has a right to it; - reads it "
    "from standard input.",
)
@click.pass_obj
def export_comments(
    limits: command.Limits | None,
    site_id: str,
    name: str,
    to: Path | None,
    address_file: Path | None,
    *,
    with_addresses: bool,
) -> None:
    """Write all comments of a site to standard output, or --to a file; the service may run meanwhile.

    Of the formats, jsonl holds everything and is what `import jsonl` reads, wxr is for WordPress and whatever
    reads its files, and static is a JSON file for each page with what readers see.
    """
    log.configure(in_words=True, warnings_only=True)
    if name == "static" and (to is None or with_addresses):
        raise click.UsageError("static needs --to a folder, and never holds addresses: such files are published.")
    settings, limits = command.settings(os.environ), limits or command.Limits()
    if address_file is not None:
        if name != "jsonl" or with_addresses:
            raise click.UsageError(
                "--address-file has a form of its own: leave --format and --with-addresses out."
            )
        try:
            command.run(_export_address(settings, limits, site_id, command.read_text(address_file), to))
        except InvalidAddressError:
            command.fail(["What was read is not one e-mail address."])
        return
    count = command.run(_export(settings, limits, site_id, name, to, with_addresses=with_addresses))
    click.echo("1 comment was exported." if count == 1 else f"{count:,} comments were exported.", err=True)


async def _export_address(
    settings: Settings, limits: command.Limits, site_id: str, address: str, to: Path | None
) -> None:
    async with opened_sites(settings, limits, writes=False) as (database, directory, _):
        keys = KeyRing(settings.secret_keys)
        site = _listed(directory, site_id)
        found = await personal_data.collect(database, keys, site, address, now=utc_now(), with_notes=True)
    said = orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if to is None:
        sys.stdout.buffer.write(said)
    else:
        with os.fdopen(_private(to), "wb") as file:
            file.write(said)
    counted = f"comments: {len(found['comments'])}, reports: {len(found['reports'])}"
    click.echo(f"What is kept about the address was written: {counted}. Read moderators_notes first.", err=True)


def _listed(directory: Directory, site_id: str) -> Site:
    site = directory.sites.get(site_id)
    if site is None:
        listed = ", ".join(one.id for one in directory.sites)
        command.fail([f"The sites file lists no site {site_id!r}; there are: {listed}"])
    return site


async def _export(
    settings: Settings, limits: command.Limits, site_id: str, name: str, to: Path | None, *, with_addresses: bool
) -> int:
    async with opened_sites(settings, limits, writes=False) as (database, directory, _):
        site = _listed(directory, site_id)
        work = Exporting(database, KeyRing(settings.secret_keys), site, with_addresses=with_addresses)
        if name == "static" and to is not None:
            os.makedirs(to, exist_ok=True)  # noqa: PTH103 - nothing else runs
            return sum([count async for count in work.static(to)])
        parts = work.json_lines() if name == "jsonl" else work.wordpress()
        if to is None:
            return await _written(parts, sys.stdout.buffer)
        partial = to.with_name(f"{to.name}.part")
        with os.fdopen(_private(partial), "wb") as file:
            count = await _written(parts, file)
        partial.replace(to)
        return count


async def _written(parts: AsyncIterator[tuple[bytes, int]], file: BinaryIO) -> int:
    total = 0
    async for part, count in parts:
        file.write(part)
        total += count
    file.flush()
    return total


def _private(path: Path) -> int:
    """Open a file that only its owner may read, as it may hold addresses and texts that wait."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
