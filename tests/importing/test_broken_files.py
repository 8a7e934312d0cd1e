"""Whatever is wrong with a file is said with its place, and what came before it was read."""

import gzip
from pathlib import Path

import pytest

from moderation_service.domain.importing.records import BrokenFileError
from moderation_service.importing.sources import LONGEST_TEXT
from tests.support.moving import Read, comment, fill, item, wxr

BOMB = """<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>"""
OUTSIDE = """<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>"""
WHOLE = wxr(item(comment("1")), item(comment("2")))


def broken(name: str, path: Path, longest: int = LONGEST_TEXT) -> tuple[Read, BrokenFileError]:
    found = Read()
    with pytest.raises(BrokenFileError) as raised:
        fill(found, name, path, longest=longest)
    return found, raised.value


def written(folder: Path, data: str | bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_a_file_that_was_cut_keeps_what_came_before(tmp_path: Path) -> None:
    cut = WHOLE[: WHOLE.index("</wp:comment_parent>", WHOLE.index("<wp:comment_id>2"))]
    found, error = broken("wordpress", written(tmp_path, cut))
    assert [one.id for one in found.records] == ["1"]
    assert error.place.startswith("line ")
    packed = gzip.compress(wxr(*(item(comment(str(one))) for one in range(500))).encode())
    _, error = broken("wordpress", written(tmp_path, packed[: len(packed) // 2]))
    assert "damaged" in error.reason


def test_a_file_of_another_format_is_named(tmp_path: Path) -> None:
    _, error = broken("disqus", written(tmp_path, WHOLE))
    assert str(error).endswith("is not of the format disqus; it looks like wordpress")
    _, error = broken("wordpress", written(tmp_path, "\x89PNG\r\n"))
    assert str(error).endswith("is not of the format wordpress")
    _, error = broken("wordpress", written(tmp_path, ""))
    assert str(error).endswith("is empty")


def test_a_file_in_another_encoding_than_it_says_is_named_by_its_line(tmp_path: Path) -> None:
    found, error = broken("wordpress", written(tmp_path, WHOLE.replace("Garden", "Gärten").encode("latin-1")))
    assert found.records == []
    assert error.place.startswith("line 3")
    _, error = broken("wordpress", written(tmp_path, WHOLE.replace("UTF-8", "klingon")))
    assert "encoding" in error.reason


@pytest.mark.parametrize("declared", [BOMB, OUTSIDE])
def test_entities_are_neither_expanded_nor_fetched(tmp_path: Path, declared: str) -> None:
    text = WHOLE.replace("<rss ", f"{declared}<rss ", 1).replace(
        "Ada Rossi", "&b;" if "ENTITY b" in declared else "&x;"
    )
    found, error = broken("wordpress", written(tmp_path, text))
    assert found.records == []
    assert "entities" in error.reason


@pytest.mark.parametrize(
    "text",
    [
        wxr(item(comment("1", comment_content="x" * 300_000))),
        wxr(f"<!-- {'x' * 300_000} -->"),
        wxr(item(comment("1")), "<x>" * 300),
    ],
    ids=["text", "remark", "depth"],
)
def test_what_would_fill_the_memory_is_refused(tmp_path: Path, text: str) -> None:
    _, error = broken("wordpress", written(tmp_path, text), longest=100_000)
    assert "MB" in error.reason or "deep" in error.reason


def test_what_is_packed_is_unpacked_no_further_than_its_longest_text(tmp_path: Path) -> None:
    """The file is damaged behind 20 MB of one text: who unpacked that far would say so."""
    packed = gzip.compress(wxr(item(comment("1", comment_content="x" * 40_000_000))).encode(), 1)
    _, error = broken("wordpress", written(tmp_path, packed[: len(packed) // 2]))
    assert "MB" in error.reason
    assert "damaged" not in error.reason


def test_lines_of_our_own_export_are_named_by_their_number(tmp_path: Path) -> None:
    first = '{"type":"export","format":"moderation-service","version":1}\n'
    for line, reason in (
        ("{", "is no JSON"),
        ("[]", "is no JSON object"),
        ('{"type":"comment","id":"x"}', "is not as this service writes it"),
        (
            '{"type":"comment","id":"x","page_url":"/","body":"","author_name":"","created_at":"2024-03-01T09:00:00Z","status":"odd"}',
            "odd",
        ),
        ('{"type":"export","version":2}', "is of version 2"),
    ):
        _, error = broken("jsonl", written(tmp_path, f"{first}\n{line}\n"))
        assert error.place == "line 3"
        assert reason in error.reason
    _, error = broken("jsonl", written(tmp_path, first.encode() + b'{"a":"\xff"}\n'))
    assert error.reason == "is not UTF-8"
    _, error = broken("jsonl", written(tmp_path, f'{first}{{"a":"{"x" * 200}"}}'), longest=100)
    assert error.reason.startswith("is longer than")
