"""The command that tries out the places to which moderators are told by push."""

import asyncio
import os

import click

from moderation_service import log
from moderation_service.cli import command
from moderation_service.config import Settings
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.links import Links
from moderation_service.domain.notifications.pushes import scheme
from moderation_service.domain.notifications.retry_policy import Action
from moderation_service.push import services
from moderation_service.push.composing import PushComposer
from moderation_service.push.services import PushRefusedError
from moderation_service.runtime import container
from moderation_service.services.accounts import sites_file
from moderation_service.services.notifications import push_administration
from moderation_service.services.notifications.push_administration import NoSuchModeratorError

_MEANING = {
    400: "The place cannot use the message; see whether all that its URL needs is there.",
    401: "The place asks for a log-in: correct the token, or user and password, in the URL.",
    403: "The place refuses who sends: correct the token, or give it the right to write there.",
    404: "There is no such place: correct the topic, chat or path in the URL.",
    405: "Something answers there that takes no messages: correct the host or port in the URL.",
    410: "The place is gone: make a new one, and list its URL.",
    413: "The place takes no message of that length.",
    429: "The place takes no more messages for now.",
}
_AFTERWARDS = {
    Action.AGAIN: "The service would try again, later each time, for five days.",
    Action.PARK_MESSAGE: "The service would park the message until the place has taken a later one.",
}


@click.group()
def push() -> None:
    """Try out the places to which a moderator is told of comments by push. See docs/push.md."""
    log.configure(in_words=True, warnings_only=True)


@push.command("test")
@click.argument("moderator")
@click.pass_obj
def send_test(limits: command.Limits | None, moderator: str) -> None:
    """Send a test message to every place of MODERATOR and report each step.

    MODERATOR is site/id, or the id alone where no other moderator has it. Exit code 1 if a place did not take it.
    """
    command.run(_send_test(command.settings(os.environ), moderator, (limits or command.Limits()).push))


async def _send_test(settings: Settings, wanted: str, within: float) -> None:
    listed = sites_file.load(settings.sites, local_addresses=settings.local_addresses)
    try:
        role = push_administration.find(listed, wanted)
    except NoSuchModeratorError as error:
        command.fail([str(error)])
    places = role.moderator.push
    if not places:
        command.fail([f"{role.name} has no places for push: list their URLs as push or push_file."])
    links = Links(KeyRing(settings.secret_keys), container.utc_now)
    composer = PushComposer(public_url=settings.public_url, links=links)
    content = composer.sample(role.moderator.language, title=role.site.name)
    refused = 0
    for number, url in enumerate(places, 1):
        click.echo(f"To {role.name}, place {number} of {len(places)}: {scheme(url)}://")
        click.echo("  ok      the URL is one that Apprise can use")
        try:
            await asyncio.to_thread(services.send, url, content, within=within)
        except PushRefusedError as error:
            refused += 1
            click.echo(f"  FAILED  {error.reply}")
            _advise(error)
        else:
            click.echo("  ok      the message was taken")
    if refused:
        command.fail([f"{refused} of {len(places)} places did not take it." if len(places) > 1 else "Not taken."])
    click.echo("Every place took it: see whether it arrived." if len(places) > 1 else "See whether it arrived.")


def _advise(error: PushRefusedError) -> None:
    for line in (_MEANING.get(error.code or 0), _AFTERWARDS[error.action]):
        if line is not None:
            click.echo(f"          {line}")
