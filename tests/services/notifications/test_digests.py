"""However much arrives, a moderator gets few messages, and nothing that waits is forgotten."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.decisions import Decision
from moderation_service.domain.notifications.message import IN_FULL
from moderation_service.services.accounts import logins as login_links
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.storage.comments import comments
from moderation_service.storage.notifications import outbox
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.composed import SUSPECT
from tests.support.office import ANNA, PAUL, Office, counted
from tests.support.running import until
from tests.support.smtp import Mail, MailServer


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock, mail_interval="60") as opened:
        yield opened


async def test_ten_thousand_comments_in_a_minute_are_sent_in_three_messages(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    delivery = office.delivery()
    posted: list[str] = []
    for second in range(121):
        if second < 60 and second % 6 == 0:
            posted += await office.post(1_000)
        await delivery.deliver_due()
        clock.advance(seconds=1)
    for address in (ANNA, PAUL):
        mails = smtp.to(address)
        assert 2 <= len(mails) <= 3
        assert counted(mails) == len(posted) == 10_000
        assert all(len(office.comments_in(mail)) == IN_FULL for mail in mails)
    assert "980" in smtp.to(PAUL)[0].text()
    await office.assert_balanced()


async def test_what_one_message_cannot_hold_is_sent_by_the_next_ones(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    delivery = office.delivery(delivery_limits=DeliveryLimits(most_in_message=4))
    spam = await office.post(6, assessment=SUSPECT)
    posted = await office.post(9)
    await office.decide([posted[1]])
    for _ in range(8):
        await delivery.deliver_due()
        clock.advance(minutes=1)
    sent = [office.comments_in(mail) for mail in smtp.to(ANNA)]
    assert len(sent) > 1
    assert max(map(len, sent)) <= 8, "four that are due, and the four that wait longest"
    assert set(sent[0]) & set(posted), "what is due comes with the first message, however much spam is older"
    assert sorted(one for mail in sent for one in mail) == sorted({*spam, *posted} - {posted[1]})
    first = smtp.to(PAUL)[0]
    counts = "8 comments are waiting for your decision, 6 more look like spam"
    assert counts in " ".join(first.message["Subject"].split()), "the subject counts all that waits"
    assert counted([first]) == len(sent[0])
    await office.assert_balanced()


async def test_where_too_many_wait_to_be_looked_at_the_subject_counts_all_and_names_no_spam(
    office: Office, smtp: MailServer
) -> None:
    delivery = office.delivery(delivery_limits=DeliveryLimits(most_in_message=4, looked_up=3))
    await office.post(6, assessment=SUSPECT)
    await office.post(8)
    await delivery.deliver_due()
    subject = " ".join(smtp.to(PAUL)[0].message["Subject"].split())
    assert "14 comments are waiting for your decision" in subject
    assert "spam" not in subject


async def test_the_first_comment_is_mailed_at_once_and_the_next_after_the_interval(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    delivery = office.delivery()
    first = await office.post()
    await delivery.deliver_due()
    second, third = await office.post(), await office.post()
    clock.advance(seconds=59)
    await delivery.deliver_due()
    assert len(smtp.to(ANNA)) == 1
    clock.advance(seconds=1)
    await delivery.deliver_due()
    assert [office.comments_in(mail) for mail in smtp.to(ANNA)] == [first, second + third]


async def test_a_single_mail_shows_a_long_comment_whole_and_a_digest_shortens_it(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    words = " ".join(f"parola{number}" for number in range(6_000))
    delivery = office.delivery()
    await office.post(body=words)
    await delivery.deliver_due()
    await office.post(2, body=words)
    clock.advance(minutes=1)
    await delivery.deliver_due()
    single, digest = smtp.to(ANNA)
    for part in (single.text(), single.html()):
        assert "parola5999" in part
    for part in (digest.text(), digest.html()):
        assert "parola5999" not in part
    assert " ".join(digest.text().split()).count("Qui il commento è abbreviato") == 2
    assert digest.html().count("Mostra tutto</a>") == 2
    assert "parola5999" in " ".join(single.text().replace("> ", "").split())


@pytest.mark.parametrize("count", [1, 3])
async def test_probable_spam_makes_no_mail_of_its_own_until_a_reminder_is_due(
    office: Office, smtp: MailServer, clock: Clock, count: int
) -> None:
    posted = await office.post(count, assessment=SUSPECT)
    delivery = office.delivery()
    for _ in range(23):
        await delivery.deliver_due()
        clock.advance(hours=1)
    assert smtp.mails == []
    clock.advance(hours=2)
    await delivery.deliver_due()
    [mail] = smtp.to(ANNA)
    assert office.comments_in(mail) == posted
    assert is_digest(mail)
    assert mail.text().count("molti link") == count


async def test_probable_spam_comes_last_in_the_next_digest(office: Office, smtp: MailServer) -> None:
    spam, real = await office.post(2, assessment=SUSPECT), await office.post()
    await office.delivery().deliver_due()
    [mail] = smtp.to(ANNA)
    assert office.comments_in(mail) == real + spam
    assert is_digest(mail)
    subject = " ".join(mail.message["Subject"].split())
    assert subject.endswith("Un commento attende la tua decisione, altri 2 sembrano spam")


async def test_probable_spam_waits_on_when_what_came_with_it_is_decided(office: Office, smtp: MailServer) -> None:
    await office.post(assessment=SUSPECT)
    await office.decide(await office.post())
    await office.delivery().deliver_due()
    assert smtp.mails == []
    assert set((await office.states()).values()) == {"waiting", "superseded"}


async def test_what_nobody_decides_is_sent_again_once_a_day(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    delivery = office.delivery()
    posted = await office.post()
    notified_at: list[int] = []
    for hour in range(24 * 4):
        before = len(smtp.to(ANNA))
        await delivery.deliver_due()
        notified_at += [hour] * (len(smtp.to(ANNA)) - before)
        clock.advance(hours=1)
    assert notified_at == [0, 24, 48, 72]
    first, *again = smtp.to(ANNA)
    assert not is_digest(first)
    for mail in again:
        assert is_digest(mail)
        assert "attende ancora la tua decisione" in mail.message["Subject"]
        assert office.comments_in(mail) == posted
    assert len({mail.message["Message-ID"] for mail in smtp.mails}) == 8


async def test_a_reminder_is_one_digest_of_all_that_is_old_and_leaves_out_what_is_decided(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    delivery = office.delivery()
    first = await office.post()
    await delivery.deliver_due()
    clock.advance(minutes=30)
    second, decided = await office.post(), await office.post()
    await delivery.deliver_due()
    clock.advance(hours=2)
    young = await office.post()
    await delivery.deliver_due()
    await office.decide(decided, Decision.SPAM)
    clock.advance(hours=23)
    before = len(smtp.to(ANNA))
    await delivery.deliver_due()
    [reminder] = smtp.to(ANNA)[before:]
    assert office.comments_in(reminder) == first + second
    assert young[0] not in office.comments_in(reminder)


async def test_a_reminder_comes_after_the_hours_of_the_setting(
    environ: dict[str, str], smtp: MailServer, clock: Clock
) -> None:
    async with offices.opened(environ, clock, remind_after="2") as office:
        await office.post()
        delivery = office.delivery()
        for hours, mails in ((0, 1), (1, 1), (1, 2), (2, 2), (21, 2), (1, 3)):
            clock.advance(hours=hours)
            await delivery.deliver_due()
            assert len(smtp.to(ANNA)) == mails


async def test_a_reminder_that_falls_together_with_news_is_news(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    delivery = office.delivery()
    old = await office.post()
    await delivery.deliver_due()
    clock.advance(hours=25)
    new = await office.post()
    await delivery.deliver_due()
    mail = smtp.to(PAUL)[-1]
    assert office.comments_in(mail) == old + new
    assert "2 comments are waiting for your decision" in mail.message["Subject"]


async def test_a_person_of_two_sites_gets_one_digest_for_both(
    environ: dict[str, str], smtp: MailServer, clock: Clock
) -> None:
    async with offices.opened(environ, clock) as before:
        file = before.container.settings.sites
    file.write_text(file.read_text().replace("olga@example.com", ANNA.upper()))
    async with offices.opened(environ, clock) as office:
        await office.post()
        await office.post(page_url="https://altro.example.com/blog/primo", page_title="Primo")
        await office.delivery().deliver_due()
        [mail] = [one for one in smtp.mails if one.recipients[0].lower().startswith("anna")]
    assert counted([mail]) == 2
    assert "Altro, Associazione dell'Esempio" in mail.message["Subject"]
    assert mail.message["List-Id"] == "<comments.example.net>"
    assert mail.message["References"] is None


def is_digest(mail: Mail) -> bool:
    """Whether the subject gives a count and names no page."""
    return re.search(r"decision", mail.message["Subject"]) is not None


async def test_the_interval_grows_while_nobody_decides_and_is_back_at_the_start_by_a_decision(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    """A client within its limits causes a handful of mails, not one a minute for as long as nobody is there."""
    delivery = office.delivery()
    start, times = clock.now, []
    while clock.now - start < timedelta(hours=4):
        comment = await office.post()
        before = len(smtp.to(ANNA))
        await delivery.deliver_due()
        if len(smtp.to(ANNA)) > before:
            times.append((clock.now - start).total_seconds() / 60)
        clock.advance(minutes=1 if clock.now - start < timedelta(hours=1) else 3)
    waits = [later - sooner for sooner, later in pairwise(times)]
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(waits[7:]) == {60}
    count = len(smtp.to(PAUL))
    await office.decide(comment)
    await office.post()
    await delivery.deliver_due()
    assert len(smtp.to(PAUL)) == count + 1, "any decision on the site, whoever took it"
    await office.post()
    clock.advance(minutes=1)
    await delivery.deliver_due()
    assert len(smtp.to(PAUL)) == count + 2


async def test_the_interval_is_back_at_the_start_for_whoever_logs_in_to_the_desk(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    delivery, container = office.delivery(), office.container
    for minutes in (1, 2, 4, 8):
        await office.post()
        await delivery.deliver_due()
        clock.advance(minutes=minutes)
    await office.post()
    await delivery.deliver_due()
    told = len(smtp.to(PAUL))
    assert told == len(smtp.to(ANNA)) == 5, "the next may follow sixteen minutes later"
    await container.logins.ask(PAUL, network="192.0.2.0/24")
    assert await container.queue.deliver_due(login_links.KIND) == 1
    [link] = smtp.to(PAUL)[-1].links()
    await container.logins.enter(link.rpartition("/")[2])
    waiting = await office.post()
    clock.advance(seconds=59)
    await delivery.deliver_due()
    assert len(smtp.to(PAUL)) == told + 1, "the log-in's own mail"
    clock.advance(seconds=1)
    await delivery.deliver_due()
    assert office.comments_in(smtp.to(PAUL)[-1]) == waiting
    assert len(smtp.to(ANNA)) == told, "who has not logged in still waits"


async def met(office: Office, task: asyncio.Task[None]) -> None:
    """Wait until a task waits for another transaction, or has not had to."""

    async def has() -> bool:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        async with office.database.read() as connection:
            return task.done() or bool((await connection.execute(waiting)).scalar_one())

    await until(has)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("of_many", [False, True])
async def test_a_decision_taken_back_while_mail_takes_its_comment_out_is_heard_of_again(
    office: Office,
    of_many: bool,  # noqa: FBT001
) -> None:
    [posted] = await office.post()
    await office.decide([posted])
    person = (await office.person("anna")).id
    async with office.database.write() as mailing:
        await (outbox.drop_decided_of(mailing, [person]) if of_many else outbox.drop_decided(mailing, person))
        undoing = asyncio.create_task(office.undo([posted]))
        await met(office, undoing)
    await undoing
    assert set((await office.states()).values()) == {"waiting"}


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_mail_takes_no_comment_out_whose_decision_is_being_taken_back(office: Office) -> None:
    [posted] = await office.post()
    await office.decide([posted])
    person = (await office.person("anna")).id

    async def drop() -> None:
        async with office.database.write() as mailing:
            await outbox.drop_decided(mailing, person)

    async with office.database.write() as undoing:
        await comments.set_status(undoing, Status.PENDING, [posted], at=office.clock())
        await outbox.renew(undoing, [posted])
        dropping = asyncio.create_task(drop())
        await met(office, dropping)
    await dropping
    assert set((await office.states()).values()) == {"waiting"}
