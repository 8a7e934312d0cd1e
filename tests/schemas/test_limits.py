"""Every field of a comment at the edge of its limit, and one past it."""

from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.comments import ListQuery, Submission, SubmissionForm
from schemas.moderation import Decisions, QueueQuery
from schemas.problems import FieldCode
from tests.support.factories import PAGE, a_submission

ID = "0197c0de-0000-7000-8000-000000000001"
LINES = {"page_url", "page_title", "author_name", "author_email", "author_url"}
CONTROLS = {
    "CR LF": "\r\n",
    "LF": "\n",
    "CR": "\r",
    "NUL": "\0",
    "TAB": "\t",
    "ESC": "\x1b",
    "DEL": "\x7f",
    "NEL": "\x85",
    "LS": "\u2028",
    "PS": "\u2029",
    "a lone surrogate": "\ud83d",
}


def an_url(length: int) -> str:
    return PAGE + "x" * (length - len(PAGE))


def codes(data: Any, schema: Any = Submission) -> dict[str, list[str]]:
    """Why data is rejected; empty when it is not."""
    try:
        schema().load(data)
    except ValidationError as error:
        return {name: [str(one) for one in found] for name, found in error.normalized_messages().items()}
    return {}


@pytest.mark.parametrize(
    ("field", "longest", "longer"),
    [
        ("author_name", "a" * 245, "a" * 246),
        ("author_name", "漢" * 245, "漢" * 246),
        ("author_name", "😀" * 245, "😀" * 246),
        ("author_name", f"  {'a' * 245}\t\n", f"  {'a' * 246}\t\n"),
        ("author_email", f"{'a' * 242}@example.org", f"{'a' * 243}@example.org"),
        ("page_title", "t" * 500, "t" * 501),
        ("page_url", an_url(2_000), an_url(2_001)),
        ("author_url", an_url(2_000), an_url(2_001)),
        ("body", "a" * 65_525, "a" * 65_526),
        ("body", "é" * 32_762 + "a", "é" * 32_763),
        ("body", "😀" * 16_381 + "a", "😀" * 16_381 + "aa"),
        ("body", "\n" + "a\r\n" * 32_762 + "a ", "a\r\n" * 32_762 + "aa"),
    ],
)
def test_a_field_passes_at_its_limit_and_not_one_past_it(field: str, longest: str, longer: str) -> None:
    assert codes(a_submission(**{field: longest})) == {}
    assert codes(a_submission(**{field: longer})) == {field: [FieldCode.TOO_LONG]}


def test_a_redirection_has_the_limit_of_an_url() -> None:
    assert codes(a_submission(redirect_to="/" * 2_000), SubmissionForm) == {}
    assert codes(a_submission(redirect_to="/" * 2_001), SubmissionForm) == {"redirect_to": [FieldCode.TOO_LONG]}


@pytest.mark.parametrize("field", ["page_url", "author_name", "author_email", "body"])
@pytest.mark.parametrize("blank", ["", " ", "\r\n\t", "\xa0\u3000", None])
def test_a_required_field_is_not_left_blank(field: str, blank: str | None) -> None:
    assert codes(a_submission(**{field: blank})) == {field: [FieldCode.REQUIRED]}


@pytest.mark.parametrize("field", ["author_name", "body"])
@pytest.mark.parametrize(
    "unseen", ["\u200b", "\u3164", "\u2800", "\ufeff", "\u00ad", "\u202e\u202c", "\u200d \ufe0f", "\U000e0041"]
)
def test_what_nobody_can_see_is_blank(field: str, unseen: str) -> None:
    assert codes(a_submission(**{field: unseen})) == {field: [FieldCode.REQUIRED]}
    assert Submission().load(a_submission(page_title=unseen))["page_title"] is None
    seen = f"{unseen}a{unseen}"
    assert Submission().load(a_submission(**{field: seen}))[field] == seen


@pytest.mark.parametrize("field", ["page_url", "author_name", "author_email", "body"])
def test_a_required_field_is_not_left_out(field: str) -> None:
    submission = a_submission()
    del submission[field]
    assert codes(submission) == {field: [FieldCode.REQUIRED]}


@pytest.mark.parametrize("field", ["page_title", "author_url", "parent_id"])
@pytest.mark.parametrize("blank", ["", "  ", None])
def test_any_other_field_may_be_blank(field: str, blank: str | None) -> None:
    assert Submission().load(a_submission(**{field: blank}))[field] is None


@pytest.mark.parametrize("field", [*sorted(LINES), "body", "parent_id"])
@pytest.mark.parametrize("value", [1, 1.5, True, [], ["a"], {}, {"a": "b"}])
def test_a_field_is_text_and_nothing_else(field: str, value: object) -> None:
    assert codes(a_submission(**{field: value})) == {field: [FieldCode.WRONG_TYPE]}


@pytest.mark.parametrize("field", sorted(LINES))
@pytest.mark.parametrize("control", CONTROLS)
def test_no_line_holds_a_control_character(field: str, control: str) -> None:
    value = a_submission(author_url=PAGE)[field]
    broken = value[:2] + CONTROLS[control] + value[2:]
    assert codes(a_submission(**{field: broken})) == {field: [FieldCode.CONTROL_CHARACTER]}


@pytest.mark.parametrize("control", CONTROLS)
def test_no_redirection_holds_a_control_character(control: str) -> None:
    found = codes(a_submission(redirect_to=f"/a{CONTROLS[control]}b"), SubmissionForm)
    assert found == {"redirect_to": [FieldCode.CONTROL_CHARACTER]}


@pytest.mark.parametrize("control", ["\x0b", "\x0c", "\x1c", "\x1f", "\x7f", "\x85", "\x9b"])
@pytest.mark.parametrize("place", ["{}Anna", "Anna{}", " {} Anna"])
def test_no_line_begins_or_ends_with_one_either(control: str, place: str) -> None:
    assert codes(a_submission(author_name=place.format(control))) == {"author_name": [FieldCode.CONTROL_CHARACTER]}


def test_blanks_and_line_ends_around_a_line_are_trimmed() -> None:
    assert Submission().load(a_submission(author_name="\r\n\t Anna \u2003\n"))["author_name"] == "Anna"


def test_a_body_holds_no_half_a_character() -> None:
    assert codes(a_submission(body="a\ud83db")) == {"body": [FieldCode.CONTROL_CHARACTER]}


def test_a_body_of_control_characters_is_empty() -> None:
    assert codes(a_submission(body="\0\x07\x9b \x0b")) == {"body": [FieldCode.REQUIRED]}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("  a  ", "a"),
        ("\n\n a\tb \n", "a\tb"),
        ("a\x0cb\u2028c", "ab\u2028c"),
        ("ciao\x07\x1b[31m x\x0b", "ciao[31m x"),
        ("a\0b\x7fc\x80d\x9be\u00a0f", "abcde\u00a0f"),
        ("\x0b\n a\n\tb", "a\n\tb"),
    ],
)
def test_a_body_is_trimmed_and_its_line_ends_are_line_feeds(written: str, kept: str) -> None:
    assert Submission().load(a_submission(body=written))["body"] == kept


@pytest.mark.parametrize("field", ["page_url", "author_url"])
@pytest.mark.parametrize(
    "url",
    [
        "www.example.org", "/chi-siamo", "//www.example.org/", "ftp://www.example.org/", "javascript:alert(1)",
        "https:", "https://", "https:///x", "https:www.example.org", "https://a b.example/",
        "https://a.example/ b", "https://user@a.example/", "https://user:secret@a.example/", "https://a.example\\@b.example/",
        "https://a.example:x/", "https://a.example:0/", "https://a.example:65536/", "https://a%2eexample/",
        "https://[::1/", "data:text/html,x", "mailto:a@b.example",
    ],
)  # fmt: skip
def test_an_url_is_of_http_and_reads_one_way_only(field: str, url: str) -> None:
    assert codes(a_submission(**{field: url})) == {field: [FieldCode.INVALID_URL]}


@pytest.mark.parametrize("url", ["http://a.example", "HTTPS://A.example:8443/b?c#d", "https://例え.example/é"])
def test_an_url_may_be_of_any_host_and_language(url: str) -> None:
    assert codes(a_submission(page_url=url, author_url=url)) == {}


@pytest.mark.parametrize("text", ["1", "x" * 36, ID[:-1], ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}"])
def test_an_id_is_a_uuid_in_its_own_form(text: str) -> None:
    assert codes(a_submission(parent_id=text)) == {"parent_id": [FieldCode.INVALID_ID]}
    assert codes({"page_url": PAGE, "cursor": text}, ListQuery) == {"cursor": [FieldCode.INVALID_CURSOR]}


def test_an_unknown_field_is_a_mistake_in_json_and_passed_over_in_a_form() -> None:
    stranger = a_submission(comment_post_ID="7", redirect_to="/")
    assert codes(stranger) == {
        "comment_post_ID": [FieldCode.UNKNOWN_FIELD],
        "redirect_to": [FieldCode.UNKNOWN_FIELD],
    }
    assert codes(stranger, SubmissionForm) == {}


@pytest.mark.parametrize("data", [None, [], "x", 1, True])
def test_a_submission_is_an_object(data: object) -> None:
    with pytest.raises(ValidationError) as raised:
        Submission().load(data)  # type: ignore[arg-type]
    assert raised.value.messages == {"_schema": [FieldCode.WRONG_TYPE]}


@pytest.mark.parametrize(("schema", "most", "usual"), [(ListQuery, 200, 50), (QueueQuery, 200, 50)])
def test_a_limit_is_from_1_to_its_most(schema: Any, most: int, usual: int) -> None:
    page = {"page_url": PAGE}
    assert schema().load(page)["limit"] == usual
    for right in (1, most):
        assert schema().load(page | {"limit": str(right)})["limit"] == right
    for wrong in ("0", "-1", str(most + 1), "9" * 30):
        assert codes(page | {"limit": wrong}, schema) == {"limit": [FieldCode.OUT_OF_RANGE]}
    for wrong in ("", "x", "1.0", "1e2", "0x10", "9" * 5_000):
        assert codes(page | {"limit": wrong}, schema) == {"limit": [FieldCode.WRONG_TYPE]}


@pytest.mark.parametrize("order", ["", "OLDEST", "up"])
def test_an_order_is_one_of_two(order: str) -> None:
    assert codes({"page_url": PAGE, "order": order}, ListQuery) == {"order": [FieldCode.INVALID_CHOICE]}


def a_decision(**changed: object) -> dict[str, object]:
    return {"id": ID, "decision": "approve"} | changed


def test_decisions_are_500_at_most() -> None:
    assert codes({"decisions": [a_decision()] * 500}, Decisions) == {}
    assert codes({"decisions": [a_decision()] * 501}, Decisions) == {"decisions": [FieldCode.TOO_MANY]}


def test_too_many_decisions_are_counted_and_not_looked_at() -> None:
    assert codes({"decisions": [{}] * 90_000}, Decisions) == {"decisions": [FieldCode.TOO_MANY]}


@pytest.mark.parametrize(
    ("item", "found"),
    [
        (None, {"_schema": "wrong_type"}),
        (1, {"_schema": "wrong_type"}),
        ([], {"_schema": "wrong_type"}),
        ({}, {"id": "required", "decision": "required"}),
        (a_decision(id=None, decision=None), {"id": "required", "decision": "required"}),
        (a_decision(id=1, decision=1), {"id": "wrong_type", "decision": "invalid_choice"}),
        (a_decision(id="x", decision="edit"), {"id": "invalid_id", "decision": "invalid_choice"}),
        (
            a_decision(decision=[], expected_status={}),
            {"decision": "invalid_choice", "expected_status": "invalid_choice"},
        ),
        (a_decision(note="a\nb"), {"note": "control_character"}),
        (a_decision(note="n" * 1_001), {"note": "too_long"}),
        (a_decision(comment="x"), {"comment": "unknown_field"}),
    ],
)
def test_each_decision_is_checked_at_its_place(item: object, found: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as raised:
        Decisions().load({"decisions": [a_decision(), item]})
    messages: Any = raised.value.messages
    at_place = messages["decisions"][1]
    if isinstance(at_place, list):
        at_place = {"_schema": at_place}
    assert {name: str(one) for name, [one] in at_place.items()} == found
