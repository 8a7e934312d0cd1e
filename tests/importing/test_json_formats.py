"""Systems that are read from JSON, each with the traps that are known of it."""

# ruff: noqa: E501, S104 - files of others have long lines, and addresses that nothing is bound to

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from moderation_service.domain.importing.records import BrokenFileError, Dialect, State
from tests.support.moving import DATA, Read, fill, missing, read

NINE = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)
ISO = "2024-03-01T09:00:00.000Z"
MS = 1709283600000


def written(folder: Path, value: Any, *more: Any) -> Path:
    """One document, or several, one a line."""
    path = folder / "file.json"
    path.write_text("\n".join(json.dumps(one) for one in (value, *more)), encoding="utf-8")
    return path


def test_isso_json_has_neither_states_nor_answers_nor_numbers_that_last(tmp_path: Path) -> None:
    def thread(page: str, title: str, *comments: tuple[int, str, str]) -> dict[str, Any]:
        rows = [
            {
                "id": number,
                "author": "Ada",
                "email": "",
                "website": "",
                "remote_addr": "0.0.0.0",
                "created": at,
                "text": text,
            }
            for number, at, text in comments
        ]
        return {"id": page, "title": title, "comments": rows}

    garden = thread(
        "/garden/", "The+garden", (1, "2024-03-01 10:00:00", "**x**"), (2, "2024-03-01 10:00:00", "<p>y</p>")
    )
    pond = thread("https://example.org/pond", "Pond", (1, "2024-03-01 10:00:00", "**x**"))
    found = read("isso-json", written(tmp_path, [garden, pond]), zone="Europe/Rome")
    assert len({one.id for one in found.records}) == 3
    assert {one.created for one in found.records} == {NINE}
    assert [one.dialect for one in found.records] == [Dialect.MARKDOWN, Dialect.HTML, Dialect.MARKDOWN]
    assert found.pages["/garden/"].title == "The garden"
    again = read("isso-json", written(tmp_path, [pond, garden]), zone="Europe/Rome")
    assert {one.id for one in again.records} == {one.id for one in found.records}


def test_remark42_has_addresses_apart_and_no_state_but_deleted(tmp_path: Path) -> None:
    head = {
        "version": 1,
        "users": [{"id": "email_1", "details": {"email": "ada@example.org", "telegram": "never"}}],
        "posts": [{"url": "x", "read_only": False}],
    }
    one = {
        "id": "c1",
        "pid": "",
        "text": "<p>x</p>",
        "orig": "**x**",
        "user": {"name": "Ada", "id": "email_1", "ip": "hash"},
        "locator": {"site": "s", "url": "https://example.org/garden/"},
        "time": "2024-03-01T10:00:00+01:00",
        "title": "Garden",
    }
    path = written(tmp_path, head, one, one | {"id": "c2", "pid": "c1", "orig": "", "delete": True})
    path.write_bytes(gzip.compress(path.read_bytes()))
    found = read("remark42", path)
    assert found.states == {"c1": State.APPROVED, "c2": State.DELETED}
    assert (found["c1"].body, found["c1"].dialect, found["c2"].dialect) == (
        "**x**",
        Dialect.MARKDOWN,
        Dialect.HTML,
    )
    assert (found["c1"].person, found["c1"].created) == ("email_1", NINE)
    assert found.people["email_1"].email == "ada@example.org"
    assert "never" not in repr(found)
    assert "hash" not in repr(found)


def commento(number: str, **changed: Any) -> dict[str, Any]:
    return {
        "commentHex": number,
        "domain": "example.org",
        "url": "/garden",
        "commenterHex": "anonymous",
        "markdown": "x",
        "html": "",
        "parentHex": "root",
        "state": "approved",
        "creationDate": ISO,
        "deleted": False,
    } | changed


@pytest.mark.parametrize("name", ["commento", "comentario"])
def test_commento_and_the_first_comentario_are_one(tmp_path: Path, name: str) -> None:
    rows = [
        commento("1", commenterHex="u"),
        commento("2", parentHex="1", state="flagged", commenterHex="0" * 64),
        commento("3", state="unapproved", markdown="", html="<p>y</p>"),
        commento("4", markdown="[deleted]"),
        commento("5", url="pond"),
    ]
    people = [{"commenterHex": "u", "email": "ada@example.org", "name": "Ada", "link": "undefined"}]
    found = read(name, written(tmp_path, {"version": 1, "comments": rows, "commenters": people}))
    assert found.states == {
        "1": State.APPROVED,
        "2": State.PENDING,
        "3": State.PENDING,
        "4": State.DELETED,
        "5": State.APPROVED,
    }
    assert (found["1"].person, found["2"].person, found["2"].parent) == ("u", "", "1")
    assert found.people["u"].url == ""
    assert {one.url for one in found.pages.values()} == {"https://example.org/garden", "https://example.org/pond"}


def test_comentario_takes_the_host_from_a_comment_and_keeps_what_was_refused(tmp_path: Path) -> None:
    def row(number: str, **changed: Any) -> dict[str, Any]:
        flags = {"isApproved": True, "isPending": False, "isDeleted": False}
        return {"id": number, "pageId": "p1", "markdown": "x", "createdTime": ISO} | flags | changed

    value = {
        "version": 3,
        "pages": [{"id": "p1", "domainId": "d", "path": "/garden", "title": "Garden"}],
        "comments": [
            row("c1", url="https://example.org/garden#comentario-c1", userCreated="u1"),
            row("c2", parentId="c1", isApproved=False, userCreated="00000000-0000-0000-0000-000000000000", authorName="Ben"),
            row("c3", isPending=True),
            row("c4", isDeleted=True, createdTime="0001-01-01T00:00:00.000Z"),
            row("c5", pageId="gone"),
        ],
        "commenters": [{"id": "u1", "email": "ada@example.org", "name": "Ada", "websiteUrl": ""}],
    }  # fmt: skip
    found = read("comentario", written(tmp_path, value))
    assert [one.state for one in found.records[:4]] == [
        State.APPROVED,
        State.REJECTED,
        State.PENDING,
        State.DELETED,
    ]
    assert found.pages["p1"].url == "https://example.org/garden"
    assert (found["c2"].author_name, found["c2"].person, found["c4"].created) == ("Ben", "", None)
    assert "gone" not in found.pages
    assert read("comentario", written(tmp_path, value | {"comments": [], "commenters": []})).records == []


def test_artalk_writes_truth_as_text_and_keeps_several_sites_in_one_file(tmp_path: Path) -> None:
    def row(number: Any, **changed: Any) -> dict[str, Any]:
        base = {
            "id": number,
            "rid": "0",
            "content": "x",
            "is_pending": "false",
            "nick": "Ada",
            "page_key": "/garden/",
        }
        site = {
            "site_name": "Blog",
            "site_urls": "https://example.org,https://www.example.org",
            "page_title": "Garden",
        }
        return base | site | {"created_at": "2024-03-01 17:00:00 +0800 +0800", "password": "never"} | changed

    rows = [
        row("1"),
        row(2, rid=1, is_pending=True, content="<p>y</p>", created_at=ISO, page_key="https://example.org/garden/"),
        row("3", is_pending="1", site_name="Other", site_urls="", created_at="", date="2024-03-01 09:00:00"),
    ]
    del rows[2]["created_at"]
    found = read("artalk", written(tmp_path, rows))
    assert [one.state for one in found.records] == [State.APPROVED, State.PENDING, State.PENDING]
    assert {one.created for one in found.records} == {NINE}
    assert found["Blog 2"].parent == "Blog 1"
    assert {one.url for one in found.pages.values()} == {"https://example.org/garden/", "/garden/"}
    assert "never" not in repr(found)


WALINE = {"comment": "**x**", "insertedAt": ISO, "nick": "Ada", "mail": "", "link": "", "url": "/garden/"}


def test_waline_takes_people_from_users_and_dates_in_four_forms(tmp_path: Path) -> None:
    user = {
        "objectId": "u1",
        "display_name": "Ada Rossi",
        "email": "ada@example.org",
        "password": "never",
        "url": "",
    }
    rows = [
        WALINE | {"objectId": "a1", "user_id": "u1", "status": "approved"},
        WALINE | {"objectId": "a2", "pid": "dead", "rid": "a1", "status": "waiting"},
        WALINE | {"objectId": "a3", "status": "spam", "insertedAt": {"__type": "Date", "iso": ISO}},
        WALINE | {"objectId": "a4", "insertedAt": "2024-03-01 10:00:00", "comment": "<p>y</p>"},
        WALINE | {"objectId": "a5", "insertedAt": {"$date": ISO}, "comment": "[@Ada](#a1): yes"},
        WALINE | {"objectId": "a6", "status": "new", "comment": '<p><a class="at" href="#a1">@Ada</a> , no</p>'},
    ]
    value = {"type": "waline", "version": 1, "data": {"Comment": rows, "Users": [user]}}
    found = read("waline", written(tmp_path, value), zone="Europe/Rome")
    assert {one.created for one in found.records} == {NINE}
    assert list(found.states.values()) == [
        State.APPROVED,
        State.PENDING,
        State.SPAM,
        State.APPROVED,
        State.APPROVED,
        State.PENDING,
    ]
    assert (found["a2"].parent, found["a2"].thread) == ("dead", "a1")
    assert (found["a1"].dialect, found["a4"].dialect) == (Dialect.MARKDOWN, Dialect.HTML)
    assert (found["a5"].body, found["a6"].body) == ("yes", "no</p>")
    assert found.people["u1"].name == "Ada Rossi"
    assert "never" not in repr(found)


def test_valine_comes_as_a_list_as_results_and_as_lines(tmp_path: Path) -> None:
    row = WALINE | {"objectId": "a1"}
    other = WALINE | {"objectId": "a2"}
    for values in ([[row, other]], [{"results": [row, other]}], [row, other]):
        assert [one.id for one in read("valine", written(tmp_path, *values)).records] == ["a1", "a2"]
    path = tmp_path / "lines.json"
    path.write_text(f"#filetype:JSON-streaming\n{json.dumps(row)}\n", encoding="utf-8")
    assert [one.id for one in read("valine", path).records] == ["a1"]
    path = tmp_path / "Comment.csv"
    path.write_text(
        'objectId,insertedAt,comment,nick,url,status\na1,2024-03-01T09:00:00Z,"x\ny",Ada,/g/,\n', encoding="utf-8"
    )
    assert read("waline", path)["a1"].body == "x\ny"


def test_twikoo_holds_by_one_flag_and_its_owner_has_a_token(tmp_path: Path) -> None:
    row = {
        "_id": "1",
        "uid": "never",
        "nick": " Ada",
        "mail": "ada@example.org",
        "mailMd5": "never",
        "url": "/garden/",
    }
    row |= {"href": "https://example.org/garden/#roses", "comment": "<p>x</p>", "created": MS}  # type: ignore[dict-item]
    rows: list[dict[str, Any]] = [
        row | {"isSpam": False},
        row | {"_id": {"$oid": "2"}, "isSpam": True, "created": {"$numberLong": str(MS)}, "pid": "1", "rid": "1"},
        row | {"_id": "3", "pid": "dead", "rid": None},
    ]
    for values in ([rows], [{"code": 0, "data": rows}], rows):
        found = read("twikoo", written(tmp_path, *values))
        assert found.states == {"1": State.APPROVED, "2": State.PENDING, "3": State.PENDING}
        assert found.parents == {"2": "1", "3": "dead"}
        assert {one.created for one in found.records} == {NINE}
        assert found.pages["/garden/"].url == "https://example.org/garden/"
        assert "never" not in repr(found)


def test_giscus_names_its_page_in_the_opening_and_minimizes_by_reasons(tmp_path: Path) -> None:
    def row(number: str, **changed: Any) -> dict[str, Any]:
        base = {
            "id": number,
            "author": {"login": "ada"},
            "createdAt": ISO,
            "deletedAt": None,
            "isMinimized": False,
        }
        return base | {"body": "**x**"} | changed

    hidden = {"isMinimized": True, "minimizedReason": "SPAM", "author": None}
    comments = [
        row("D1", replies={"nodes": [row("D2", replyTo={"id": "D1"}, **hidden)]}),
        row("D3", isMinimized=True, minimizedReason="OFF_TOPIC"),
        row("D4", isMinimized=True, minimizedReason="RESOLVED"),
        row("D5", deletedAt=ISO),
    ]
    body = "# garden\n\nhttps://example.org/old\n\nhttps://example.org/garden.html\n\n<!-- sha1: 00 https://x -->"
    node = {"id": "T1", "title": "garden", "body": body, "comments": {"nodes": comments}}
    found = read("github", written(tmp_path, {"data": {"repository": {"discussions": {"nodes": [node]}}}}))
    assert list(found.states.values()) == [
        State.APPROVED,
        State.SPAM,
        State.REJECTED,
        State.APPROVED,
        State.DELETED,
    ]
    assert found.parents == {"D2": "D1"}
    assert found.pages["T1"].url == "https://example.org/garden.html"


def test_utterances_has_issues_and_comments_in_one_list(tmp_path: Path) -> None:
    issue = {
        "url": "https://api/issues/1",
        "comments_url": "x",
        "title": "index",
        "body": "",
        "user": {"login": "ada"},
    }
    comment = {
        "id": 5,
        "node_id": "IC_5",
        "issue_url": "https://api/issues/1",
        "user": {"login": "ada", "html_url": "https://github.com/ada"},
        "body": "x",
        "created_at": ISO,
    }
    found = read("github", written(tmp_path, [comment, issue]))
    assert (found["IC_5"].page, found.pages["https://api/issues/1"].url) == ("https://api/issues/1", "/")
    assert [one.reason for one in found.left_out] == ["openings of threads, which are no comments"]


def test_json_that_was_cut_keeps_what_came_before(tmp_path: Path) -> None:
    path = written(tmp_path, [WALINE | {"objectId": one} for one in ("a1", "a2", "a3")])
    path.write_bytes(path.read_bytes()[:-40])
    found = Read()
    with pytest.raises(BrokenFileError, match="after entry 2: is no JSON from here on") as raised:
        fill(found, "valine", path)
    assert raised.value.place == "after entry 2"
    assert [one.id for one in found.records] == ["a1", "a2"]


def test_a_text_without_end_is_refused_in_json_too(tmp_path: Path) -> None:
    path = written(tmp_path, [WALINE | {"objectId": "a1"}, WALINE | {"objectId": "a2", "comment": "x" * 400_000}])
    found = Read()
    with pytest.raises(BrokenFileError, match="MB"):
        fill(found, "valine", path, longest=100_000)


@pytest.mark.skipif(not (DATA / "other").is_dir(), reason=missing(DATA / "other"))
def test_real_files_come_in() -> None:
    found = read("commento", DATA / "other/commento.json")
    assert len(found.records) == 3
    assert {one.state for one in found.records} == {State.APPROVED}
    found = read("artalk", DATA / "other/artalk-comments.yml")
    assert len(found.records) == 59
    assert found["Site B 1007"].state is State.PENDING
