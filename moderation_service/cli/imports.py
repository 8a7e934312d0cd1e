"""The command that brings comments of other systems in."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from moderation_service import log
from moderation_service.cli import address_pairs, command
from moderation_service.cli.address_pairs import FaultyFileError
from moderation_service.cli.opening import opened_sites
from moderation_service.config import Settings
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.pages import InvalidPageError, canonical
from moderation_service.domain.importing.records import BrokenFileError
from moderation_service.domain.importing.times import TimeReader
from moderation_service.domain.keys import KeyRing
from moderation_service.importing import formats
from moderation_service.importing.sources import Source
from moderation_service.runtime import container
from moderation_service.services.operations.imported_pages import ImportedPages, faults_of_map
from moderation_service.services.operations.importing import Importing, Report, Wanted

_LONGEST_EXAMPLE = 200


@click.command("import")
@click.argument("name", metavar="FORMAT", type=click.Choice(formats.NAMES))
@click.argument("place", metavar="FILE")
@click.option("--site", "site_id", required=True, metavar="ID", help="The site that the comments belong to.")
@click.option("--dry-run", is_flag=True, help="Only say what would come in, and what would not and why.")
@click.option(
    "--map",
    "map_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV file, each line an old address, a comma and the new one; one without a path is a whole host.",
)
@click.option("--timezone", default="UTC", metavar="ZONE", help="Of times that name none, such as Europe/Rome.")
@click.option("--base-url", metavar="URL", help="Where pages lie that the file names by their path or name alone.")
@click.option("--as-pending", is_flag=True, help="Let moderators decide about all that was published there, too.")
@click.pass_obj
def import_comments(
    limits: command.Limits | None,
    name: str,
    place: str,
    site_id: str,
    *,
    dry_run: bool,
    map_file: Path | None,
    timezone: str,
    base_url: str | None,
    as_pending: bool,
) -> None:
    """Bring the comments of another system into a site; what is there already stays as it is.

    FILE may be a folder where the system has one, and for what is kept in PostgreSQL the URL of the database.

    It may be stopped at any time: the same command goes on where it was. Nobody is notified of what comes in.
    """
    log.configure(in_words=True, warnings_only=True)
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.UsageError(f"There is no time zone {timezone!r}; one is Europe/Rome.") from None
    if base_url is not None:
        try:
            canonical(base_url)
        except InvalidPageError:
            raise click.UsageError(f"--base-url is not an http(s) address: {base_url!r}") from None
    mapped = {} if map_file is None else _read_map(map_file)
    settings, limits = command.settings(os.environ), limits or command.Limits()
    source = Source.at(place)
    if not source.url and not source.path.exists():
        raise click.UsageError(f"There is no file {str(source.path)!r}.")
    times = TimeReader(zone, now=datetime.now(UTC))
    report = command.run(
        _import(settings, limits, name, source, site_id, times, mapped, base_url, as_pending, dry_run=dry_run)
    )
    for line in _lines(report, dry_run=dry_run):
        click.echo(line)
    if report.broken is not None:
        went_on = "What stands before it would come in." if dry_run else "What stands before it has come in."
        command.fail(
            [f"{source.path}: {report.broken}", f"{went_on} Once the file is mended, the same command goes on."]
        )


async def _import(
    settings: Settings,
    limits: command.Limits,
    name: str,
    source: Source,
    site_id: str,
    times: TimeReader,
    mapped: dict[str, tuple[str, str]],
    base_url: str | None,
    as_pending: bool,  # noqa: FBT001
    *,
    dry_run: bool,
) -> Report:
    try:
        reader = formats.of(name, source)
    except BrokenFileError as error:
        command.fail([str(error)])
    keys = KeyRing(settings.secret_keys)
    async with opened_sites(settings, limits, writes=not dry_run) as (database, directory, _):
        site = directory.sites.get(site_id)
        if site is None:
            listed = ", ".join(one.id for one in directory.sites)
            command.fail([f"The sites file lists no site {site_id!r}; there are: {listed}"])
        faults = faults_of_map(directory, site, mapped)
        if base_url is not None:
            faults += faults_of_map(directory, site, {"": (base_url, "--base-url: ")})
        if faults:
            command.fail([*faults, "Nothing was imported."])
        if not dry_run:
            await directory.replace(database, directory.sites, now=container.utc_now(), new_id=container.new_id)
        found_pages = ImportedPages(
            directory, site, base=base_url, mapped={old: new for old, (new, _) in mapped.items()}
        )
        wanted = Wanted(site=site, source=name, as_pending=as_pending, dry_run=dry_run)
        with _Bar() as bar:
            work = Importing(database, keys, wanted, found_pages, clock=container.utc_now, progress=bar.show)
            return await work.run(reader.read(source, times))


class _Bar:
    """A progress bar on a terminal's standard error."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,} of {task.fields[shown]}"),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if self._progress.console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, stage: str, done: int, total: int | None) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total, shown="")
        shown = "…" if total is None else f"{total:,}"
        self._progress.update(self._tasks[stage], completed=done, total=total, shown=shown)


def _read_map(file: Path) -> dict[str, tuple[str, str]]:
    """Return the new address for each old one with its place; end the command with all that is wrong."""
    try:
        pairs = address_pairs.read(file)
    except FaultyFileError as error:
        command.fail([*error.faults, "Nothing was imported."])
    found: dict[str, tuple[str, str]] = {}
    faults = [
        f"{place}{old} is given another new address than before"
        for old, new, place in pairs
        if found.setdefault(old, (new, place))[0] != new
    ]
    if faults:
        command.fail([*faults, "Nothing was imported."])
    return found


def _lines(report: Report, *, dry_run: bool) -> Iterator[str]:
    would = "would come in" if dry_run else "came in"
    taken = sum(report.taken.values())
    yield f"{report.read:,} entries read, {_comments(taken)} {would} on {_pages(report.pages)}."
    yield from (f"  {status}: {report.taken[status]:,}" for status in Status if report.taken[status])
    if report.held:
        yield f"  of these, published there and waiting here: {report.held:,}"
    if report.known:
        yield f"Already there: {report.known:,}"
    yield from _counted(f"Left out: {sum(report.left_out.values()):,}", report.left_out, report.examples)
    for count, what in (
        (report.orphans, "Answers to comments that are not there, which begin threads now"),
        (report.circles, "Threads that answered themselves, which were cut open"),
        (report.bad_dates, "Comments without a possible date, which took that of the entry before them"),
        (report.merged_pages, "Addresses that are one page with another by the site's rules"),
    ):
        if count:
            yield f"{what}: {count:,}"
    yield from _counted("Lost on the way:", report.lost, {})


def _counted(title: str, counts: Counter[str], examples: Mapping[str, list[str]]) -> Iterator[str]:
    """Name all that was counted, the most frequent first, each with some examples."""
    found = [(what, count) for what, count in counts.most_common() if count]
    if found:
        yield title
    for what, count in found:
        yield f"  {what}: {count:,}"
        for example in examples.get(what, ()):
            yield f"    {example[:_LONGEST_EXAMPLE]}"


def _comments(count: int) -> str:
    return "1 comment" if count == 1 else f"{count:,} comments"


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"
