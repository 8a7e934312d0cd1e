"""The tables, once, for every database."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    and_,
    false,
    literal_column,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on every database, also on those that know no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC; a naive datetime is a mistake in the program."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return it aware."""
        del dialect
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def identifier() -> Uuid[str]:
    """Return the type of all ids: a UUID, as text to the program."""
    return Uuid(as_uuid=False)


keys_in_use = Table(
    "keys_in_use",
    metadata,
    Column("key_id", String(16), primary_key=True),
    Column("since", UtcDateTime, nullable=False),
)

schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("oldest", String(16), primary_key=True),
)
"""The oldest revision of the schema whose version may run on this one; written by the migrations."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(32), nullable=False),
    Column("comment_id", identifier(), nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("network_hash", String(32)),
    Column("receipt_sealed", LargeBinary),
)
"""`receipt_sealed` is the token of the comment's receipt, so that an answer that is given again holds it."""

pages = Table(
    "pages",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("form", SmallInteger),
    Column("moves_to", identifier()),
    Column("title", Text),
    Column("title_number", BigInteger),
    Column("title_at", UtcDateTime),
    Column("commenting", String(8)),
)
"""`title_number` and `title_at` are of the last change of the page itself: of its title, or of `commenting`."""
_is_titled = pages.c.title_number.is_not(None)
Index(
    "ix_pages_titled",
    pages.c.site_id,
    pages.c.title_number,
    sqlite_where=_is_titled,
    postgresql_where=_is_titled,
)
Index(None, pages.c.site_id, pages.c.form)
Index(None, pages.c.site_id, pages.c.id)
PAGE_IS_MOVING = pages.c.moves_to.is_not(None)
Index("ix_pages_moving", pages.c.moves_to, sqlite_where=PAGE_IS_MOVING, postgresql_where=PAGE_IS_MOVING)

page_rules = Table(
    "page_rules",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("fingerprint", String(32), nullable=False),
    Column("form", SmallInteger, nullable=False),
)
"""The rules by which a site's pages are told apart, as they were put in force last; `form` counts them."""

page_aliases = Table(
    "page_aliases",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("moves_to", identifier(), nullable=False, index=True),
    Column("form", SmallInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "site_id", "number"),
)
"""Pages that were moved, and the page that each is now; one that is itself again moves to its own id."""

contacts = Table(
    "contacts",
    metadata,
    Column("comment_id", identifier(), primary_key=True),
    Column("address_sealed", LargeBinary, nullable=False),
    Column("address_hash", String(32), nullable=False),
    Index(None, "address_hash", "comment_id"),
)

author_notes = Table(
    "author_notes",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("address_hash", String(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("moderator_id", String(64)),
    Column("actor_name", Text),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "address_hash", "site_id"),
)
"""What moderators noted about authors; no moderator where a program of the site did."""

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("comment_id", identifier(), ForeignKey("comments.id"), primary_key=True),
    Column("notice", String(16), primary_key=True),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("confirmed_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
)
"""What the author of a comment asked to be told by mail: nothing before it is confirmed, or once it ended.

Statements of decisions need not be asked for; a row of these says that they have ended.
"""

notices = Table(
    "notices",
    metadata,
    Column("comment_id", identifier(), primary_key=True),
    Column("about_id", identifier(), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("held_at", UtcDateTime),
)
"""Of what the author of a comment was told, so that nobody is told twice: of it, of a reply, or of a decision.

A decision stands there under an id that is made of its number (`services/notifications/statements.py`).
Of what has a `held_at` nobody was mailed: the address got the most of a day.

No foreign key: whoever decides on a reply would have to wait for who decides on the comment.
"""

author_mails = Table(
    "author_mails",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("comment_id", identifier(), nullable=False, index=True),
    Column("site_id", String(64), nullable=False),
    Column("address_hash", String(32), nullable=False),
    Column("network_hash", String(32)),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("refused_at", UtcDateTime),
    Index(None, "address_hash", "at"),
    Index(None, "network_hash", "at"),
    Index(None, "site_id", "at"),
)
"""Mails to authors by which limits are kept, each under the id of its delivery.

Those are proofs that were asked for, and all that a server refused for good (`refused_at`).
"""

recent_posts = Table(
    "recent_posts",
    metadata,
    Column("comment_id", identifier(), primary_key=True),
    Column("network_hash", String(32), nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("wide_network_hash", String(32)),
    Column("about_id", identifier()),
    Index("ix_recent_posts_networks", "wide_network_hash", "network_hash", "fingerprint", "created_at"),
)
"""The hashes of networks are empty where one is free of limits.

Its index is one for all that is counted: what is repeated comes from the same network, and a network lies in its
wide one. One for each took a batch of posts three times as many pages of the file.

An edit, an objection or a report has an id of its own, no `fingerprint`, and the comment that it is about.
"""
_IS_ABOUT_ANOTHER = recent_posts.c.about_id.is_not(None)
Index(
    "ix_recent_posts_about_id",
    recent_posts.c.about_id,
    sqlite_where=_IS_ABOUT_ANOTHER,
    postgresql_where=_IS_ABOUT_ANOTHER,
)

comment_networks = Table(
    "comment_networks",
    metadata,
    Column("comment_id", identifier(), primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("network_hash", String(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "site_id", "created_at"),
)
"""From which client network each comment came, for as long as its site keeps that (`network_hash_days`)."""

blocks = Table(
    "blocks",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("value", Text),
    Column("value_sealed", LargeBinary),
    Column("value_hash", String(32)),
    Column("reason", Text),
    Column("means", String(16), nullable=False),
    Column("moderator_id", String(64)),
    Column("actor_name", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, index=True),
    Index(None, "site_id", "id"),
)
"""From whom and of what a site takes no comments. Rows are added and deleted, never changed.

A domain and a word stand there as they are. An address and a network are encrypted, with a keyed hash beside; of
the network of a comment there is the hash alone.
"""

comments = Table(
    "comments",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("page_id", identifier(), ForeignKey("pages.id"), nullable=False),
    Column("page_title", Text),
    Column("parent_id", identifier()),
    Column("root_id", identifier()),
    Column("status", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("author_name", Text, nullable=False),
    Column("author_url", Text),
    Column("body", Text, nullable=False),
    Column("body_html", Text, nullable=False),
    Column("renderer", Integer, nullable=False),
    Column("spam_score", Integer, nullable=False),
    Column("spam_reasons", Text, nullable=False),
    Column("reason_details", Text),
    Column("verdict", String(8), nullable=False, server_default="pending"),
    Column("spam_probability", SmallInteger),
    Column("suspicion", SmallInteger, nullable=False, server_default="0"),
    Column("text_group", BigInteger),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("change_number", BigInteger),
    Column("change_at", UtcDateTime),
    Column("updated_number", BigInteger),
    Column("receipt_hash", LargeBinary),
    Column("report_place", SmallInteger),
    Column("waiting_revision", Integer),
    Column("redacted", Boolean, nullable=False, server_default=false()),
    Column("proved_at", UtcDateTime),
    Column("objection", Text),
    Column("objected_at", UtcDateTime),
    Column("by_site", Boolean, nullable=False, server_default=false()),
    Index(None, "page_id", "status", "id"),
    Index(None, "site_id", "status", "id"),
)
"""`root_id` is the first comment of the thread, of whatever state, its own id where nothing is answered.

None only where a version before schema 0014 stored it a moment ago (`storage/comments/threads.py:complete`).
`spam_reasons` are codes, `reason_details` their points and details as JSON; `spam_probability` is in thousandths;
`suspicion` is the place in the queue, the honest first (`domain/screening/assessment.py`); `text_group` is one and
the same for texts that are alike, None for the shortest (`domain/screening/alikeness.py`).
`report_place` is the place in the queue of a published comment that waits again, for open reports or for an edit;
`waiting_revision` is the number of that edit, whose text is among the `revisions`.
`redacted` if moderators took passages out of the text that it has.
`proved_at` is when it was shown that the author's address is the author's, None while it was not.
`objection` is what the author said against a rejection, once, at `objected_at`.
`by_site` is what a moderator answered in the name of the site, under whose name it stands.
"""
_is_change = comments.c.change_number.is_not(None)
Index(
    "ix_comments_site_id_change_number",
    comments.c.site_id,
    comments.c.change_number,
    unique=True,
    sqlite_where=_is_change,
    postgresql_where=_is_change,
)
Index(
    "ix_comments_page_id_change_at",
    comments.c.page_id,
    comments.c.change_at,
    sqlite_where=_is_change,
    postgresql_where=_is_change,
)

ERASED = "erased"
"""The state of a comment of which nothing is left but that it was and what was decided; no domain type has it."""

IS_DISPOSABLE = comments.c.status.in_([literal_column("'rejected'"), literal_column("'spam'")])
Index(
    "ix_comments_disposable",
    comments.c.site_id,
    comments.c.status,
    comments.c.changed_at,
    sqlite_where=IS_DISPOSABLE,
    postgresql_where=IS_DISPOSABLE,
)

IS_IN_QUEUE = comments.c.status == literal_column("'pending'")
Index(
    "ix_comments_queue",
    comments.c.site_id,
    comments.c.suspicion,
    comments.c.id,
    sqlite_where=IS_IN_QUEUE,
    postgresql_where=IS_IN_QUEUE,
)

WAITS_AGAIN = and_(comments.c.status == literal_column("'approved'"), comments.c.report_place.is_not(None))
"""Everybody may read it, and it was edited, or readers have reported it, since anybody last decided on that."""
Index(
    "ix_comments_reported",
    comments.c.site_id,
    comments.c.report_place,
    comments.c.id,
    sqlite_where=WAITS_AGAIN,
    postgresql_where=WAITS_AGAIN,
)

FILED_BY_RULE = and_(comments.c.status == literal_column("'spam'"), comments.c.verdict == literal_column("'spam'"))
"""A rule of the site's owner filed it as spam, where it stands."""

Index(
    "ix_comments_page_queue",
    comments.c.site_id,
    comments.c.page_id,
    comments.c.suspicion,
    comments.c.id,
    sqlite_where=IS_IN_QUEUE,
    postgresql_where=IS_IN_QUEUE,
)

IS_ALIKE = and_(
    IS_IN_QUEUE,
    comments.c.suspicion >= literal_column("1000"),
    comments.c.text_group.is_not(None),
)
"""It waits as a suspect, and may be one of many that are alike."""
Index(
    "ix_comments_alike",
    comments.c.site_id,
    comments.c.text_group,
    comments.c.id,
    sqlite_where=IS_ALIKE,
    postgresql_where=IS_ALIKE,
)

IS_PUBLIC = comments.c.status == literal_column("'approved'")
"""Everybody may read it; spelled without parameters, so that every database recognises what its index holds."""
Index(
    "ix_comments_public",
    comments.c.site_id,
    comments.c.page_id,
    sqlite_where=IS_PUBLIC,
    postgresql_where=IS_PUBLIC,
)

Index(
    "ix_comments_threads",
    comments.c.page_id,
    comments.c.root_id,
    comments.c.id,
    comments.c.status,
    sqlite_where=IS_PUBLIC,
    postgresql_where=IS_PUBLIC,
)
IS_ROOTLESS = comments.c.root_id.is_(None)
Index("ix_comments_rootless", comments.c.id, sqlite_where=IS_ROOTLESS, postgresql_where=IS_ROOTLESS)

decisions = Table(
    "decisions",
    metadata,
    Column("comment_id", identifier(), ForeignKey("comments.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
    Column("decision", String(16), nullable=False),
    Column("from_status", String(16), nullable=False),
    Column("to_status", String(16), nullable=False),
    Column("means", String(16), nullable=False),
    Column("moderator_id", String(64)),
    Column("actor_name", Text),
    Column("reason", String(64)),
    Column("note", Text),
    Column("at", UtcDateTime, nullable=False),
    Column("rule", String(64)),
    Column("answer_id", identifier()),
    Column("redacted_as", Integer),
)
"""`reason` is a code that the site's file had when it was given.

`rule` names what decided by itself; the `means` of such a decision says `command`, for older versions.
`answer_id` is the comment in which the site answered, also in that one's own first line; the `decision` of such a
line says `approve`, for older versions.
`redacted_as` is the number of the text that is left after passages were taken out of the one decided on; the
`decision` says `approve` then, for older versions.
"""

revisions = Table(
    "revisions",
    metadata,
    Column("comment_id", identifier(), ForeignKey("comments.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("body_html", Text, nullable=False),
    Column("renderer", Integer, nullable=False),
    Column("spam_score", Integer, nullable=False),
    Column("spam_reasons", Text, nullable=False),
    Column("reason_details", Text),
    Column("verdict", String(8), nullable=False),
    Column("spam_probability", SmallInteger),
    Column("suspicion", SmallInteger, nullable=False),
    Column("text_group", BigInteger),
    Column("at", UtcDateTime, nullable=False),
    Column("decision_number", Integer),
    Column("decided_at", UtcDateTime, index=True),
    Column("redacted", Boolean, nullable=False, server_default=false()),
    Column("redacted_as", Integer),
)
"""Texts of comments that are not the comment's own now: edits that wait, what was replaced or rejected, originals.

`decision_number` is that of the decision which put it aside, in the comment's history: its undo needs the text,
and nobody does once that can no longer be undone. `redacted_as` is the number of the text that moderators left of
an original, which is kept as long as what they reject. The other columns are as those of `comments`; `at` is when
it came.
"""

reports = Table(
    "reports",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("comment_id", identifier(), ForeignKey("comments.id"), nullable=False, index=True),
    Column("site_id", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("explanation", Text),
    Column("reporter_name", Text),
    Column("address_sealed", LargeBinary),
    Column("address_hash", String(32)),
    Column("network_hash", String(32)),
    Column("times", Integer, nullable=False),
    Column("is_suspect", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("outcome", String(16)),
    Column("means", String(16)),
    Column("decision_number", Integer),
    Index(None, "site_id", "created_at"),
    Index(None, "address_hash"),
)
"""What readers reported of published comments. `decision_number` is that of the decision in the comment's history.

`times` counts those that said the same and are not kept by themselves. Explanation, name, address and network
are kept for as long as the site says; the rest stays for its counts. Nobody is mailed at the address; its hash,
by which an erasure or a copy finds the report, is made anew of it when keys change, as `reporters` may not have
it.
"""

reporters = Table(
    "reporters",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("report_id", identifier(), nullable=False, index=True),
    Column("comment_id", identifier(), nullable=False, index=True),
    Column("site_id", String(64), nullable=False),
    Column("address_sealed", LargeBinary, nullable=False),
    Column("address_hash", String(32), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("proved_at", UtcDateTime),
    Column("outcome_mail", identifier()),
    Index(None, "site_id", "created_at"),
)
"""The addresses of those who reported, each with the report that theirs went into; nobody is mailed unproved.

`outcome_mail` is the delivery that tells what became of it, so that nobody is told twice.
"""

author_changes = Table(
    "author_changes",
    metadata,
    Column("comment_id", identifier(), ForeignKey("comments.id"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("action", String(16), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("of_published", Boolean, nullable=False, server_default=false()),
)
"""What authors did to their comments; it only grows.

`revision` is that of the text after it, or of the one taken back; `of_published` if the comment was published, and
stayed so.
"""

retention_rules = Table(
    "retention_rules",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("days", Integer),
    Column("former_days", Integer),
    Column("since", UtcDateTime, nullable=False),
    Column("done_until", UtcDateTime),
    Column("deleted", BigInteger, nullable=False, server_default="0"),
)
"""How long sites keep something, as it was put in force last (`domain/retention.py`); no days are for ever.

What is of no site has an empty one. Of what came before `done_until` something may be deleted by the rule.
"""

backups = Table(
    "backups",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("path", Text, nullable=False),
)
"""Backups that the command made of a file, and where each was put; one knows itself and those before it."""

change_counters = Table(
    "change_counters",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
)

change_eras = Table(
    "change_eras",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("tag", String(32), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
)

last_decisions = Table(
    "last_decisions",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)
"""When somebody last decided something on a site: as long as nobody does, mail becomes rarer."""

people = Table(
    "people",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("address_hash", String(32), nullable=False, index=True),
    Column("last_message_at", UtcDateTime),
    Column("unanswered", Integer, nullable=False, server_default="0"),
    Column("quiet_until", UtcDateTime),
    Column("next_attempt_at", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    Column("failing_since", UtcDateTime),
    Column("parked_since", UtcDateTime),
    Column("reminded_at", UtcDateTime),
    Column("last_error", Text),
    Column("lease_token", String(32)),
    Column("lease_until", UtcDateTime),
    Column("pushed_at", UtcDateTime),
    Column("unanswered_pushes", Integer, nullable=False, server_default="0"),
)

"""One row an address, however many sites it moderates; moderation mail is leased by the person.

Until `quiet_until` no further message goes out: the interval has grown while nobody decides. The last push was
made at `pushed_at`; `unanswered_pushes` in a row were left without a decision.
"""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("kind", String(32), nullable=False, server_default="moderation"),
    Column("person_id", identifier(), ForeignKey("people.id")),
    Column("recipient", String(130)),
    Column("reference", Text),
    Column("message_id", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("last_error", Text),
    Column("shortened", Boolean, nullable=False),
    Column("lease_token", String(32)),
    Column("lease_until", UtcDateTime),
    Index(None, "person_id", "state"),
)
"""All that leaves the service, one row a delivery; `reference` says of what it is, in the terms of its kind.

It goes to a person or, of a kind that goes to none, to a `recipient` by name: a webhook, as `site/webhook`.
Moderation mail is leased, tried again and parked by the person, whose row says when; `notifications` say which
comments a message holds. Every other kind is leased and tried again by the delivery.
"""
IS_TO_DELIVER = deliveries.c.state == literal_column("'waiting'")
Index(
    "ix_deliveries_waiting",
    deliveries.c.kind,
    deliveries.c.next_attempt_at,
    sqlite_where=IS_TO_DELIVER,
    postgresql_where=IS_TO_DELIVER,
)

_HAS_RECIPIENT = deliveries.c.recipient.is_not(None)
Index(
    "ix_deliveries_recipient",
    deliveries.c.recipient,
    deliveries.c.state,
    deliveries.c.next_attempt_at,
    sqlite_where=_HAS_RECIPIENT,
    postgresql_where=_HAS_RECIPIENT,
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("recipient", String(130), primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("target", String(64), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("posted_at", UtcDateTime),
    Column("failing_since", UtcDateTime),
    Column("last_error", Text),
    Column("ended", String(16)),
    Column("ended_at", UtcDateTime),
)
"""What is known of the webhooks of the sites file, each under the name that its deliveries go to.

Of the changes up to `position` deliveries were made. `target` is a hash of the URL: another one begins anew.
"""

notification_settings = Table(
    "notification_settings",
    metadata,
    Column("person_id", identifier(), ForeignKey("people.id"), primary_key=True),
    Column("schedule", String(16), nullable=False),
    Column("hour", Integer, nullable=False),
    Column("quiet_from", Integer),
    Column("quiet_until", Integer),
    Column("away_until", String(10)),
    Column("ways", String(16), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)
"""When and by what means people want to be told, of those who have chosen something; days as `2026-11-30`."""

notifications = Table(
    "promises",
    metadata,
    Column("comment_id", identifier(), ForeignKey("comments.id"), primary_key=True),
    Column("moderator_id", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("person_id", identifier(), ForeignKey("people.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("message_id", identifier(), ForeignKey("deliveries.id")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("quiet", Boolean, nullable=False, server_default=false()),
    Column("reminders", Integer, nullable=False, server_default="0"),
    Column("afterwards", Boolean, nullable=False, server_default=false()),
    Column("push", String(16)),
    Column("push_id", identifier()),
)
"""One moderator is to be notified of one comment; the database keeps the table's first name.

A `quiet` one is held back for the next message that something else is due for. One `afterwards` says that the
comment was published by itself. `push` says where its push stands, of those who have one; deliveries name their
pushes by `push_id` in their `reference`.
"""
WAITING = literal_column("'waiting'", String)
"""Spelled without parameters, so that every database recognises what its partial indexes hold."""
IS_WAITING = notifications.c.state == WAITING

IS_DUE = and_(IS_WAITING, notifications.c.quiet == false())
IS_PARKED = notifications.c.state == literal_column("'parked'")
Index(
    "ix_promises_waiting",
    notifications.c.person_id,
    notifications.c.comment_id,
    sqlite_where=IS_WAITING,
    postgresql_where=IS_WAITING,
)
Index(
    "ix_promises_due",
    notifications.c.person_id,
    sqlite_where=IS_DUE,
    postgresql_where=IS_DUE,
)
Index(
    "ix_promises_parked",
    notifications.c.person_id,
    sqlite_where=IS_PARKED,
    postgresql_where=IS_PARKED,
)
Index("ix_promises_message_id", notifications.c.message_id)
IS_TO_PUSH = and_(notifications.c.push == WAITING, notifications.c.quiet == false())
Index(
    "ix_promises_to_push",
    notifications.c.person_id,
    notifications.c.comment_id,
    sqlite_where=IS_TO_PUSH,
    postgresql_where=IS_TO_PUSH,
)
_IS_PUSHED = notifications.c.push_id.is_not(None)
Index("ix_promises_push_id", notifications.c.push_id, sqlite_where=_IS_PUSHED, postgresql_where=_IS_PUSHED)

IS_DECIDED = comments.c.status != literal_column("'pending'")
Index(
    "ix_comments_decided",
    comments.c.site_id,
    comments.c.changed_at,
    sqlite_where=IS_DECIDED,
    postgresql_where=IS_DECIDED,
)

logins = Table(
    "logins",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("person_id", identifier(), ForeignKey("people.id")),
    Column("network_hash", String(32), nullable=False),
    Column("requested_at", UtcDateTime, nullable=False, index=True),
    Column("used_at", UtcDateTime),
    Index(None, "network_hash", "requested_at"),
    Index(None, "person_id", "requested_at"),
)
"""Log-ins asked for. One without a person was asked for an address that is nobody's, or once too often.

The mail of one is a delivery, whose reference is its id.
"""

sessions = Table(
    "sessions",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("person_id", identifier(), ForeignKey("people.id"), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False, index=True),
)

address_views = Table(
    "address_views",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("comment_id", identifier(), ForeignKey("comments.id"), nullable=False, index=True),
    Column("moderator_id", String(64), nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

bulks = Table(
    "bulks",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("person_id", identifier(), ForeignKey("people.id"), nullable=False),
    Column("decision", String(16), nullable=False),
    Column("wanted", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("site_id", String(80)),
    Column("position", identifier()),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("undone", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("reason", String(64)),
    Index(None, "person_id", "created_at"),
)
"""Decisions on all that a filter matches; `site_id` and `position` say how far one has come."""

unlearned = Table(
    "unlearned",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("comment_id", identifier(), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "site_id", "at"),
)
"""Comments that stand differently since the learned score of their site was taught."""

outside_checks = Table(
    "outside_checks",
    metadata,
    Column("comment_id", identifier(), ForeignKey("comments.id"), primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("state", String(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("next_at", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    Column("reported", String(4)),
    Column("network_sealed", LargeBinary, nullable=False),
)
"""Comments that services outside are asked about: until then nobody is notified of them.

`next_at` is when there is something to do, None while there is nothing.
"""
_IS_TO_CHECK = outside_checks.c.next_at.is_not(None)
Index(
    "ix_outside_checks_next_at",
    outside_checks.c.next_at,
    sqlite_where=_IS_TO_CHECK,
    postgresql_where=_IS_TO_CHECK,
)

score_lessons = Table(
    "score_lessons",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("comment_id", identifier(), nullable=False, index=True),
    Column("is_added", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("lesson", LargeBinary, nullable=False),
)
"""What decisions taught the score of each site, in order; not `is_added` where a lesson was taken back."""

score_models = Table(
    "score_models",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("model", LargeBinary),
)
"""The sum of the lessons of each site up to `number`; `head` is the number of its last one."""

traffic_reports = Table(
    "traffic_reports",
    metadata,
    Column("process_id", identifier(), primary_key=True),
    Column("site_id", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("report", LargeBinary, nullable=False),
)
"""What each process took in of a site lately, as far as others have to know it (`domain/screening/traffic.py`)."""

site_traffic = Table(
    "site_traffic",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("usual", Float, nullable=False),
    Column("periods", Integer, nullable=False),
    Column("counted_until", BigInteger, nullable=False),
    Column("attack_since", UtcDateTime),
    Column("calm_since", UtcDateTime),
)
"""How many comments a site usually gets in ten minutes, as counted over `periods` up to the one of that number.

`attack_since` is None unless it is under attack, and `calm_since` unless it gets fewer since then.
"""

bulk_items = Table(
    "bulk_items",
    metadata,
    Column("bulk_id", identifier(), ForeignKey("bulks.id"), primary_key=True),
    Column("site_id", String(64), primary_key=True),
    Column("comment_id", identifier(), primary_key=True),
    Column("number", Integer, nullable=False, autoincrement=False),
)
"""What a bulk decided, with the number of that decision in the comment's history."""


imported_comments = Table(
    "imported_comments",
    metadata,
    Column("site_id", String(64), primary_key=True),
    Column("source", String(32), primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("comment_id", identifier(), nullable=False, index=True),
    Column("root_id", identifier(), nullable=False),
    Column("imported_at", UtcDateTime, nullable=False),
)
"""What became of comments of other systems, so that none comes twice; also of those whose place alone was kept.

`source` is the format, `source_id` what names a comment in all files of it. Its own change is of `imported_at`.
"""
