"""Whatever a client sends, what is wrong with it has a code that is spelled out in its language."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from marshmallow import Schema

from moderation_service.domain.errors import FieldsInvalidError
from moderation_service.web.http.problems import field_errors
from moderation_service.web.http.validation import load
from moderation_service.web.routes import ENDPOINTS
from schemas.desk import Pick

TEXTS = ("", "x", "x" * 300_000, "\x00", "-1", "9" * 30)
"""What a URL or a form may hold."""

WRONG: tuple[Any, ...] = (*TEXTS, None, 10**30, 0.5, True, [], [None], {}, {"x": 1})
"""What JSON may."""


def cases(schema: type[Schema], *, values: tuple[Any, ...]) -> Iterator[Any]:
    """Nothing at all, and each wrong value of each field by itself."""
    yield {}
    for name, field in schema().fields.items():
        for value in values:
            yield {field.data_key or name: value}


def faults(schema: type[Schema], case: Any) -> Mapping[str, Sequence[str]]:
    """What is wrong with a case, by the names of its fields."""
    try:
        load(schema(), case)
    except FieldsInvalidError as error:
        return error.errors
    return {}


QUERIES = {one for endpoint in ENDPOINTS for one in (endpoint.query, endpoint.form) if one is not None}
BODIES = {endpoint.body for endpoint in ENDPOINTS if endpoint.body is not None} - QUERIES


@pytest.mark.parametrize("schema", sorted(QUERIES | {Pick}, key=repr), ids=lambda one: one.__name__)
def test_each_fault_of_each_parameter_and_field_of_a_form_has_words(schema: type[Schema]) -> None:
    for case in cases(schema, values=TEXTS):
        assert all(field_errors(faults(schema, case), "it").values()), case


@pytest.mark.parametrize("schema", sorted(BODIES, key=repr), ids=lambda one: one.__name__)
def test_each_fault_of_each_field_of_json_has_words(schema: type[Schema]) -> None:
    for case in ([], None, *cases(schema, values=WRONG)):
        assert all(field_errors(faults(schema, case), "it").values()), case
