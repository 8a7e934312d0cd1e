"""The tables of the desk, beside those of the comments."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from moderation_service.storage.tables import UtcDateTime, identifier, metadata

logins = Table(
    "logins",
    metadata,
    Column("id", identifier(), primary_key=True),
    Column("person_id", identifier(), ForeignKey("people.id")),
    Column("network_hash", String(32), nullable=False),
    Column("requested_at", UtcDateTime, nullable=False, index=True),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("given_up_at", UtcDateTime),
    Column("used_at", UtcDateTime),
    Column("last_error", Text),
    Column("lease_token", String(32)),
    Column("lease_until", UtcDateTime),
    Index(None, "network_hash", "requested_at"),
    Index(None, "person_id", "requested_at"),
    Index(None, "sent_at", "next_attempt_at"),
)
"""Log-ins asked for. One without a person was asked for an address that is nobody's, or once too often."""

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
    Index(None, "person_id", "created_at"),
)
"""Decisions on all that a filter matches; `site_id` and `position` say how far one has come."""

bulk_items = Table(
    "bulk_items",
    metadata,
    Column("bulk_id", identifier(), ForeignKey("bulks.id"), primary_key=True),
    Column("site_id", String(64), primary_key=True),
    Column("comment_id", identifier(), primary_key=True),
    Column("number", Integer, nullable=False, autoincrement=False),
)
"""What a bulk decided, with the number of that decision in the comment's history."""
