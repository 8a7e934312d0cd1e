"""The delivery queue: a new kind is a composer and a sender; all else is there already."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.notifications.retry_policy import Phase
from moderation_service.mail.failures import DeliveryError
from moderation_service.metrics import Metrics
from moderation_service.runtime import container
from moderation_service.services.notifications import administration, delivery_queue
from moderation_service.services.notifications.circuit_breaker import Circuit
from moderation_service.services.notifications.kinds import Kind
from moderation_service.services.operations import retention
from moderation_service.storage.notifications import deliveries as stored_deliveries
from moderation_service.storage.notifications.deliveries import Claimed
from moderation_service.storage.schema import deliveries
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.counting import counted
from tests.support.office import ANNA, Office
from tests.support.running import until

REFUSED = DeliveryError(Phase.RECIPIENT, 550, "5.1.1 Nobody here")
LATER = DeliveryError(Phase.RECIPIENT, 450, "4.2.1 Later")
AWAY = DeliveryError(Phase.CONNECT, None, "Connection refused")


class Phone:
    """A sender that rings a phone, which may fail when it is to."""

    def __init__(self) -> None:
        self.is_handing_in = False
        self.rang: list[str] = []
        self.fails: DeliveryError | Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def send(self, content: str) -> None:
        await self.answers.wait()
        if self.fails is not None:
            raise self.fails
        self.rang.append(content)

    async def close(self) -> None:
        """Hang up."""


async def composed(delivery: Claimed) -> str | None:
    return None if delivery.reference == "nothing" else f"Ring for {delivery.reference}"


def ringing(office: Office, phone: Phone, lasts: timedelta | None = None) -> Circuit:
    """The new kind, as the container would add it."""
    circuit = Circuit(office.clock)
    office.container.queue.register(
        Kind(name="ring", compose=composed, senders=[phone], circuit=circuit, lasts=lasts),
        office.container.metrics.mail("ring"),
    )
    return circuit


async def ring(office: Office, reference: str = "Giuliana") -> None:
    """Let one be delivered to Anna, in the transaction of what it is about."""
    anna = office.container.directory.person_of(ANNA)
    assert anna is not None
    new_id = container.new_id()
    async with office.database.write() as connection:
        await stored_deliveries.add_for(
            connection,
            anna,
            new_id=new_id,
            kind="ring",
            reference=reference,
            message_id=new_id,
            now=office.clock(),
        )
    office.container.queue.wake("ring")


# The tests of what the new kind has without another line.


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


@pytest.fixture
def phone() -> Phone:
    return Phone()


async def row(office: Office) -> Any:
    async with office.database.read() as connection:
        return (await connection.execute(select(deliveries).where(deliveries.c.kind == "ring"))).one()


async def is_leased(office: Office) -> bool:
    """Whether a worker holds the one delivery that there is."""
    return (await row(office)).lease_token is not None


async def deliver(office: Office) -> int:
    return await office.container.queue.deliver_due("ring")


async def test_a_new_kind_is_sent_once(office: Office, phone: Phone) -> None:
    ringing(office, phone)
    await ring(office)
    assert [await deliver(office), await deliver(office)] == [1, 0]
    assert phone.rang == ["Ring for Giuliana"]
    assert (await row(office)).state == "sent"
    assert counted(office.container.metrics, "moderation_mail_sent_total", kind="ring") == 1


async def test_two_replicas_send_each_delivery_once(office: Office, phone: Phone) -> None:
    ringing(office, phone)
    for number in range(20):
        await ring(office, str(number))
    another = delivery_queue.DeliveryQueue(office.database, clock=office.clock)
    another.register(
        Kind(name="ring", compose=composed, senders=[phone, phone], circuit=Circuit(office.clock)),
        Metrics().mail("ring"),
    )
    counts = await asyncio.gather(deliver(office), another.deliver_due("ring"))
    assert sum(counts) == 20
    assert len(set(phone.rang)) == len(phone.rang) == 20


async def test_what_fails_for_the_moment_is_tried_again_later_each_time(
    office: Office, phone: Phone, clock: Clock
) -> None:
    ringing(office, phone)
    phone.fails = LATER
    await ring(office)
    await deliver(office)
    first = (await row(office)).next_attempt_at - clock()
    assert timedelta(seconds=8) < first < timedelta(seconds=12)
    assert await deliver(office) == 0
    clock.advance(seconds=12)
    await deliver(office)
    assert (await row(office)).next_attempt_at - clock() > timedelta(seconds=17)
    assert (await row(office)).last_error == "4.2.1 Later"
    phone.fails = None
    clock.advance(minutes=1)
    assert await deliver(office) == 1


async def test_what_was_made_while_the_clock_was_ahead_does_not_wait_for_that_hour(
    office: Office, phone: Phone, clock: Clock
) -> None:
    ringing(office, phone)
    clock.advance(minutes=40)
    await ring(office)
    clock.advance(minutes=-40)
    assert await deliver(office) == 1
    assert phone.rang == ["Ring for Giuliana"]


async def test_a_mistake_of_ours_is_tried_again_too(office: Office, phone: Phone, clock: Clock) -> None:
    ringing(office, phone)
    phone.fails = ValueError("a mistake")
    await ring(office)
    assert await deliver(office) == 0
    phone.fails = None
    clock.advance(minutes=1)
    assert await deliver(office) == 1


async def test_a_database_that_is_away_is_no_fault_of_a_delivery(
    office: Office, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    ringing(office, phone)
    phone.fails = UnavailableError()
    await ring(office)
    with pytest.raises(UnavailableError):
        await deliver(office)
    assert "delivery.failed" not in caplog.text
    found = await row(office)
    assert (found.attempts, found.lease_token) == (0, None)
    phone.fails = None
    assert await deliver(office) == 1, "it is due at once"


async def test_what_is_refused_is_parked_shown_and_sent_after_the_next_that_gets_through(
    office: Office, phone: Phone
) -> None:
    ringing(office, phone)
    phone.fails = REFUSED
    await ring(office, "one")
    await deliver(office)
    assert (await row(office)).state == "parked"
    assert await office.degraded() == ["messages_parked"]
    found = await administration.show(office.database, office.container.directory, (await row(office)).id)
    assert (found.delivery.kind, found.delivery.last_error) == ("ring", "5.1.1 Nobody here")
    assert found.names == ("coop/anna",)
    phone.fails = None
    await ring(office, "two")
    await deliver(office)
    assert phone.rang == ["Ring for two", "Ring for one"]


@pytest.mark.parametrize("by_name", [False, True])
async def test_what_is_parked_is_retried_by_a_command(office: Office, phone: Phone, *, by_name: bool) -> None:
    ringing(office, phone)
    phone.fails = REFUSED
    await ring(office)
    await deliver(office)
    phone.fails = None
    name = "coop/anna" if by_name else (await row(office)).id
    await administration.retry(office.database, office.container.directory, name)
    assert await deliver(office) == 1


async def test_what_is_cancelled_is_not_sent(office: Office, phone: Phone) -> None:
    ringing(office, phone)
    await ring(office)
    await administration.cancel(office.database, office.container.directory, "coop/anna")
    assert await deliver(office) == 0
    assert (await row(office)).state == "cancelled"


async def test_what_nobody_waits_for_any_more_expires(office: Office, phone: Phone, clock: Clock) -> None:
    ringing(office, phone, lasts=timedelta(hours=1))
    phone.fails = LATER
    await ring(office)
    clock.advance(minutes=61)
    await deliver(office)
    assert (await row(office)).state == "expired"
    assert await office.degraded() == []


async def test_what_there_is_nothing_to_say_of_is_superseded(office: Office, phone: Phone) -> None:
    ringing(office, phone)
    await ring(office, "nothing")
    assert await deliver(office) == 0
    assert ((await row(office)).state, phone.rang) == ("superseded", [])


async def test_a_server_that_is_away_is_probed_by_one_and_then_all_goes_out(
    office: Office, phone: Phone, clock: Clock
) -> None:
    circuit = ringing(office, phone)
    phone.fails = AWAY
    for number in range(3):
        await ring(office, str(number))
    await deliver(office)
    assert circuit.is_open
    phone.fails = None
    assert await deliver(office) == 0
    clock.advance(seconds=30)
    assert await deliver(office) == 3
    assert not circuit.is_open


async def test_whoever_lost_the_lease_writes_nothing(office: Office, phone: Phone) -> None:
    ringing(office, phone)
    phone.answers.clear()
    await ring(office)
    delivering = asyncio.create_task(deliver(office))
    await until(lambda: is_leased(office))
    async with office.database.write() as connection:
        await connection.execute(update(deliveries).values(lease_token="another"))
    phone.answers.set()
    await delivering
    assert ((await row(office)).state, (await row(office)).lease_token) == ("waiting", "another")


async def test_a_delivery_that_is_stopped_is_free_for_others(office: Office, phone: Phone) -> None:
    ringing(office, phone)
    phone.answers.clear()
    await ring(office)
    stop = asyncio.Event()
    delivering = asyncio.create_task(office.container.queue.deliver_due("ring", stop))

    async def is_leased() -> bool:
        return (await row(office)).lease_token is not None

    await until(is_leased)
    stop.set()
    await delivering
    assert ((await row(office)).state, (await row(office)).lease_token) == ("waiting", None)


async def test_only_what_is_closed_is_forgotten(office: Office, phone: Phone, clock: Clock) -> None:
    ringing(office, phone)
    await ring(office, "sent")
    await deliver(office)
    phone.fails = REFUSED
    await ring(office, "parked")
    await deliver(office)
    clock.advance(days=31)
    await retention.forget(office.database, clock(), sites=office.container.directory.sites)
    assert (await row(office)).reference == "parked"


async def awake(office: Office) -> set[str]:
    """The kinds whose workers one look asks to send something."""
    channels = office.container.queue.channels
    for channel in channels.values():
        channel.asked.clear()
    await office.container.queue.look()
    return {name for name, channel in channels.items() if channel.asked.is_set()}


async def test_one_look_wakes_only_the_kinds_of_which_something_is_due(
    office: Office, phone: Phone, clock: Clock
) -> None:
    ringing(office, phone)
    assert await awake(office) == set()
    await ring(office)
    assert await awake(office) == {"ring"}
    phone.fails = LATER
    await deliver(office)
    assert await awake(office) == set()
    clock.advance(minutes=1)
    assert await awake(office) == {"ring"}


async def test_a_look_wakes_nobody_for_what_somebody_is_sending(office: Office, phone: Phone) -> None:
    ringing(office, phone)
    phone.answers.clear()
    await ring(office)
    delivering = asyncio.create_task(deliver(office))
    await until(lambda: is_leased(office))
    assert await awake(office) == set()
    phone.answers.set()
    assert await delivering == 1


async def test_a_look_wakes_kinds_whose_server_works_again(office: Office, phone: Phone) -> None:
    """What was refused for good waits for that alone."""
    circuit = ringing(office, phone)
    phone.fails = REFUSED
    await ring(office)
    await deliver(office)
    phone.fails = None
    assert await awake(office) == set()
    circuit.fail(AWAY)
    circuit.close()
    assert await awake(office) == {"ring"}
    assert await deliver(office) == 1


async def test_a_look_asks_one_question_where_nothing_is_due(office: Office) -> None:
    asked: list[str] = []

    def note(*given: Any) -> None:
        asked.append(given[2])

    engine = office.database._reader.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await office.container.queue.look()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len([one for one in asked if one.startswith("SELECT")]) == 1, asked
