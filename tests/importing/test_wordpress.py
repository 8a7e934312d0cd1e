"""WordPress's exports, with every trap that is known of them."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moderation_service.domain.importing.records import State
from tests.support.moving import DATA, comment, item, missing, read, wxr


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "export.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_comments_come_with_all_that_is_ours_to_keep(tmp_path: Path, version: str) -> None:
    found = read(
        "wordpress", written(tmp_path, wxr(item(comment("1"), comment("2", comment_parent="1")), version=version))
    )
    one = found["1"]
    assert (one.author_name, one.author_email) == ("Ada Rossi", "ada@example.org")
    assert one.created == datetime(2024, 3, 1, 9, 0, tzinfo=UTC)
    assert one.body == "Lovely <b>roses</b>\n\nhere"
    assert found.parents == {"2": "1"}
    page = found.pages[one.page]
    assert (page.url, page.title, page.held, page.number) == ("https://example.org/garden/", "Garden", False, "7")
    assert "192.0.2.7" not in repr(found)


def test_states_are_kept_and_an_unknown_one_waits(tmp_path: Path) -> None:
    states = {"1": "1", "2": "0", "3": "trash", "4": "spam", "5": "post-trashed", "6": "", "7": "new"}
    entries = [comment(one, comment_approved=state) for one, state in states.items()]
    found = read("wordpress", written(tmp_path, wxr(item(*entries))))
    assert found.states == {
        "1": State.APPROVED,
        "2": State.PENDING,
        "3": State.REJECTED,
        "4": State.SPAM,
        "5": State.REJECTED,
        "6": State.PENDING,
        "7": State.PENDING,
    }


@pytest.mark.parametrize(
    "more",
    [
        "<wp:post_password>secret</wp:post_password>",
        "<wp:status>draft</wp:status>",
        "<wp:status>private</wp:status>",
    ],
)
def test_pages_that_not_everybody_could_read_are_held_also_when_that_is_said_last(
    tmp_path: Path, more: str
) -> None:
    bare = item(comment("1")).replace("<wp:status>publish</wp:status>", "")
    for one in (bare.replace("<wp:comment>", f"{more}<wp:comment>"), bare.replace("</item>", f"{more}</item>")):
        [page] = read("wordpress", written(tmp_path, wxr(one))).pages.values()
        assert page.held
        assert "secret" not in repr(page)


def test_a_date_that_only_the_blog_knows_is_of_the_declared_zone(tmp_path: Path) -> None:
    entries = (
        comment("1", comment_date_gmt="0000-00-00 00:00:00"),
        comment("2", comment_date_gmt="0000-00-00 00:00:00", comment_date="0000-00-00 00:00:00"),
    )
    found = read("wordpress", written(tmp_path, wxr(item(*entries))), zone="Europe/Rome")
    assert found["1"].created == datetime(2024, 3, 1, 9, 0, tzinfo=UTC)
    assert found["2"].created is None


def test_what_is_no_comment_is_left_out_by_its_place(tmp_path: Path) -> None:
    entries = (
        comment("1", comment_type="pingback"),
        comment("2", comment_type="note"),
        comment("3", comment_type="comment"),
    )
    found = read("wordpress", written(tmp_path, wxr(item(*entries))))
    assert [one.id for one in found.records] == ["3"]
    assert [one.reason for one in found.left_out] == ["pingbacks", "entries that are no comments"]
    assert all(one.place.startswith("line ") for one in found.left_out)


def test_the_same_number_in_two_blogs_is_not_the_same_comment(tmp_path: Path) -> None:
    first = read("wordpress", written(tmp_path, wxr(item(comment("1")))))["1"]
    again = read("wordpress", written(tmp_path, wxr(item(comment("1", comment_content="edited")))))["1"]
    other = read("wordpress", written(tmp_path, wxr(item(comment("1", comment_date="2020-01-01 00:00:00")))))["1"]
    assert first.key == again.key != other.key


def test_packing_marks_line_ends_words_before_the_document_and_controls_do_no_harm(tmp_path: Path) -> None:
    author = {"comment_author": "A\x07da&#8;&#x1F;", "comment_author_email": "\n  ada@example.org\n "}
    text = wxr(item(comment("1", **author)))
    wide = text.replace("\x07", "").replace("&#8;&#x1F;", "").replace("UTF-8", "UTF-16").encode("utf-16")
    for data in (
        b"\xef\xbb\xbf" + text.encode(),
        b"\n\n Warning: something\n" + text.replace("\n", "\r\n").encode(),
        gzip.compress(text.encode()),
        wide,
    ):
        found = read("wordpress", written(tmp_path, data))
        assert found["1"].author_name == "Ada"
        assert found["1"].author_email == "ada@example.org"
        assert found["1"].body == "Lovely <b>roses</b>\n\nhere"


EXPECTED = {
    "isso-wordpress.xml": 8,
    "slashes.xml": 1,
    "small-export.xml": 1,
    "test-serialized-comment-meta.xml": 1,
    "theme-unit-test-data.xml": 29,
    "valid-wxr-1.0.xml": 1,
    "valid-wxr-1.1.xml": 1,
    "missing-version-tag.xml": 0,
    "namespace-edge-cases.xml": 0,
    "multiple-cdata.xml": 0,
}


@pytest.mark.skipif(not (DATA / "wxr").is_dir(), reason=missing(DATA / "wxr"))
def test_real_files_come_in() -> None:
    found = {name: read("wordpress", DATA / "wxr" / name) for name in EXPECTED}
    assert {name: len(one.records) for name, one in found.items()} == EXPECTED
    assert all(one.created and one.author_name for each in found.values() for one in each.records)
    assert found["slashes.xml"]["1"].body == "\\o/ ¯\\_(ツ)_/¯"
