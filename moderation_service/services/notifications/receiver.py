"""One webhook's receiver: what is posted to it, signed, and what its answers say of it."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
import structlog
from standardwebhooks import Webhook as Signer

from moderation_service.domain import clocks
from moderation_service.domain.accounts.sites import Webhook, WebhookKind
from moderation_service.domain.comments.changes import Change
from moderation_service.domain.notifications import retry_policy
from moderation_service.domain.notifications.retry_policy import Action, Phase
from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.domain.notifications.webhooks import Ending
from moderation_service.mail.failures import DeliveryError
from moderation_service.outgoing_http.client import Answer, Client, RequestFailedError, Step
from moderation_service.storage.engine.database import Database
from moderation_service.storage.notifications import deliveries
from moderation_service.storage.notifications import webhooks as stored

_READ = 2_000
_MOST_WORDS = 300
_GONE = 410
_PHASES = {Step.TLS: Phase.TLS, Step.ANSWER: Phase.ANSWER}
"""Where a request ended, in the words of the queue; before there is a connection it is that."""

_log = structlog.stdlib.get_logger(__name__)


class PostRefusedError(DeliveryError):
    """A receiver did not take a POST: `code` is the status that it answered, None without an answer.

    It asked to be left alone for `retry_after`. Where the webhook `is_over`, nothing more is sent to it.
    """

    def __init__(
        self,
        phase: Phase,
        code: int | None,
        reply: str,
        *,
        retry_after: timedelta = timedelta(),
        is_over: bool = False,
    ) -> None:
        super().__init__(phase, code, reply)
        self.retry_after = retry_after
        self.is_over = is_over

    @property
    def action(self) -> Action:
        """What is done about it."""
        return Action.PARK_MESSAGE if self.is_over else Action.AGAIN

    @property
    def status(self) -> None:
        """HTTP has no enhanced status codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What is posted: `id` is the same for each try."""

    id: str
    body: bytes


def event(change: Change) -> bytes:
    """Return the body that tells of a change, in which the change is as `/api/v1/changes` has it."""
    said = {"type": change.type, "timestamp": change.at, "data": change}
    return orjson.dumps(said, option=orjson.OPT_UTC_Z)


def target(webhook: Webhook) -> str:
    """Return what tells one URL from another without saying it."""
    return hashlib.sha256(webhook.url.encode()).hexdigest()


async def post(client: Client, webhook: Webhook, content: Post, now: datetime) -> None:
    """Post to a webhook, signed by each of its secrets; raise PostRefusedError unless it answers 2xx in time."""
    headers = {"webhook-id": content.id, "webhook-timestamp": str(int(now.timestamp()))}
    if content.body:
        headers["Content-Type"] = "application/json"
    if webhook.secrets:
        headers["webhook-signature"] = " ".join(
            Signer(secret).sign(content.id, now, content.body.decode()) for secret in webhook.secrets
        )
    try:
        async with client.request("POST", webhook.url, body=content.body, headers=headers) as answer:
            if not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's successes
                raise await _refusal(answer)
    except RequestFailedError as error:
        raise PostRefusedError(_PHASES.get(error.step, Phase.CONNECT), None, error.reason) from error


async def _refusal(answer: Answer) -> PostRefusedError:
    words = b""
    with suppress(RequestFailedError):  # the status says enough
        words = await answer.beginning(_READ)
    said = "".join(one if one.isprintable() else " " for one in words.decode("utf-8", "replace"))
    reply = " ".join(said.split())[:_MOST_WORDS]
    if 300 <= answer.status < 400:  # noqa: PLR2004 - HTTP's redirections
        reply = "it leads elsewhere, which is not followed: name the address where it leads"
    asked = answer.headers.get("Retry-After", "")
    wait = timedelta(seconds=min(int(asked), 3_600)) if asked.isascii() and asked.isdigit() else timedelta()
    return PostRefusedError(Phase.ANSWER, answer.status, reply, retry_after=wait)


class ReceiverBreaker:
    """Asks a receiver that fails less often, by one thing at a time, and lets all out when it works again."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._failures = 0
        self._failed_at: datetime | None = None
        self._until_probe = timedelta()
        self.recoveries = 0

    @property
    def is_open(self) -> bool:
        """Whether nothing is sent but a probe now and then."""
        return self._failed_at is not None

    def take_probe(self) -> bool:
        """Tell whether it is time for one, until it has failed: the one sender sends one at a time."""
        return self._failed_at is not None and clocks.waited(self._failed_at, self._clock()) >= self._until_probe

    def judge(self, error: DeliveryError) -> Action:
        """Return what is done about a failure; more time passes before the next try with each in a row."""
        self._failed_at = self._clock()
        self._until_probe = retry_policy.before_posting_again(self._failures)
        self._failures += 1
        return error.action

    def before_trying_again(self, error: DeliveryError, action: Action, attempts: int) -> timedelta:
        """Return the wait before the same is sent again, no less than the receiver asked for."""
        del action
        asked = error.retry_after if isinstance(error, PostRefusedError) else timedelta()
        return max(retry_policy.before_posting_again(attempts), asked)

    def accept(self) -> None:
        """Note that it took something; several failures before that were its own and not of what was sent."""
        if self._failures >= retry_policy.SEVERAL:
            self.recoveries += 1
        self._failures = 0
        self._failed_at = None


class WebhookSender:
    """Posts to one webhook, and writes down how its receiver stands."""

    def __init__(
        self,
        webhook: Webhook,
        recipient: str,
        client: Client,
        database: Database,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._webhook = webhook
        self._recipient = recipient
        self._client = client
        self._database = database
        self._clock = clock
        self.is_failing = False
        """Whether it was when somebody looked last: then a success is written down."""
        self.is_handing_in = False

    async def send(self, content: Post) -> None:
        """Post it; raise PostRefusedError unless the receiver took it."""
        self.is_handing_in = True
        try:
            await post(self._client, self._webhook, content, self._clock())
        except PostRefusedError as error:
            raise await self._failed(error) from error
        finally:
            self.is_handing_in = False
        await self._succeeded()

    async def close(self) -> None:
        """Keep the connection for what comes next: the server ends it in its time."""

    async def _succeeded(self) -> None:
        is_hook = self._webhook.kind is WebhookKind.BUILD_HOOK
        if not (is_hook or self.is_failing):
            return
        values: dict[str, object] = {"posted_at": self._clock()} if is_hook else {}
        async with self._database.write() as connection:
            await stored.write(connection, self._recipient, failing_since=None, last_error=None, **values)
        if self.is_failing:
            _log.info("webhook.works_again", webhook=self._recipient)
        self.is_failing = False

    async def _failed(self, error: PostRefusedError) -> PostRefusedError:
        """Write down since when it fails; it ends where it says that it is gone, or has failed for too long."""
        now = self._clock()
        async with self._database.write() as connection:
            state = await stored.get(connection, self._recipient, lock=True)
            since = (state and state.failing_since) or now
            ending = Ending.GONE if error.code == _GONE else None
            if ending is None and clocks.age(since, now) > retry_policy.GIVE_UP_AFTER:
                ending = Ending.FAILING
            said = " ".join(f"{error.code or ''} {error.reply}".split())
            await stored.write(connection, self._recipient, failing_since=since, last_error=said)
            if ending is not None:
                await stored.write(connection, self._recipient, ended=ending, ended_at=now)
                await deliveries.settle(connection, self._recipient, [DeliveryState.WAITING], DeliveryState.PARKED)
        if not self.is_failing:
            _log.warning("webhook.fails", webhook=self._recipient, phase=error.phase, status=error.code)
        self.is_failing = True
        if ending is None:
            return error
        _log.error("webhook.ended", webhook=self._recipient, why=ending, since=since.isoformat())
        return PostRefusedError(error.phase, error.code, error.reply, is_over=True)
