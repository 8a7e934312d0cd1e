"""What is sent by the links of mails to authors."""

from marshmallow import EXCLUDE, fields, validate

from schemas.base import RequestSchema


class SubscriptionForm(RequestSchema):
    """The form behind a link that was mailed to an author.

    To confirm an address, `form_token` says that the page was ours. What ends notices needs nothing of a page, so
    that a mail program may send it (RFC 8058): with `notices` as `comment` those of the one comment end, and
    without it all that the site sends to the address.
    """

    form_token = fields.String(load_default="")
    notices = fields.String(
        load_default="all", validate=validate.OneOf(["comment", "all"], error="invalid_choice")
    )

    class Meta:
        """Fields of other programs, as `List-Unsubscribe`, are passed over."""

        unknown = EXCLUDE


class OwnMailsForm(RequestSchema):
    """The form of the receipt's page that ends mail: one kind about the comment, all about it, or all of the site.

    `form_token` says that the page was ours and showed the comment as it stands.
    """

    form_token = fields.String(load_default="")
    end = fields.String(
        load_default="comment",
        validate=validate.OneOf(["published", "replies", "statements", "comment", "all"], error="invalid_choice"),
    )

    class Meta:
        """Fields of other programs are passed over."""

        unknown = EXCLUDE
