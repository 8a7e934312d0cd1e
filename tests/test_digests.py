"""However much arrives, a moderator gets few messages, and nothing that waits is forgotten."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest

from moderation_service.domain import notices, screening
from moderation_service.domain.decisions import Decision
from moderation_service.storage import outbox
from tests import office as offices
from tests.conftest import Clock
from tests.office import ANNA, PAUL, Office, counted
from tests.smtp import Mail, MailServer

SPAM = screening.PROBABLE_SPAM


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock, mail_interval="60") as opened:
        yield opened


async def test_ten_thousand_comments_in_a_minute_are_told_in_three_messages(
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
        assert all(len(office.told_in(mail)) == notices.IN_FULL for mail in mails)
    assert "980" in smtp.to(PAUL)[0].text()
    await office.assert_balanced()


async def test_what_one_message_cannot_hold_is_told_by_the_next_ones(
    office: Office, smtp: MailServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_IN_A_MESSAGE", 4)
    delivery = office.delivery()
    spam = await office.post(6, spam_score=SPAM)
    posted = await office.post(9)
    await office.decide([posted[1]])
    for _ in range(8):
        await delivery.deliver_due()
        clock.advance(minutes=1)
    told = [office.told_in(mail) for mail in smtp.to(ANNA)]
    assert len(told) > 1
    assert max(map(len, told)) <= 8, "four that are due, and the four that wait longest"
    assert set(told[0]) & set(posted), "what is due comes with the first message, however much spam is older"
    assert sorted(one for mail in told for one in mail) == sorted({*spam, *posted} - {posted[1]})
    first = smtp.to(PAUL)[0]
    assert "14 comments" in first.message["Subject"], "the subject counts all that waits"
    assert counted([first]) == len(told[0])
    await office.assert_balanced()


async def test_the_first_comment_is_told_at_once_and_the_next_after_the_interval(
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
    assert [office.told_in(mail) for mail in smtp.to(ANNA)] == [first, second + third]


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
    assert digest.text().count("Qui è abbreviato") == 2
    assert digest.html().count("Mostra tutto</a>") == 2
    assert "parola5999" in " ".join(single.text().replace("> ", "").split())


@pytest.mark.parametrize("count", [1, 3])
async def test_probable_spam_makes_no_mail_of_its_own_until_a_reminder_is_due(
    office: Office, smtp: MailServer, clock: Clock, count: int
) -> None:
    posted = await office.post(count, spam_score=SPAM)
    delivery = office.delivery()
    for _ in range(23):
        await delivery.deliver_due()
        clock.advance(hours=1)
    assert smtp.mails == []
    clock.advance(hours=2)
    await delivery.deliver_due()
    [mail] = smtp.to(ANNA)
    assert office.told_in(mail) == posted
    assert is_digest(mail)
    assert mail.text().count("Probabile spam") == count


async def test_probable_spam_comes_last_in_the_next_digest(office: Office, smtp: MailServer) -> None:
    spam, real = await office.post(2, spam_score=SPAM), await office.post()
    await office.delivery().deliver_due()
    [mail] = smtp.to(ANNA)
    assert office.told_in(mail) == real + spam
    assert is_digest(mail)


async def test_probable_spam_waits_on_when_what_came_with_it_is_decided(office: Office, smtp: MailServer) -> None:
    await office.post(spam_score=SPAM)
    await office.decide(await office.post())
    await office.delivery().deliver_due()
    assert smtp.mails == []
    assert set((await office.states()).values()) == {"waiting", "superseded"}


async def test_what_nobody_decides_is_told_of_again_once_a_day(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    delivery = office.delivery()
    posted = await office.post()
    told_at: list[int] = []
    for hour in range(24 * 4):
        before = len(smtp.to(ANNA))
        await delivery.deliver_due()
        told_at += [hour] * (len(smtp.to(ANNA)) - before)
        clock.advance(hours=1)
    assert told_at == [0, 24, 48, 72]
    first, *again = smtp.to(ANNA)
    assert not is_digest(first)
    for mail in again:
        assert is_digest(mail)
        assert "attende ancora la tua decisione" in mail.message["Subject"]
        assert office.told_in(mail) == posted
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
    assert office.told_in(reminder) == first + second
    assert young[0] not in office.told_in(reminder)


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
    assert office.told_in(mail) == old + new
    assert "2 comments are waiting for your decision" in mail.message["Subject"]


async def test_a_person_of_two_sites_gets_one_digest_for_both(
    environ: dict[str, str], smtp: MailServer, clock: Clock
) -> None:
    async with offices.opened(environ, clock) as before:
        file = before.service.settings.sites
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
    while clock.now - start < timedelta(hours=6):
        comment = await office.post()
        before = len(smtp.to(ANNA))
        await delivery.deliver_due()
        if len(smtp.to(ANNA)) > before:
            times.append((clock.now - start).total_seconds() / 60)
        clock.advance(minutes=1)
    waits = [later - sooner for sooner, later in pairwise(times)]
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(waits[7:]) == {60}
    told = len(smtp.to(PAUL))
    await office.decide(comment)
    await office.post()
    await delivery.deliver_due()
    assert len(smtp.to(PAUL)) == told + 1, "any decision on the site, whoever took it"
    await office.post()
    clock.advance(minutes=1)
    await delivery.deliver_due()
    assert len(smtp.to(PAUL)) == told + 2
