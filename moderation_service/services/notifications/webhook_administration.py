"""What an operator may see and do about webhooks: how each stands, what waits, and sending again."""

from dataclasses import dataclass
from datetime import datetime

import orjson

from moderation_service.domain.accounts.sites import Sites, Webhook, WebhookKind
from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.outgoing_http.client import Client
from moderation_service.services.notifications import receiver, webhooks
from moderation_service.services.notifications.receiver import Post
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.notifications import deliveries
from moderation_service.storage.notifications import webhooks as stored
from moderation_service.storage.notifications.deliveries import Stored
from moderation_service.storage.notifications.webhooks import WebhookState

MOST_SHOWN = 50
"""How many open deliveries of a webhook are shown; the rest is a count."""

_OPEN = (DeliveryState.WAITING, DeliveryState.PARKED)


class NoSuchWebhookError(Exception):
    """No webhook of the sites file has that name, several have, or nothing of it can be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a listed webhook stands; without a `state` no service has run with it yet."""

    name: str
    webhook: Webhook
    state: WebhookState | None
    head: int
    waiting: int
    parked: int

    @property
    def needs_care(self) -> bool:
        """Whether somebody has to look after it."""
        return bool(self.parked) or (self.state is not None and self.state.ended is not None)


async def overview(database: Database, sites: Sites) -> list[Standing]:
    """Return all listed webhooks by name."""
    listed = webhooks.listed(sites)
    async with database.read() as connection:
        states = await stored.all_of(connection)
        counts = await deliveries.counts(connection, list(listed))
    return [
        Standing(
            name=name,
            webhook=webhook,
            state=states[name][0] if name in states else None,
            head=states[name][1] if name in states else 0,
            waiting=counts.get((name, DeliveryState.WAITING), 0),
            parked=counts.get((name, DeliveryState.PARKED), 0),
        )
        for name, (_, webhook) in sorted(listed.items())
    ]


async def show(database: Database, sites: Sites, wanted: str) -> tuple[Standing, list[Stored]]:
    """Return a webhook with the first deliveries that are open; raise NoSuchWebhookError."""
    name, _ = find(sites, wanted)
    [standing] = [one for one in await overview(database, sites) if one.name == name]
    async with database.read() as connection:
        return standing, await deliveries.open_for(connection, name, MOST_SHOWN)


async def replay(database: Database, sites: Sites, wanted: str, *, after: int | None, now: datetime) -> int:
    """Let a webhook go on, and send again what was refused for good; return how much that is.

    With `after` it goes on behind that change instead, or before that with what was not sent yet; then the number
    of changes is returned that lie behind. Raises NoSuchWebhookError.
    """
    name, webhook = find(sites, wanted)
    async with database.write() as connection:
        state = await stored.get(connection, name, lock=True)
        if state is None:
            raise NoSuchWebhookError(f"No service has run with {name} yet, so there is nothing to send again.")
        on = {"failing_since": None, "last_error": None, "ended": None, "ended_at": None, "posted_at": None}
        await stored.write(connection, name, **on, target=receiver.target(webhook))
        if after is None:
            return await deliveries.revive(connection, name, now=now)
        return await _go_back(connection, state, after)


async def _go_back(connection: Connection, state: WebhookState, after: int) -> int:
    _, head = (await stored.all_of(connection))[state.recipient]
    if after > head:
        raise NoSuchWebhookError(f"The newest change of {state.site_id} is {head}: nothing comes after {after}.")
    unsent = await deliveries.references_open_for(connection, state.recipient)
    position = min([after, *(int(one) - 1 for one in unsent if one is not None)])
    await deliveries.settle(connection, state.recipient, _OPEN, DeliveryState.SUPERSEDED)
    await stored.write(connection, state.recipient, position=position)
    return head - position


async def try_out(client: Client, webhook: Webhook, *, new_id: str, now: datetime) -> None:
    """Post an event of the type `test`, or to a build hook what it always gets; raise PostRefusedError."""
    said = {"type": "test", "timestamp": now, "data": None}
    body = b"" if webhook.kind is WebhookKind.BUILD_HOOK else orjson.dumps(said, option=orjson.OPT_UTC_Z)
    await receiver.post(client, webhook, Post(id=new_id, body=body), now)


def find(sites: Sites, wanted: str) -> tuple[str, Webhook]:
    """Return the listed webhook named as `site/webhook`, or by its own id alone where no other has that."""
    listed = webhooks.listed(sites)
    matches = [name for name in listed if wanted in (name, name.partition("/")[2])]
    if len(matches) != 1:
        known = ", ".join(sorted(matches or listed)) or "none"
        few = "Several webhooks are" if matches else "No webhook of the sites file is"
        raise NoSuchWebhookError(f"{few} called {wanted!r}; there are: {known}.")
    return matches[0], listed[matches[0]][1]
