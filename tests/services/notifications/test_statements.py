"""Authors are told once why a comment is rejected: as the decision stands when the mail goes out."""

from typing import Any

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.receipts import MailedReceipts, OwnComment
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Request
from moderation_service.domain.moderation.statements import STATEMENT, STATEMENT_WAITS, DecidedBy, Statement
from moderation_service.services.operations import erasing, retention
from moderation_service.services.screening.client_networks import Client
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.authors import confirmed, path_in
from tests.support.factories import ADDRESS
from tests.support.office import Office
from tests.support.smtp import MailServer

CLIENT = Client(address=None, network="")
ANNA = Actor(channel=Channel.DESK, moderator_id="anna", name="Anna Moderatrice")


async def reject(office: Office, comment_id: str, actor: Actor = ANNA, **changed: Any) -> None:
    """Reject a comment, in whatever state it is."""
    site = office.container.directory.sites.get("coop")
    assert site is not None
    request = Request(comment_id=comment_id, decision=Decision.REJECT, expected=None, **changed)
    await office.container.moderation.decide(site, [request], actor=actor)


async def own(office: Office, comment_id: str) -> OwnComment:
    """The comment as its author sees it, by the receipt that is mailed."""
    token = MailedReceipts(office.container.keys, office.clock).sign(comment_id)
    return (await office.container.web.receipts.find(token))[1]


async def edit(office: Office, comment_id: str, body: str) -> None:
    site = office.container.directory.sites.get("coop")
    assert site is not None
    await office.container.web.receipts.edit(await own(office, comment_id), site, body, client=CLIENT)


async def sent_after(office: Office, clock: Clock) -> int:
    """How many statements go out once the time for second thoughts is over."""
    clock.advance(seconds=STATEMENT_WAITS.total_seconds())
    return await office.container.queue.deliver_due(STATEMENT)


async def test_a_rejection_is_stated_once_and_only_while_it_stands(
    environ: dict[str, str], clock: Clock, smtp: MailServer
) -> None:
    async with offices.opened(environ, clock) as office:
        comment_id = await confirmed(office, smtp, notify_published=True)
        [unproved] = await office.post(body="un altro", author_email="bruno@example.com")
        await reject(office, comment_id, reason="insult")
        await reject(office, unproved, reason="insult")
        assert await office.container.queue.deliver_due(STATEMENT) == 0, "it may be taken back for a while"
        await office.undo([comment_id])
        assert await sent_after(office, clock) == 0
        await office.decide([comment_id], Decision.SPAM)
        assert await sent_after(office, clock) == 0, "who is taken for a spammer is told nothing"
        await reject(office, comment_id, reason="off_topic")
        await office.decide([comment_id], Decision.SPAM, expected=None)
        assert await sent_after(office, clock) == 0
        await office.undo([comment_id])
        assert await sent_after(office, clock) == 1, "the decision before stands again"
        await office.decide([comment_id], Decision.APPROVE, expected=None)
        await office.undo([comment_id])
        assert await sent_after(office, clock) == 0, "the same decision is not stated twice"
        await office.decide([comment_id], Decision.APPROVE, expected=None)
        await reject(office, comment_id)
        assert await sent_after(office, clock) == 1
        first, second = smtp.to(ADDRESS)[1:]
        assert smtp.to("bruno@example.com") == []
        for part in (first.text(), first.html()):
            said = " ".join(part.split())
            assert "interessante…" in said
            assert "Il commento non ha a che fare con l’argomento della pagina." in said
            assert "La decisione è stata presa da una persona il 22 novembre 2026" in said
            assert "Anna" not in said
        assert first.message["Subject"] == "[Associazione dell'Esempio] Il tuo commento non è stato pubblicato"
        assert second.message["Subject"] == "[Associazione dell'Esempio] Il tuo commento è stato rimosso"
        assert "Non è stato indicato un motivo." in " ".join(second.text().split())
        assert first.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_an_author_is_told_that_an_edit_was_rejected_while_the_comment_stays(
    environ: dict[str, str], clock: Clock, smtp: MailServer
) -> None:
    async with offices.opened(environ, clock) as office:
        comment_id = await confirmed(office, smtp, notify_replies=True)
        await office.decide([comment_id])
        await edit(office, comment_id, "il testo nuovo")
        await reject(office, comment_id, reason="off_topic")
        await office.undo([comment_id])
        assert await sent_after(office, clock) == 0, "the edit waits again"
        await reject(office, comment_id, reason="off_topic")
        assert (await own(office, comment_id)).statement == Statement(
            number=4,
            revision=2,
            decided_at=clock(),
            decided_by=DecidedBy.PERSON,
            rule=None,
            reason="off_topic",
            was_published=False,
            is_of_edit=True,
        )
        assert await sent_after(office, clock) == 1
        [mail] = smtp.to(ADDRESS)[1:]
        assert (
            mail.message["Subject"]
            == "[Associazione dell'Esempio] La modifica al tuo commento non è stata pubblicata"
        )
        for part in (mail.text(), mail.html()):
            said = " ".join(part.split())
            assert "il testo nuovo" in said
            assert "Il commento non ha a che fare con l’argomento della pagina." in said
            assert "Il commento resta pubblicato com’era. Puoi modificarlo di nuovo." in said
            assert "obiezione" not in said
        await edit(office, comment_id, "ancora un altro")
        assert (await own(office, comment_id)).statement is None, "the next one waits"
        await reject(office, comment_id)
        clock.advance(hours=30)
        await retention.forget(office.database, clock(), sites=office.container.directory.sites)
        assert await sent_after(office, clock) == 1, "mail was late, and the text is not kept any more"
        assert "interessante…" not in smtp.to(ADDRESS)[-1].text()
        await edit(office, comment_id, "il terzo")
        await reject(office, comment_id)
        await office.decide([comment_id], Decision.SPAM, expected=None)
        assert await sent_after(office, clock) == 0
        await office.assert_balanced()


async def test_an_answer_to_a_published_comment_keeps_back_nothing_that_is_to_be_stated(
    environ: dict[str, str], clock: Clock, smtp: MailServer
) -> None:
    async with offices.opened(environ, clock) as office:
        comment_id = await confirmed(office, smtp, notify_published=True)
        await office.decide([comment_id])
        await edit(office, comment_id, "il testo nuovo")
        await reject(office, comment_id, reason="off_topic")
        await office.answer(comment_id, "Il testo di prima resta.", expected=Status.APPROVED)
        shown = (await own(office, comment_id)).statement
        assert shown is not None
        assert shown.is_of_edit
        assert await sent_after(office, clock) == 1
        await reject(office, comment_id)
        await office.answer(comment_id, "Una risposta che non si pubblica.", expected=None)
        assert await sent_after(office, clock) == 1


async def test_whoever_proves_an_address_later_is_told_then_and_whoever_ended_mail_is_not(
    environ: dict[str, str], clock: Clock, smtp: MailServer
) -> None:
    async with offices.opened(environ, clock) as office:
        subscriptions = office.container.web.subscriptions
        [late] = await office.post(notify_published=True)
        await reject(office, late, Actor(channel=Channel.API))
        assert await sent_after(office, clock) == 0
        await office.container.queue.deliver_due("address_proof")
        proof = await subscriptions.find(path_in(smtp.to(ADDRESS)[-1]).rpartition("/")[2])
        token = await subscriptions.confirm(proof)
        assert await office.container.queue.deliver_due(STATEMENT) == 1
        mail = smtp.to(ADDRESS)[-1]
        assert "da un programma del sito" in " ".join(mail.text().split())
        [known] = await office.post(body="un altro", author_token=token)
        await subscriptions.end(await subscriptions.find(path_in(mail).rpartition("/")[2]), everything=True)
        await reject(office, known)
        assert await sent_after(office, clock) == 0
        await subscriptions.confirm(proof)
        await office.undo([late])
        await reject(office, late)
        assert await sent_after(office, clock) == 1, "who confirms again wants mail again"


async def test_what_is_erased_is_not_stated_and_no_site_of_the_file_either(
    environ: dict[str, str], clock: Clock, smtp: MailServer
) -> None:
    async with offices.opened(environ, clock) as office:
        comment_id = await confirmed(office, smtp, notify_published=True)
        await reject(office, comment_id)
        done = await erasing.erase(office.database, [comment_id], now=clock())
        assert done.comment_ids == [comment_id]
        assert await sent_after(office, clock) == 0
        assert STATEMENT not in {one.kind for one in await office.messages()}
        assert len(smtp.to(ADDRESS)) == 1
