"""The commands about mail: what an operator sees, does, and may rely on in a script."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from click.testing import CliRunner, Result

from moderation_service.cli import main
from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.runtime import container
from moderation_service.web.operations import exposition
from tests.conftest import Clock
from tests.support import misbehaving_smtp as servers
from tests.support import office as offices
from tests.support.office import ANNA, Office
from tests.support.smtp import MailServer


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


@pytest.fixture
def operator(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (environ | {"COLUMNS": "200"}).items():
        monkeypatch.setenv(name, value)


async def run(*words: str) -> Result:
    """Run a command in a thread, as it has a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main, ["mail", *words])


@pytest.mark.usefixtures("operator")
async def test_what_waits_and_what_is_parked_is_listed_with_the_reason(office: Office, smtp: MailServer) -> None:
    smtp.refuse_for[ANNA] = "550 5.1.1 No such user here"
    await office.post(2)
    listed = await run("list")
    assert listed.exit_code == 0
    [anna] = [line for line in listed.output.splitlines() if "coop/anna" in line]
    assert anna.split("│")[2].strip() == "2"
    await office.delivery().deliver_due()
    listed = await run("list")
    assert listed.exit_code == 3
    [anna] = [line for line in listed.output.splitlines() if "coop/anna" in line]
    assert "parked since 2026-11-22" in anna
    assert "No such user here" in anna
    [paul] = [line for line in listed.output.splitlines() if "coop/paul" in line]
    assert "reachable" in paul
    assert ANNA not in listed.output


@pytest.mark.usefixtures("operator")
async def test_comments_that_reached_nobody_are_listed_by_id(office: Office, smtp: MailServer) -> None:
    smtp.refuse_for[ANNA] = "550 5.1.1 No such user here"
    await office.post()
    await office.delivery().deliver_due()
    assert "reached nobody" not in (await run("list")).output
    smtp.refuse_recipient = "550 5.1.1 No such user here"
    ids = await office.post(51)
    await office.delivery().deliver_due()
    listed = await run("list")
    assert listed.exit_code == 3
    assert "Comments that reached nobody: 51" in listed.output
    assert [one for one in ids if one in listed.output] == ids[:50]
    assert "1 more" in listed.output
    assert "/chi-siamo" in listed.output


@pytest.mark.usefixtures("operator")
async def test_a_parked_person_is_retried_by_name(office: Office, smtp: MailServer) -> None:
    smtp.refuse_for[ANNA] = "550 5.1.1 No such user here"
    posted = await office.post()
    await office.delivery().deliver_due()
    del smtp.refuse_for[ANNA]
    assert (await run("retry", "coop/anna")).exit_code == 0
    await office.delivery().deliver_due()
    assert office.comments_in(smtp.to(ANNA)[0]) == posted
    assert (await run("list")).exit_code == 0


@pytest.mark.usefixtures("operator")
async def test_a_message_is_shown_retried_and_cancelled_by_the_beginning_of_its_id(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    [comment] = await office.post()
    smtp.refuse_data = "550 5.7.1 Never"
    for _ in range(3):
        await office.delivery().deliver_due()
        clock.advance(minutes=1)
    first, second = await office.messages()
    shown = await run("show", first.id[:-2])
    assert shown.exit_code == 0
    for words in (first.id, first.message_id, "parked", "5.7.1 Never", comment, "short notice"):
        assert words in shown.output
    smtp.refuse_data = None
    assert (await run("retry", first.id)).exit_code == 0
    assert (await run("cancel", second.id, "--yes")).exit_code == 0
    await office.delivery().deliver_due()
    assert len(smtp.mails) == 1
    assert {row.state for row in await office.messages()} == {
        DeliveryState.SUPERSEDED,
        DeliveryState.CANCELLED,
        DeliveryState.SENT,
    }
    again = await run("cancel", second.id, "--yes")
    assert again.exit_code == 1
    assert "cancelled" in again.output
    await office.assert_balanced()


@pytest.mark.usefixtures("operator")
async def test_all_that_waits_for_a_moderator_is_cancelled_only_after_a_yes(
    office: Office, smtp: MailServer
) -> None:
    await office.post()
    assert (await run("cancel", "coop/anna")).exit_code == 1
    assert set((await office.states()).values()) == {"waiting"}
    assert (await run("cancel", "coop/anna", "--yes")).exit_code == 0
    await office.delivery().deliver_due()
    assert smtp.to(ANNA) == []
    assert len(smtp.mails) == 1


@pytest.mark.usefixtures("operator", "office")
async def test_what_does_not_exist_is_said_and_seen_in_the_exit_code() -> None:
    for line, (code, said) in {
        "show 0190": (1, "No messages"),
        "retry coop/nobody": (1, "There is no moderator 'coop/nobody'"),
        "retry": (2, "Name a message"),
        "retry coop/anna --all": (2, "Name a message"),
        "test nobody": (1, "not an e-mail address"),
    }.items():
        result = await run(*line.split())
        assert result.exit_code == code, line
        assert said in result.output, line


@pytest.mark.usefixtures("operator")
async def test_a_sample_is_sent_and_each_step_said(smtp: MailServer) -> None:
    result = await run("test", "olga@example.com", "--language", "de")
    assert result.exit_code == 0
    for step in ("connected", "sender accepted", "recipient accepted", "message accepted"):
        assert f"ok      {step}" in result.output
    [mail] = smtp.to("olga@example.com")
    assert mail.message["Message-ID"] in result.output
    assert "Mails des Moderationsdienstes" in mail.message["Subject"]


@pytest.mark.usefixtures("operator")
async def test_a_sample_that_is_refused_says_where_and_what_would_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    async with servers.answers_recipient_with("550 5.1.1 Who?") as server:
        monkeypatch.setenv("MODERATION_SMTP_URL", server.url)
        result = await run("test", "olga@example.com")
    assert result.exit_code == 1
    assert "ok      sender accepted" in result.output
    assert "FAILED  recipient: 550 5.1.1 Who?" in result.output
    assert "park this recipient" in result.output


@pytest.mark.usefixtures("operator")
async def test_who_is_late_is_named_as_readiness_and_metrics_say_that_somebody_is(
    office: Office, smtp: MailServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "utc_now", clock)

    async def said() -> tuple[str, list[str], float]:
        read = await office.container.exposition.figures._ask()
        [late] = [one for one in exposition.of_database(read) if one.name == "moderation_mail_late"]
        return (await run("list")).output, await office.degraded(), late.samples[0].value

    await office.post()
    clock.advance(minutes=9)
    listed, degraded, late = await said()
    assert ("late" in listed, degraded, late) == (False, [], 0)
    clock.advance(minutes=2)
    listed, degraded, late = await said()
    assert [line.split("│")[4].strip() for line in listed.splitlines() if "coop/" in line] == ["late", "late"]
    assert (degraded, late) == (["mail_late"], 1)
    await office.delivery(smtp.url).deliver_due()
    listed, degraded, late = await said()
    assert ("late" in listed, degraded, late) == (False, [], 0)
