"""Systems that are read from a folder of files, or from a feed."""

# ruff: noqa: E501 - files of others have long lines

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from moderation_service.domain.importing.records import State
from tests.support.moving import read

NINE = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


HASHOVER = """<?xml version="1.0" encoding="UTF-8"?>
<comment>
\t<body>
\t\tLovely &lt;b&gt;roses&lt;/b&gt; &amp;quot;here&amp;quot;
\t\tand there
\t</body>
\t<status>{status}</status><date>2024-03-01T10:00:00+0100</date><name>Ada &amp;amp; Ben</name>
\t<password>never</password><email>never</email><encryption>3,17</encryption><website>https://ada.example.org</website>
\t<ipaddr>192.0.2.7</ipaddr>
</comment>"""


def test_hashover_says_who_answers_whom_by_the_names_of_its_files(tmp_path: Path) -> None:
    threads = tmp_path / "comments/example.org/threads"
    info = {"url": "https://example.org/garden/", "title": "Garden"}
    put(threads / "garden/metadata/page-info.json", json.dumps(info))
    put(threads / "garden/1.xml", HASHOVER.format(status=""))
    put(threads / "garden/1-2.xml", HASHOVER.format(status="pending"))
    put(
        threads / "garden/1-2-1.json",
        json.dumps({"body": "x", "status": "deleted", "date": "2024-03-01T09:00:00+0000"}),
    )
    put(threads / "garden/3.xml", HASHOVER[:100])
    put(threads / "index/1.xml", HASHOVER.format(status="odd"))
    found = read("hashover", tmp_path)
    garden = threads / "garden"
    assert found.states == {
        f"{garden} 1": State.APPROVED,
        f"{garden} 1-2": State.PENDING,
        f"{garden} 1-2-1": State.DELETED,
        f"{threads / 'index'} 1": State.PENDING,
    }
    assert found.parents == {f"{garden} 1-2": f"{garden} 1", f"{garden} 1-2-1": f"{garden} 1-2"}
    one = found[f"{garden} 1"]
    assert one.body == "Lovely <b>roses</b> &quot;here&quot;\nand there"
    assert (one.author_name, one.created) == ("Ada & Ben", NINE)
    assert [page.url for page in found.pages.values()] == ["https://example.org/garden/", "/"]
    assert [(left.reason, left.place.rpartition("/")[2]) for left in found.left_out] == [
        ("files that cannot be read", "3.xml")
    ]
    assert "never" not in repr(found)
    assert "192.0.2.7" not in repr(found)


def test_staticman_has_fields_by_theme_and_answers_in_three_ways(tmp_path: Path) -> None:
    folder = tmp_path / "_data/comments/garden"
    shared = "date: '2024-03-01T09:00:00.000Z'\nemail: c0ffee00c0ffee00c0ffee00c0ffee00\nurl: ''\nhidden: ''\n"
    put(folder / "entry1.yml", f'_id: a1\n_parent: /garden/\nname: Ada\nmessage: "x\\r\\ny"\n{shared}')
    put(folder / "entry2.yml", f"_id: a2\n_parent: /garden/\nname: Ben\nmessage: y\nreplying_to: '1'\n{shared}")
    put(
        folder / "entry3.json",
        json.dumps({"_id": "a3", "_parent": "a2", "name": "Cleo", "comment": "z", "date": 1709283600}),
    )
    put(folder / "entry4.md", f"---\nname: Dan\nreplying_to_uid: a3\n{shared}---\n**body**\n")
    put(folder / "entry5.yml", "name: [")
    put(folder / "entry6.yml", "!!python/object/apply:os.system ['true']")
    put(tmp_path / "other/notes.md", "no comment")
    found = read("staticman", tmp_path)
    fourth = "_data/comments/garden/entry4.md"
    assert found.parents == {"a2": "a1", "a3": "a2", fourth: "a3"}
    assert {one.created for one in found.records} == {NINE}
    assert (found["a1"].author_email, found["a1"].body, found[fourth].body) == ("", "x\r\ny", "**body**")
    assert found.pages["_data/comments/garden"].url == "/garden/"
    assert [one.reason for one in found.left_out] == [
        *("files that cannot be read", "files that cannot be read"),
        "files that hold no comment",
    ]


BLOGGER = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:blogger="http://schemas.google.com/blogger/2018"><id>b</id>
<entry><id>b.post-21</id><blogger:parent>b.post-20</blogger:parent><blogger:inReplyTo/><blogger:type>COMMENT</blogger:type>
<blogger:status>LIVE</blogger:status><author><name>Ada</name><uri/><blogger:type>ANONYMOUS</blogger:type></author>
<content type="html">Lovely &lt;b&gt;roses&lt;/b&gt;&lt;br /&gt;here</content><published>2024-03-01T10:00:00.000+01:00</published>
<blogger:trashed/></entry>
<entry><id>b.post-22</id><blogger:parent>b.post-20</blogger:parent><blogger:inReplyTo>b.post-21</blogger:inReplyTo>
<blogger:type>COMMENT</blogger:type><blogger:status>EMPTIED</blogger:status><author><name>Ben</name></author><content/></entry>
<entry><id>b.post-23</id><blogger:parent>b.post-20</blogger:parent><blogger:type>COMMENT</blogger:type>
<blogger:status>NEW</blogger:status><content>x</content></entry>
<entry><id>b.post-20</id><blogger:type>POST</blogger:type><blogger:status>DRAFT</blogger:status><title>Garden</title>
<blogger:filename>/2024/02/garden.html</blogger:filename></entry></feed>"""


def test_blogger_comes_from_the_archive_of_takeout(tmp_path: Path) -> None:
    path = tmp_path / "takeout.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/._feed.atom", "x" * 100_000)
        archive.writestr("Takeout/Blogger/Blogs/b/feed.atom", BLOGGER)
        archive.writestr("Takeout/Blogger/settings.csv", "y" * 10_000)
    found = read("blogger", path)
    assert found.states == {"b.post-21": State.APPROVED, "b.post-22": State.DELETED, "b.post-23": State.PENDING}
    assert (found["b.post-21"].body, found["b.post-21"].created) == ("Lovely <b>roses</b><br />here", NINE)
    assert found.parents == {"b.post-22": "b.post-21"}
    assert (found.pages["b.post-20"].url, found.pages["b.post-20"].held) == ("/2024/02/garden.html", True)


def test_blogger_comes_from_a_classic_feed(tmp_path: Path) -> None:
    kind = '<category term="http://schemas.google.com/blogger/2008/kind#{}"/>'
    text = f"""<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0"
 xmlns:gd="http://schemas.google.com/g/2005"><id>tag:blogger.com,1999:blog-9</id>
<entry><id>t:blog-9.post-20</id>{kind.format("post")}<title>Garden</title><link rel="alternate" href="https://x.blogspot.com/g.html"/></entry>
<entry><id>t:blog-9.post-21</id>{kind.format("comment")}<title>Lovely…</title><content>x</content><published>2024-03-01T09:00:00Z</published>
<author><name>Ada</name><email>noreply@blogger.com</email></author><thr:in-reply-to ref="t:blog-9.post-20"/></entry>
<entry><id>t:blog-9.post-22</id>{kind.format("comment")}<content>y</content><thr:in-reply-to ref="t:blog-9.post-20"/>
<link rel="related" href="https://www.blogger.com/feeds/9/20/comments/default/21"/>
<gd:extendedProperty name="blogger.contentRemoved" value="true"/></entry>
<entry><id>t:blog-9.settings</id>{kind.format("settings")}</entry></feed>"""
    found = read("blogger", put(tmp_path / "blog.xml", text))
    assert found.states == {"t:blog-9.post-21": State.APPROVED, "t:blog-9.post-22": State.DELETED}
    assert found.parents == {"t:blog-9.post-22": "t:blog-9.post-21"}
    assert found["t:blog-9.post-21"].author_email == ""
    assert found.pages["t:blog-9.post-20"].url == "https://x.blogspot.com/g.html"
