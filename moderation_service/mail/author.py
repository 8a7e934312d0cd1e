"""Mail to authors: one asks to confirm an address, others tell of comments that are published or rejected."""

from collections.abc import Collection
from datetime import datetime
from email.message import EmailMessage

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import QueuedComment
from moderation_service.domain.comments.notices import Notice
from moderation_service.domain.comments.personal_data import Wish
from moderation_service.domain.moderation.statements import Statement
from moderation_service.locales import reason_texts
from moderation_service.mail import headers, presentation
from moderation_service.mail.rendering import host_of, identify, write


class AuthorComposer:
    """Writes mail to authors in the language and time zone of their site; they are not addressed by a name.

    Whoever fills in a form with the address of somebody else must not be able to say anything to them by it: what
    is sent before an address is confirmed holds nothing that anybody wrote.
    """

    def __init__(self, *, public_url: str, sender: str) -> None:
        self._public_url = public_url
        self._sender = sender
        self._host = host_of(public_url)

    def proof(
        self,
        site: Site,
        comment: QueuedComment,
        notices: Collection[Notice],
        recipient: str,
        *,
        token: str,
        delivery_id: str,
        now: datetime,
    ) -> EmailMessage:
        """Return the mail that asks to confirm the address of a comment, and says what is sent to it then."""
        mail = write(
            "address_proof",
            language=site.language,
            sender=(site.name, self._sender),
            to=("", recipient),
            reply_to=_answered_by(site),
            values={
                "site": site,
                "written_at": comment.created_at,
                "notices": notices,
                "proof_url": self._link(token),
            },
        )
        identify(mail, f"<proof.{delivery_id}@{self._host}>", now)
        return mail

    def notice(
        self,
        site: Site,
        notice: Notice,
        about: QueuedComment,
        recipient: str,
        *,
        held: int,
        receipt: str,
        token: str,
        delivery_id: str,
        now: datetime,
        reason: str | None = None,
    ) -> EmailMessage:
        """Return the mail that tells an author of a published comment; `token` ends such mail by one click.

        `held` counts the replies before this one of which the author was not mailed, as there were too many;
        `receipt` opens the page of the author's own comment, and `reason` is the code of why passages of it were
        taken out.
        """
        end_url = self._link(token)
        mail = write(
            "author_notice",
            language=site.language,
            sender=(site.name, self._sender),
            to=("", recipient),
            reply_to=_answered_by(site),
            values={
                "site": site,
                "is_reply": notice is Notice.REPLIES,
                "comment": presentation.published(about, site.language),
                "reason": reason and reason_texts.sentence(site.language, site.language, site.reasons, reason),
                "held": held,
                "receipt_url": self._receipt(receipt),
                "end_url": end_url,
            },
        )
        identify(mail, f"<notice.{delivery_id}@{self._host}>", now)
        self._let_end(mail, site, end_url)
        return mail

    def statement(
        self,
        site: Site,
        comment: QueuedComment,
        statement: Statement,
        recipient: str,
        *,
        receipt: str,
        token: str,
        delivery_id: str,
        now: datetime,
    ) -> EmailMessage:
        """Return the mail that says why a text is rejected or shortened; `receipt` opens the comment's page."""
        end_url, reason = self._link(token), statement.reason
        mail = write(
            "statement",
            language=site.language,
            sender=(site.name, self._sender),
            to=("", recipient),
            reply_to=_answered_by(site),
            values={
                "site": site,
                "statement": statement,
                "reason": reason and reason_texts.sentence(site.language, site.language, site.reasons, reason),
                "comment": presentation.published(comment, site.language),
                "receipt_url": self._receipt(receipt),
                "may_object": comment.objected_at is None and not statement.is_of_edit,
                "end_url": end_url,
            },
        )
        identify(mail, f"<statement.{delivery_id}@{self._host}>", now)
        self._let_end(mail, site, end_url)
        return mail

    def personal_data(
        self, site: Site, wish: Wish, recipient: str, *, token: str, delivery_id: str, now: datetime
    ) -> EmailMessage:
        """Return the mail that asks to confirm a wish about all that is kept of the address."""
        mail = write(
            "personal_data",
            language=site.language,
            sender=(site.name, self._sender),
            to=("", recipient),
            reply_to=_answered_by(site),
            values={
                "site": site,
                "erases": wish is Wish.ERASE,
                "url": f"{self._public_url}/personal-data/{token}",
            },
        )
        identify(mail, f"<personal-data.{delivery_id}@{self._host}>", now)
        return mail

    def _let_end(self, mail: EmailMessage, site: Site, end_url: str) -> None:
        """Let mail programs end such mail by one click (RFC 8058)."""
        mail["List-Id"] = headers.tokens("List-Id", f"<notices.{site.id}.{self._host}>")
        mail["List-Unsubscribe"] = headers.tokens("List-Unsubscribe", f"<{end_url}>")
        mail["List-Unsubscribe-Post"] = headers.tokens("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")

    def _receipt(self, token: str) -> str:
        return f"{self._public_url}/receipts/{token}"

    def _link(self, token: str) -> str:
        return f"{self._public_url}/subscriptions/{token}"


def _answered_by(site: Site) -> list[tuple[str, str]]:
    return [] if site.contact is None else [(site.name, site.contact)]
