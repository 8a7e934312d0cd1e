"""What appears on a phone: short, and without what commenters wrote unless their site says otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from moderation_service import locales
from moderation_service.domain.moderation.decisions import Decision
from moderation_service.domain.moderation.link import Link
from moderation_service.domain.moderation.links import Links
from moderation_service.domain.notifications.message import Notification
from moderation_service.mail import presentation
from moderation_service.mail.sentences import Words

SHOWN = 3
"""How many comments a message names; the rest is in its count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button that posts a form by one tap."""

    label: str
    url: str
    form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A message: tapped it opens a page, and where its service has buttons they decide."""

    title: str
    body: str
    opens: str
    desk: str
    buttons: tuple[Button, ...] = ()


class PushComposer:
    """Writes messages in the moderator's language, with the links that mail has."""

    def __init__(self, *, public_url: str, links: Links) -> None:
        self._desk = f"{public_url}/desk"
        self._public_url = public_url
        self._links = links

    def compose(self, notifications: Sequence[Notification], *, total: int, is_reminder: bool) -> Push:
        """Return the message that tells of so many comments, of which the first are given."""
        first = notifications[0]
        say = Words(first.moderator.language, is_read=True)
        named = [self._named(one, say) for one in notifications[:SHOWN]]
        body = [say.heading(total, is_reminder), *dict.fromkeys(named)]
        if total > SHOWN:
            body.append("…")
        is_one = total == 1
        return Push(
            title=", ".join(sorted({one.site.name for one in notifications})),
            body="\n".join(body),
            opens=f"{self._link(first)}/{Decision.APPROVE}" if is_one else self._desk,
            desk=self._desk,
            buttons=self._buttons(first) if is_one else (),
        )

    def sample(self, language: str, *, title: str) -> Push:
        """Return a message that shows that messages arrive; it tells of no comment."""
        gettext = locales.translations(language).gettext
        body = gettext(
            "This is a test message. If you can read it, the service can notify moderators of new comments."
        )
        return Push(title=title, body=body, opens=self._desk, desk=self._desk)

    def _named(self, notification: Notification, say: Words) -> str:
        """Name a comment by its page; its author and words stand there where the site lets them out."""
        item = presentation.item(notification, "", in_full=False)
        if not notification.site.push_text:
            return say.in_quotes(item.page)
        return f"{say.what_happened(item.heading)}\n{item.text}"

    def _buttons(self, notification: Notification) -> tuple[Button, ...]:
        """Return what the page behind the mailed link has: a button for each decision, in the state told of."""
        gettext = locales.translations(notification.moderator.language).gettext
        is_reported, link = notification.comment.is_reported, self._link(notification)
        seen = notification.comment.status
        form = {
            "seen": seen,
            "form_token": self._links.form_token(
                link.rpartition("/")[2], seen, notification.comment.newest_revision
            ),
        }
        return tuple(
            Button(label=label, url=f"{link}/{decision}", form=urlencode(form))
            for decision, label in (
                (Decision.APPROVE, gettext("Keep") if is_reported else gettext("Approve")),
                (Decision.REJECT, gettext("Take down") if is_reported else gettext("Reject")),
                (Decision.SPAM, gettext("Spam")),
            )
        )

    def _link(self, notification: Notification) -> str:
        link = Link(
            site_id=notification.site.id,
            moderator_id=notification.moderator.id,
            comment_id=notification.comment.id,
            revision=notification.comment.newest_revision,
            address_hash=self._links.address_hash(notification.moderator.email),
        )
        return f"{self._public_url}/moderate/{self._links.mint(link)}"
