"""What a site's own program answers when it is asked about a comment."""

import math
from typing import Any

from marshmallow import ValidationError, fields, validate

from schemas.base import RequestSchema


class _Score(fields.Float):
    """A number from 0 to 1; neither text nor true."""

    def _validated(self, value: Any) -> Any:
        if isinstance(value, bool | str):
            raise self.make_error("invalid")
        return super()._validated(value)


def _is_finite(value: float) -> None:
    if not math.isfinite(value):
        raise ValidationError("must be a number")


class CheckAnswer(RequestSchema):
    """How much a comment looks like spam, and why: `reasons` are shown to moderators as they are."""

    score = _Score(required=True, validate=[_is_finite, validate.Range(0, 1)])
    reasons = fields.List(
        fields.String(validate=validate.Length(max=1_000)), load_default=list, validate=validate.Length(max=20)
    )
