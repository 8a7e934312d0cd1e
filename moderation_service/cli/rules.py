"""Commands about the rules of sites: what they would have made of the comments that are stored."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from moderation_service import log
from moderation_service.cli import command
from moderation_service.config import Settings
from moderation_service.domain.screening.rules import Action, Rule
from moderation_service.services.accounts import sites_file
from moderation_service.services.accounts.sites_file import SitesFileError
from moderation_service.services.screening import rule_replay
from moderation_service.services.screening.rule_replay import Replayed, SiteReplay
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, Opening

_DONE = {
    Action.HOLD: "held",
    Action.SUSPECT: "suspected",
    Action.SPAM: "filed as spam",
    Action.REFUSE: "refused",
}


@click.group()
def rules() -> None:
    """See what rules of sites come to."""
    log.configure(in_words=True, warnings_only=True)


@rules.command("test")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--show", "most_shown", type=click.IntRange(0, 1_000), default=20, help="Comments shown for each rule."
)
@click.pass_obj
def test_rules(limits: command.Limits | None, file: Path | None, most_shown: int) -> None:
    """Hold the rules of the sites file, or those of FILE, against all stored comments; nothing is changed.

    FILE has [[site.rule]] tables as the sites file does; of the sites it needs to say no more than the id.
    """
    settings = command.settings(os.environ)
    limits = limits or command.Limits()
    for line in command.run(_test(settings, limits, file, most_shown)):
        click.echo(line)


async def _test(settings: Settings, limits: command.Limits, file: Path | None, most_shown: int) -> list[str]:
    sites = sites_file.load(settings.sites, local_addresses=settings.local_addresses)
    wanted = {site.id: site.rules for site in sites}
    if file is not None:
        wanted = _rules_of(file, wanted)
    wanted = {site_id: of_site for site_id, of_site in wanted.items() if of_site}
    if not wanted:
        return ["No site has a rule."]
    async with Database.open(settings.database_url, Opening.READ, limits=limits.database) as database:
        await migrations.require(database)
        found = await rule_replay.replay(database, wanted, most_shown=most_shown)
    return [line for site_id, one in found.items() for line in _site_lines(site_id, one, most_shown)]


def _rules_of(file: Path, listed: Mapping[str, tuple[Rule, ...]]) -> dict[str, tuple[Rule, ...]]:
    """Return the rules of a file by site, or end the command with what is wrong with it."""
    try:
        found = sites_file.load_rules(file)
    except SitesFileError as error:
        command.fail(f"{file}: {fault}" for fault in error.faults)
    unknown = sorted(found.keys() - listed.keys())
    if unknown:
        command.fail(f"{file}: the sites file lists no site {site_id!r}" for site_id in unknown)
    return found


def _site_lines(site_id: str, replay: SiteReplay, most_shown: int) -> Iterator[str]:
    yield f"{site_id}: {_counted(replay.comments)}"
    for one in replay.rules:
        yield from _rule_lines(one, replay.comments, most_shown)


def _rule_lines(replayed: Replayed, comments: int, most_shown: int) -> Iterator[str]:
    done = _DONE[replayed.rule.then]
    approved = "" if not replayed.matched else f"; moderators had approved {replayed.approved:,} of them"
    yield ""
    yield f"  {replayed.rule.name}: would have {done} {replayed.matched:,} of {comments:,}{approved}"
    shown = replayed.shown(most_shown)
    for one in shown:
        yield f"    {one.id}  {one.status:9}  {one.page_url}  {one.words}"
    if len(shown) < replayed.matched:
        yield f"    and {replayed.matched - len(shown):,} more"


def _counted(comments: int) -> str:
    return "1 comment" if comments == 1 else f"{comments:,} comments"
