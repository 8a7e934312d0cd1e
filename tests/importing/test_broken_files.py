"""Whatever is wrong with a file is said with its place, and what came before it was read."""

import gzip
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from moderation_service.domain.importing.records import BrokenFileError
from moderation_service.importing.sources import LONGEST_TEXT
from tests.support.moving import Read, comment, fill, item, wxr

BOMB = """<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>"""
OUTSIDE = """<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>"""
EXPORT = '{"type":"export","format":"moderation-service","version":1}\n'
LINE = (
    '{"type":"comment","id":"0193a2b4-0000-7000-8000-000000000001","page_url":"/","body":"é","author_name":"Ada","created_at":"2024-03-01T09:00:00Z",'
    '"status":"approved"}\n'
)
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


@pytest.mark.parametrize(
    ("name", "begin", "reason"),
    [
        ("wordpress", wxr(item(comment("1"), comment("2", comment_content="x"))).partition("x</wp")[0], "text"),
        ("jsonl", f'{EXPORT}{{"type":"comment","body":"', "line 2: is longer than 8 MB"),
        ("waline", '[{"objectId":"a1","nick":"Ada","comment":"x"},{"comment":"y"},', "after entry 2: is no JSON"),
        ("waline", "objectId,insertedAt,comment\na1,2024-03-01 09:00:00,", "line 2: is longer than 8 MB"),
        ("drupal", "INSERT INTO comments (cid, body) VALUES (1, '", "line 1: is longer than 8 MB"),
    ],
    ids=["xml", "lines", "json", "csv", "sql"],
)  # fmt: skip
def test_two_gigabytes_of_one_line_are_refused_in_little_memory(
    tmp_path: Path, name: str, begin: str, reason: str
) -> None:
    path = written(tmp_path, begin)
    with path.open("r+b") as file:
        file.truncate(2 * 1024**3)
    tracemalloc.start()
    try:
        _, error = broken(name, path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reason in str(error)
    assert most < 64 * 1024**2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("wordpress", WHOLE),
        ("jsonl", f"{EXPORT}{LINE}{LINE}"),
        ("waline", '[{"objectId":"a1","nick":"Ada","comment":"x"},{"objectId":"a2","nick":"Ö","comment":"y\\n"}]'),
        ("commento", '{"version":1,"comments":[{"commentHex":"a1","markdown":"x"}],"commenters":[]}'),
    ],
    ids=["xml", "lines", "array", "object"],
)  # fmt: skip
def test_wherever_a_file_is_cut_what_came_before_is_read_as_from_the_whole(
    tmp_path: Path, name: str, text: str
) -> None:
    whole = Read()
    fill(whole, name, written(tmp_path, text))
    data = text.encode()
    for end in range(len(data)):
        found = Read()
        with suppress(BrokenFileError):
            fill(found, name, written(tmp_path, data[:end]))
            assert found.records != whole.records or end == len(data) - 1
        assert found.records == whole.records[: len(found.records)], data[:end]


def test_rows_of_a_table_are_named_by_their_line_and_keep_their_paragraphs(tmp_path: Path) -> None:
    begin = 'objectId,insertedAt,nick,comment\na1,2024-03-01 09:00:00,Ada,"x\n\ny"\n'
    for end, said in (
        ("a2,2024-03-02", "line 5: has fewer cells than the first line"),
        ('a2,2024-03-02,Ben,"z', "line 5: is no CSV: unexpected end of data"),
        (f"a2,2024-03-02,Ben,{'z' * 200_000}", "line 5: is no CSV: field larger than field limit (131072)"),
    ):
        found, error = broken("waline", written(tmp_path, begin + end))
        assert str(error) == said
        assert [one.body for one in found.records] == ["x\n\ny"]


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
        (LINE.strip().replace("approved", "odd"), "odd"),
        (LINE.strip().replace("0193a2b4", "x"), "badly formed"),
        (LINE.strip().replace("-7000-", "7000"), "id is no id"),
        (LINE.strip().replace("é", "\\u0000"), "zero byte"),
        (LINE.strip().replace('"approved"}', '"approved","history":[{"decision":"bless","revision":1}]}'), "'at'"),
        (LINE.strip().replace('"approved"}', '"approved","original":{"body":"é","revision":1}}'), "'at'"),
        (LINE.strip().replace('"approved"}', '"approved","redacted":1}'), "neither true nor false"),
        ('{"type":"export","version":2}', "is of version 2"),
        (LINE.strip().replace("2024-03-01T09:00:00Z", "0001-01-01T00:00:00+14:00"), "OverflowError"),
        (LINE.strip().replace("2024-03-01", "40000-03-01"), "Invalid isoformat"),
    ):
        _, error = broken("jsonl", written(tmp_path, f"{first}\n{line}\n"))
        assert error.place == "line 3"
        assert reason in error.reason
    _, error = broken("jsonl", written(tmp_path, first.encode() + b'{"a":"\xff"}\n'))
    assert error.reason == "is not UTF-8"
    _, error = broken("jsonl", written(tmp_path, f'{first}{{"a":"{"x" * 200}"}}'), longest=100)
    assert error.reason.startswith("is longer than")
