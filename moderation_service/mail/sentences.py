"""The sentences of mail that hold numbers and names. What they return is text: templates escape it."""

from babel.numbers import format_decimal

from moderation_service import locales
from moderation_service.domain.comments.notices import Notice
from moderation_service.domain.moderation.reports import ReportOutcome
from moderation_service.domain.moderation.statements import DecidedBy, Statement
from moderation_service.locales import decision_texts, reason_texts, reasons
from moderation_service.mail.presentation import Item, Named


class Words:
    """What is said in one language; `is_read` is whether somebody reads the answers to the mail."""

    def __init__(self, language: str, *, is_read: bool) -> None:
        self._language = language
        self._is_read = is_read
        self._catalogue = locales.translations(language)

    def heading(self, total: int, is_reminder: bool, suspects: int = 0) -> str:  # noqa: FBT001 - called by templates
        """Say how many comments wait, and how many of them look like spam where others do not."""
        ngettext = self._catalogue.ngettext
        if 0 < suspects < total:
            said = ngettext(
                "%(heading)s, one more looks like spam", "%(heading)s, %(number)s more look like spam", suspects
            )
            heading = self.heading(total - suspects, is_reminder)
            return said % {"heading": heading, "number": self._number(suspects)}
        if is_reminder:
            said = ngettext(
                "One comment is still waiting for your decision",
                "%(number)s comments are still waiting for your decision",
                total,
            )
        else:
            said = ngettext(
                "One comment is waiting for your decision",
                "%(number)s comments are waiting for your decision",
                total,
            )
        return said % {"number": self._number(total)}

    def what_happened(self, named: Named) -> str:
        """Say who wrote, and where or to whom."""
        gettext = self._catalogue.gettext
        if named.is_edited:
            return gettext("%(author)s has edited a published comment on “%(page)s”") % {
                "author": named.author,
                "page": named.page,
            }
        if named.reports:
            return gettext("Readers have reported a comment by %(author)s on “%(page)s”") % {
                "author": named.author,
                "page": named.page,
            }
        if named.is_objected:
            said = gettext("%(author)s objects to the rejection of a comment on “%(page)s”")
            return said % {"author": named.author, "page": named.page}
        if named.answered is not None:
            return gettext("%(author)s replied to %(parent)s") % {"author": named.author, "parent": named.answered}
        return gettext("%(author)s commented on “%(page)s”") % {"author": named.author, "page": named.page}

    def edited(self) -> str:
        """Introduce what an author changed in a published comment."""
        return self._catalogue.gettext(
            "The author has edited the published comment. Readers see the previous text until you decide."
        )

    def sent_another_title(self, title: str) -> str:
        """Say that a commenter calls the page otherwise than it is called."""
        return self._catalogue.gettext("Sent another title: “%(title)s”") % {"title": title}

    def wrote(self, author: str) -> str:
        """Introduce what somebody wrote."""
        return self._catalogue.gettext("%(author)s wrote:") % {"author": author}

    def in_quotes(self, text: str) -> str:
        """Quote as the language does."""
        return self._catalogue.gettext("“%(text)s”") % {"text": text}

    def promised(self, notice: Notice) -> str:
        """Say when an author will be told something."""
        gettext = self._catalogue.gettext
        if notice is Notice.PUBLISHED:
            return gettext("when your comment is published")
        return gettext("when somebody replies to your comment")

    def decided(self, statement: Statement) -> str:
        """Say what was decided on an author's comment."""
        return decision_texts.heading(self._language, statement)

    def decided_by(self, statement: Statement, when: str) -> str:
        """Say by whom that was decided, and when."""
        return decision_texts.decided_by(self._language, statement.decided_by, when, rule=statement.rule)

    def decided_by_whom(self, by: DecidedBy, when: str) -> str:
        """Say by whom something was decided that readers reported, and when."""
        return decision_texts.decided_by(self._language, by, when)

    def told_of_report(self, outcome: ReportOutcome | None) -> str:
        """Say what became of a report."""
        return decision_texts.of_report(self._language, outcome)

    def held(self, count: int) -> str:
        """Say of how many replies an author was not mailed."""
        said = self._catalogue.ngettext(
            "There was one more reply before it, not mailed to you as there were so many that day.",
            "There were %(number)s more replies before it, not mailed to you as there were so many that day.",
            count,
        )
        return said % {"number": self._number(count)}

    def labelled(self, label: str) -> str:
        """Put the colon behind a label."""
        return self._catalogue.gettext("%(label)s:") % {"label": label}

    def suspicion(self, item: Item) -> str:
        """Say why a comment looks suspicious; nothing where it does not."""
        gettext = self._catalogue.gettext
        if item.reasons:
            why = ", ".join(reasons.words(self._language, code) for code in item.reasons)
            return f"{gettext('Looks suspicious:')} {why}"
        return gettext("Probably spam") if item.notification.is_probable_spam else ""

    def reported(self, item: Item) -> str:
        """Say how often readers reported a comment and why, or that its author objects; nothing otherwise."""
        if item.named.is_objected:
            return self._catalogue.gettext("The author objects to the rejection:")
        found, site = item.notification.reports, item.notification.site
        if not found.count:
            return ""
        said = self._catalogue.ngettext("Reported once", "Reported %(number)s times", found.count)
        why = ", ".join(
            f"{reason_texts.label(self._language, site.language, site.reasons, code)} ({self._number(count)})"
            for code, count in found.reasons.items()
        )
        return f"{self.labelled(said % {'number': self._number(found.count)})} {why}"

    def approve_all(self, count: int, shown: int) -> str:
        """Return the words of the link that approves so many of the comments that a mail shows."""
        ngettext = self._catalogue.ngettext
        if count == shown:
            text = ngettext(
                "Approve the one comment in this message", "Approve all %(number)s comments in this message", count
            )
        else:
            text = ngettext(
                "Approve the one comment in this message that does not look like spam",
                "Approve the %(number)s comments in this message that do not look like spam",
                count,
            )
        return text % {"number": count}

    def more_wait(self, more: int) -> str:
        """Say how many comments wait that are not shown."""
        said = self._catalogue.ngettext(
            "One more comment is waiting for moderation.",
            "%(number)s more comments are waiting for moderation.",
            more,
        )
        return said % {"number": self._number(more)}

    def not_read(self) -> str:
        """Say that nobody reads answers, where that is so."""
        return "" if self._is_read else self._catalogue.gettext("Replies to this message are not read.")

    def _number(self, number: int) -> str:
        return format_decimal(number, locale=locales.locale(self._language))
