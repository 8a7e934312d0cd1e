"""Disqus's exports, with every trap that is known of them."""

from pathlib import Path

import pytest

from moderation_service.domain.importing.records import State
from tests.support.moving import DATA, comment, item, missing, read, wxr

THREADS = """<?xml version="1.0"?>
<disqus xmlns="http://disqus.com" xmlns:dsq="http://disqus.com/disqus-internals">
<thread dsq:id="900"><id/><link>http://www.example.org/garden/?ref=mail</link><title>Garden</title>
<isDeleted>false</isDeleted></thread>
<thread dsq:id="901"><id>7 https://example.org/?p=7</id><link>https://example.org/garden/</link></thread>
<thread dsq:id="902"><id/></thread>
<thread dsq:id="903"><id>/by-id/</id><link/><isDeleted>true</isDeleted></thread>
"""
FLAGS = "<isDeleted>false</isDeleted><isSpam>false</isSpam>"


def post(number: str, inner: str = "", *, flags: str = FLAGS, thread: str = '<thread dsq:id="900"/>') -> str:
    return f"""<post dsq:id="{number}"><id/><message><![CDATA[<p>Lovely</p>]]></message>
<createdAt>2024-03-01T09:00:00Z</createdAt>{flags}<author><name>Ada</name><email>ada@example.org</email>
<isAnonymous>false</isAnonymous><username>ada</username></author><ipAddress>192.0.2.7</ipAddress>{thread}{inner}</post>"""


def written(folder: Path, *posts: str) -> Path:
    path = folder / "disqus.xml"
    path.write_text(f"{THREADS}{''.join(posts)}</disqus>", encoding="utf-8")
    return path


def test_threads_posts_and_answers_come_in(tmp_path: Path) -> None:
    found = read("disqus", written(tmp_path, post("1"), post("2", '<parent dsq:id="1"/>')))
    assert found.parents == {"2": "1"}
    assert found.pages[found["1"].page].url == "http://www.example.org/garden/?ref=mail"
    assert found.pages["902"].url == ""
    assert (found.pages["903"].url, found.pages["903"].left_out) == ("/by-id/", "comments of deleted pages")
    assert found["1"].author_email == "ada@example.org"
    assert "192.0.2.7" not in repr(found)


def test_references_in_text_instead_of_attributes_are_read_too(tmp_path: Path) -> None:
    found = read("disqus", written(tmp_path, post("2", "<parent>1</parent>", thread="<thread>901</thread>")))
    assert (found["2"].parent, found["2"].page) == ("1", "901")


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ("<isDeleted>false</isDeleted><isSpam>false</isSpam>", State.APPROVED),
        ("<isDeleted>false</isDeleted><isSpam>true</isSpam>", State.SPAM),
        ("<isDeleted>true</isDeleted><isSpam>false</isSpam>", State.DELETED),
        ("<isDeleted>false</isDeleted><isSpam>false</isSpam><isApproved>false</isApproved>", State.PENDING),
        ("<isDeleted>false</isDeleted>", State.PENDING),
        ("", State.PENDING),
        ("<isDeleted>no</isDeleted><isSpam>false</isSpam>", State.PENDING),
    ],
)
def test_flags_say_the_state_and_what_they_do_not_say_waits(tmp_path: Path, flags: str, state: State) -> None:
    assert read("disqus", written(tmp_path, post("1", flags=flags)))["1"].state is state


def test_the_dialect_for_imports_is_recognised_by_what_stands_in_it(tmp_path: Path) -> None:
    text = wxr(item(comment("1")), version="1.0").replace("<rss ", '<rss xmlns:dsq="http://www.disqus.com/" ')
    text = text.replace("<wp:post_id>7</wp:post_id>", "<dsq:thread_identifier>x</dsq:thread_identifier>")
    text = text.replace("<wp:status>publish</wp:status>", "")
    path = tmp_path / "x.xml"
    path.write_text(text, encoding="utf-8")
    found = read("disqus", path)
    assert found["1"].state is State.APPROVED
    assert not found.pages[found["1"].page].held


@pytest.mark.skipif(not (DATA / "disqus").is_dir(), reason=missing(DATA / "disqus"))
def test_real_files_come_in() -> None:
    found = read("disqus", DATA / "disqus/remark42-disqus.xml")
    assert len(found.records) == 6
    assert [one.state for one in found.records].count(State.SPAM) == 1
    found = read("disqus", DATA / "disqus/isso-disqus.xml")
    assert found.parents["5"] == "4"
    assert State.DELETED in found.states.values()
