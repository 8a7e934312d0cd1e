"""The desk: what its forms send, and what its script is told."""

from marshmallow import fields

from schemas.base import Choice, HttpUrl, Id, Line, QuerySchema, RequestSchema, ResponseSchema
from schemas.moderation import Decision, Outcome, Status

COMMENTS_AT_ONCE = 50
"""How many comments one page of the desk shows."""


class LogInForm(QuerySchema):
    """The address that a log-in mail is asked for."""

    email = Line(required=True, limit=254)


class LogInLinkForm(QuerySchema):
    """What the button behind a mailed log-in sends."""

    form_token = fields.String(required=True)


class SheetQuery(QuerySchema):
    """Which comments the desk shows; `any` in place of a status means all."""

    site = Line(limit=64, load_default=None)
    status = Line(limit=16, load_default=Status.PENDING.value)
    page_url = HttpUrl(limit=2_000, load_default=None, metadata={"format": "uri"})
    author = Line(limit=254, load_default=None)
    q = Line(limit=2_000, load_default=None)
    cursor = Id(load_default=None, code="invalid_cursor")
    scope = Line(limit=16, load_default=None, metadata={"description": "`all`: decide on all that match"})


class UpdatesQuery(SheetQuery):
    """What the script asks now and then: for which list, what it shows, and the newest that it knows of."""

    shown = Line(limit=4_000, load_default=None)
    newest = Id(load_default=None)


class Pick(RequestSchema):
    """One comment as it was shown, and what to do with it."""

    id = Id(required=True, metadata={"format": "uuid"})
    decision = Choice(Decision, by_value=True, required=True)
    seen = Choice(Status, by_value=True, required=True)
    revision = fields.Integer(required=True, error_messages={"invalid": "wrong_type"})


class Standing(ResponseSchema):
    """How a comment stands, `word` in a word; `by` says who decided and when."""

    id = fields.String(required=True, metadata={"format": "uuid"})
    status = fields.Enum(Status, by_value=True, required=True)
    revision = fields.Integer(required=True)
    word = fields.String(required=True)
    by = fields.String(required=True)
    may_undo = fields.Boolean(required=True)


class Decided(Standing):
    """What became of one decision."""

    outcome = fields.Enum(Outcome, by_value=True, required=True)


class Numbers(ResponseSchema):
    """The numbers of a page, by the name of their place, and heading and title, where they say a number."""

    counts = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    heading = fields.String()
    page_title = fields.String()


class DecidedAnswer(Numbers):
    """What became of each decision, and a sentence to read out."""

    results = fields.List(fields.Nested(Decided), required=True)
    message = fields.String(required=True)


class Updates(Numbers):
    """How the comments that are shown stand by now, and a sentence about those that came meanwhile."""

    comments = fields.List(fields.Nested(Standing), required=True)
    new = fields.Integer(required=True)
    message = fields.String(required=True)


class Address(ResponseSchema):
    """The whole address of an author."""

    address = fields.String(required=True)
