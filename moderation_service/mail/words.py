"""The sentences of moderation mail that hold numbers and names. What they return is text: templates escape it."""

from babel.numbers import format_decimal

from moderation_service import locales
from moderation_service.locales import reasons
from moderation_service.mail.shown import Item, Named


class Words:
    """What is said in one language; `is_read` is whether somebody reads the answers to the mail."""

    def __init__(self, language: str, *, is_read: bool) -> None:
        self._language = language
        self._is_read = is_read
        self._catalogue = locales.translations(language)

    def heading(self, total: int, is_reminder: bool) -> str:  # noqa: FBT001 - called by templates
        """Say how many comments wait."""
        ngettext = self._catalogue.ngettext
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
        if named.answered is not None:
            return gettext("%(author)s answered %(parent)s") % {"author": named.author, "parent": named.answered}
        return gettext("%(author)s commented on “%(page)s”") % {"author": named.author, "page": named.page}

    def wrote(self, author: str) -> str:
        """Introduce what somebody wrote."""
        return self._catalogue.gettext("%(author)s wrote:") % {"author": author}

    def in_quotes(self, text: str) -> str:
        """Quote as the language does."""
        return self._catalogue.gettext("“%(text)s”") % {"text": text}

    def labelled(self, label: str) -> str:
        """Put the colon behind a label."""
        return self._catalogue.gettext("%(label)s:") % {"label": label}

    def suspicion(self, item: Item) -> str:
        """Say why a comment looks suspicious; nothing where it does not."""
        gettext = self._catalogue.gettext
        if item.reasons:
            why = ", ".join(reasons.words(self._language, code) for code in item.reasons)
            return f"{gettext('Looks suspicious:')} {why}"
        return gettext("Probably spam") if item.notice.is_probable_spam else ""

    def approve_all(self, count: int) -> str:
        """Return the words of the link that approves all that a mail shows."""
        text = self._catalogue.ngettext(
            "Approve the one comment of this message", "Approve all %(number)s comments of this message", count
        )
        return text % {"number": count}

    def more_wait(self, more: int) -> str:
        """Say how many comments wait that are not shown."""
        said = self._catalogue.ngettext(
            "One more comment is waiting in moderation.",
            "%(number)s more comments are waiting in moderation.",
            more,
        )
        return said % {"number": self._number(more)}

    def not_read(self) -> str:
        """Say that nobody reads answers, where that is so."""
        return "" if self._is_read else self._catalogue.gettext("Replies to this message are not read.")

    def _number(self, number: int) -> str:
        return format_decimal(number, locale=locales.locale(self._language))
