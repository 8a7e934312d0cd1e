"""What a site tells of its moderation in a year, in numbers, for a transparency page."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from moderation_service import log
from moderation_service.cli import command
from moderation_service.config import Settings
from moderation_service.domain.moderation.transparency import Year
from moderation_service.services.accounts import sites_file
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, Opening
from moderation_service.storage.operations import transparency

_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)


@click.command()
@click.option("--year", type=click.IntRange(2000, 9998), help="The year, in UTC; this one by default.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.pass_obj
def reports(limits: command.Limits | None, year: int | None, *, as_json: bool) -> None:
    """Count the reports of readers and the decisions of a year, for each site."""
    log.configure(in_words=True, warnings_only=True)
    settings = command.settings(os.environ)
    limits = limits or command.Limits()
    found = command.run(_counted(settings, limits, year or datetime.now(UTC).year))
    if as_json:
        click.echo(json.dumps([_plain(one) for one in found], indent=2))
        return
    for one in found:
        for line in _lines(one):
            click.echo(line)


async def _counted(settings: Settings, limits: command.Limits, year: int) -> list[Year]:
    sites = sites_file.load(settings.sites, local_addresses=settings.local_addresses)
    async with Database.open(settings.database_url, Opening.READ, limits=limits.database) as database:
        await migrations.require(database)
        async with database.read() as connection:
            return [
                Year(
                    site_id=site.id,
                    year=year,
                    reports=await transparency.of_reports(connection, site.id, year),
                    decisions=await transparency.of_decisions(connection, site.id, year),
                )
                for site in sites
            ]


def _plain(year: Year) -> dict[str, Any]:
    found = asdict(year)
    median = year.reports.median_time
    del found["reports"]["median_time"]
    found["reports"]["median_seconds"] = None if median is None else int(median.total_seconds())
    return found


def _lines(year: Year) -> Iterator[str]:
    received, decided = year.reports, year.decisions
    yield f"{year.site_id}, {year.year} (UTC)"
    yield f"  Reports of published comments by readers: {received.received:,}"
    if received.received:
        yield f"    reasons: {_listed(received.reasons)}"
        yield f"    outcomes: {_listed(received.outcomes)}"
    if received.suspicious:
        yield f"    probably made by programs: {received.suspicious:,}"
    if received.median_time is not None:
        yield f"    decided by: {_listed(received.decided_by)}"
        yield f"    median time to the decision: {_in_words(received.median_time)}"
    yield f"  Decisions on comments: {sum(sum(one.values()) for one in decided.decisions.values()):,}"
    for name, by in decided.decisions.items():
        if by:
            yield f"    {name}: {sum(by.values()):,} (by {_listed(by)})"
    if decided.reasons or decided.rejected_without_reason:
        given = dict(decided.reasons) | {"without one": decided.rejected_without_reason}
        yield f"    reasons of rejections: {_listed(given)}"
    yield f"  Filed as spam by a rule and by nobody else: {decided.filed_by_rule:,}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count) or "none"


def _in_words(time: timedelta) -> str:
    hours, rest = divmod(time, _HOUR)
    minutes = rest // _MINUTE
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"
