"""The tables, once, for every database."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
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
)

pages = Table(
    "pages",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("form", SmallInteger),
    Column("moves_to", identifier()),
)
PAGE_IS_UNCHECKED = pages.c.form.is_(None)
PAGE_IS_MOVING = pages.c.moves_to.is_not(None)
Index(
    "ix_pages_unchecked",
    pages.c.id,
    sqlite_where=PAGE_IS_UNCHECKED,
    postgresql_where=PAGE_IS_UNCHECKED,
)
Index("ix_pages_moving", pages.c.moves_to, sqlite_where=PAGE_IS_MOVING, postgresql_where=PAGE_IS_MOVING)

contacts = Table(
    "contacts",
    metadata,
    Column("comment_id", identifier(), primary_key=True),
    Column("address_sealed", LargeBinary, nullable=False),
    Column("address_hash", String(32), nullable=False, index=True),
)

recent_posts = Table(
    "recent_posts",
    metadata,
    Column("comment_id", identifier(), primary_key=True),
    Column("network_hash", String(32), nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Index(None, "network_hash", "created_at"),
    Index(None, "fingerprint", "created_at"),
)

comments = Table(
    "comments",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("page_id", identifier(), ForeignKey("pages.id"), nullable=False),
    Column("page_title", Text),
    Column("parent_id", identifier()),
    Column("status", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("author_name", Text, nullable=False),
    Column("author_url", Text),
    Column("body", Text, nullable=False),
    Column("body_html", Text, nullable=False),
    Column("renderer", Integer, nullable=False),
    Column("spam_score", Integer, nullable=False),
    Column("spam_reasons", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("change_number", BigInteger),
    Column("change_at", UtcDateTime),
    Index(None, "page_id", "status", "id"),
    Index(None, "site_id", "status", "id"),
)
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
    Column("note", Text),
    Column("at", UtcDateTime, nullable=False),
)

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
)

messages = Table(
    "messages",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("person_id", identifier(), ForeignKey("people.id"), nullable=False),
    Column("message_id", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text),
    Column("shortened", Boolean, nullable=False),
    Index(None, "person_id", "state"),
)

promises = Table(
    "promises",
    metadata,
    Column("comment_id", identifier(), ForeignKey("comments.id"), primary_key=True),
    Column("moderator_id", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("site_id", String(64), nullable=False),
    Column("person_id", identifier(), ForeignKey("people.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("message_id", identifier(), ForeignKey("messages.id")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("quiet", Boolean, nullable=False, server_default=false()),
    Column("reminders", Integer, nullable=False, server_default="0"),
)
WAITING = literal_column("'waiting'", String)
"""Spelled without parameters, so that every database recognises what its partial indexes hold."""
IS_WAITING = promises.c.state == WAITING

IS_DUE = and_(IS_WAITING, promises.c.quiet == false())
IS_PARKED = promises.c.state == literal_column("'parked'")
Index(
    "ix_promises_waiting",
    promises.c.person_id,
    promises.c.comment_id,
    sqlite_where=IS_WAITING,
    postgresql_where=IS_WAITING,
)
Index(
    "ix_promises_due",
    promises.c.person_id,
    sqlite_where=IS_DUE,
    postgresql_where=IS_DUE,
)
Index(
    "ix_promises_parked",
    promises.c.person_id,
    sqlite_where=IS_PARKED,
    postgresql_where=IS_PARKED,
)
Index("ix_promises_message_id", promises.c.message_id)

IS_DECIDED = comments.c.status != literal_column("'pending'")
Index(
    "ix_comments_decided",
    comments.c.site_id,
    comments.c.changed_at,
    sqlite_where=IS_DECIDED,
    postgresql_where=IS_DECIDED,
)
