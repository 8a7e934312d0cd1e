"""Systems that are read from their tables: a SQLite file, or a dump of whatever database they had."""

# ruff: noqa: E501, S608 - files of others have long lines, and these statements only make files

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moderation_service.domain.importing.records import BrokenFileError, Dialect, State
from tests.support.moving import Read, fill, read

NINE = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)
SECONDS = 1709283600


def database(folder: Path, script: str) -> Path:
    path = folder / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def dump(folder: Path, text: str) -> Path:
    path = folder / "dump.sql"
    path.write_text(text, encoding="utf-8")
    return path


ISSO = f"""
CREATE TABLE preferences (key VARCHAR PRIMARY KEY, value VARCHAR);
INSERT INTO preferences VALUES ('session-key', 'never-read');
CREATE TABLE threads (id INTEGER PRIMARY KEY, uri VARCHAR, title VARCHAR);
INSERT INTO threads VALUES (1, '/garden/', 'Garden');
CREATE TABLE comments (tid, id INTEGER PRIMARY KEY, parent, created FLOAT, modified, mode, remote_addr, text, author,
  email, website, likes, dislikes, voters BLOB, notification);
INSERT INTO comments VALUES
 (1, 1, NULL, {SECONDS}.25, NULL, 1, '192.0.2.0', 'Lovely **roses**', 'Ada &amp; Ben', 'ada@example.org', 'https://a.example/?a=1&amp;b=2', 0, 0, x'00', 0),
 (1, 2, 1, {SECONDS}.5, NULL, 2, '192.0.2.0', '<p>Which kind?</p>', NULL, NULL, NULL, 0, 0, x'00', 0),
 (1, 3, 1, {SECONDS}.5, NULL, 4, '192.0.2.0', '', NULL, NULL, NULL, 0, 0, x'00', 0);
"""


def test_isso_is_read_while_it_writes_and_its_secrets_are_not(tmp_path: Path) -> None:
    path = database(tmp_path, ISSO)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute(
            "INSERT INTO comments SELECT tid, 4, 3, created, modified, 9, remote_addr, text, author, email, website, "
            "likes, dislikes, voters, notification FROM comments WHERE id = 1"
        )
        writer.commit()
        found = read("isso", path)
    one = found["1"]
    assert (one.author_name, one.author_url) == ("Ada & Ben", "https://a.example/?a=1&b=2")
    assert one.created == NINE.replace(microsecond=250_000)
    assert found.states == {"1": State.APPROVED, "2": State.PENDING, "3": State.DELETED, "4": State.PENDING}
    assert found.parents == {"2": "1", "3": "1", "4": "3"}
    assert (one.dialect, found["2"].dialect) == (Dialect.MARKDOWN, Dialect.HTML)
    assert (found.pages["1"].url, found.pages["1"].title) == ("/garden/", "Garden")
    assert "never-read" not in repr(found)


def test_a_database_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = database(tmp_path, ISSO)
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with pytest.raises(BrokenFileError, match="the database cannot be read"):
        read("isso", path)


CUSDIS = """
CREATE TABLE pages (
  id text NOT NULL,
  slug text, url text, title text, "projectId" text
);
COPY public.pages (id, slug, url, title, "projectId") FROM stdin;
p-1\tgarden\thttps://example.org/garden\tGarden\tprj-1
p-2\tpond\t\\N\t\\N\tprj-1
\\.
COPY public.comments (id, "pageId", created_at, "deletedAt", by_email, by_nickname, content, approved, "parentId") FROM stdin;
c-1\tp-1\t2024-03-01 09:00:00\t\\N\tada@example.org\tAda Rossi\tLovely\\n**roses**\tt\t\\N
c-2\tp-1\t2024-03-01 10:00:00\t\\N\t\\N\tBen\tFirst?\tf\tc-1
c-3\tp-2\t2024-03-02 09:00:00\t2024-03-03 09:00:00\t\\N\tCleo\toops\tt\tc-2
\\.
"""


def test_cusdis_comes_from_a_dump_of_postgresql(tmp_path: Path) -> None:
    found = read("cusdis", dump(tmp_path, CUSDIS))
    assert found.states == {"c-1": State.APPROVED, "c-2": State.PENDING, "c-3": State.DELETED}
    assert found.parents == {"c-2": "c-1", "c-3": "c-2"}
    assert (found["c-1"].body, found["c-1"].author_email) == ("Lovely\n**roses**", "ada@example.org")
    assert (found.pages["p-1"].url, found.pages["p-2"].url) == ("https://example.org/garden", "pond")


def test_cusdis_comes_from_its_dashboard_where_answers_stand_twice(tmp_path: Path) -> None:
    path = tmp_path / "cusdis.json"
    path.write_text(
        '{"data":{"data":[{"id":"c-1","pageId":"p","page":{"id":"p","slug":"garden","url":"https://example.org/g"},'
        '"by_nickname":"Ada","content":"x","approved":true,"createdAt":"2024-03-01T09:00:00Z",'
        '"replies":{"data":[{"id":"c-2","by_nickname":"Ben","content":"y","approved":true}]}},'
        '{"id":"c-2","pageId":"p","parentId":"c-1","by_nickname":"Ben","content":"y","approved":true}]}}',
        encoding="utf-8",
    )
    found = read("cusdis", path)
    assert [(one.id, one.parent) for one in found.records] == [("c-1", ""), ("c-2", "c-1"), ("c-2", "c-1")]


DRUPAL7 = f"""-- MySQL dump 10.13
CREATE TABLE `dr_comment` (
  `cid` int NOT NULL AUTO_INCREMENT,
  `pid` int,
  `nid` int,
  `uid` int,
  `subject` varchar(64),
  `created` int,
  `status` tinyint(3),
  `name` varchar(60),
  `mail` varchar(64),
  `homepage` varchar(255),
  PRIMARY KEY (`cid`),
  KEY `comment_num_new` (`nid`,`status`)
) ENGINE=InnoDB;
INSERT INTO `dr_comment` VALUES (1,0,7,0,'Lovely roses',{SECONDS},1,'Ada\\'s','ada@example.org',''),
(2,1,7,3,'Thanks; all',{SECONDS},1,NULL,NULL,NULL),
(3,0,8,0,'Buy',{SECONDS},0,'Ben','','');
INSERT INTO dr_field_data_comment_body (entity_id,deleted,delta,comment_body_value,comment_body_format) VALUES
(1,0,0,'Lovely roses, says <em>everyone</em>\\n(and so);','filtered_html'),(2,0,0,'Thanks','plain_text'),(2,1,0,'gone','x'),(3,0,0,'Seeds','plain_text');
INSERT INTO dr_url_alias (source,alias) VALUES ('node/7','garden');
INSERT INTO dr_users VALUES (3,'Owner','owner@example.org');
INSERT INTO dr_node (nid,title,status) VALUES (7,'Garden',1),(8,'Draft',0);
-- Dump completed on 2024-03-01
"""


def test_drupal_7_comes_from_a_dump_of_mysql_with_a_prefix(tmp_path: Path) -> None:
    text = DRUPAL7.replace("INSERT INTO dr_users VALUES", "INSERT INTO dr_users (uid,name,mail) VALUES")
    found = read("drupal", dump(tmp_path, text))
    assert found.states == {"1": State.APPROVED, "2": State.APPROVED, "3": State.PENDING}
    assert found["1"].body == "Lovely roses, says <em>everyone</em>\n(and so);"
    assert found["1"].author_name == "Ada's"
    assert (found["2"].body, found["2"].dialect) == ("Thanks; all\n\nThanks", Dialect.PLAIN)
    assert (found.people["3"].name, found.people["3"].email) == ("Owner", "owner@example.org")
    assert (found.pages["/node/7"].url, found.pages["/node/8"].held) == ("/garden", True)


def test_drupal_6_says_published_by_the_other_number_and_later_ones_have_a_row_a_language(tmp_path: Path) -> None:
    old = (
        "INSERT INTO comments (cid,pid,nid,uid,subject,comment,timestamp,status,name) VALUES "
        f"(1,0,7,0,'','a',{SECONDS},0,'Ada'),(2,0,7,0,'','b',{SECONDS},1,'Ben');\n"
        "INSERT INTO url_alias (src,dst) VALUES ('node/7','garden');\n"
    )
    found = read("drupal", dump(tmp_path, old))
    assert found.states == {"1": State.APPROVED, "2": State.PENDING}
    assert found.pages["/node/7"].url == "/garden"
    new = (
        "INSERT INTO comment_field_data (cid,pid,entity_id,entity_type,status,created,default_langcode,name) VALUES "
        f"(1,NULL,7,'node',1,{SECONDS},1,'Ada'),(1,NULL,7,'node',1,{SECONDS},0,'Ada'),(2,1,7,'user',1,{SECONDS},1,'x');\n"
        "INSERT INTO comment__comment_body (entity_id,delta,deleted,comment_body_value) VALUES (1,0,0,'a'),(2,0,0,'b');\n"
        "INSERT INTO path_alias (path,alias,status) VALUES ('/node/7','/garden',1),('/node/7','/old',0);\n"
    )
    found = read("drupal", dump(tmp_path, new))
    assert found.states == {"1": State.APPROVED}
    assert found.pages["/node/7"].url == "/garden"


def test_ghost_keeps_what_was_deleted_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "ghost.json"
    path.write_text(
        '{"comments":[{"id":"a1","parent_id":null,"in_reply_to_id":null,"status":"published","html":"<p>x</p>",'
        '"created_at":"2024-03-01T09:00:00.000Z","member":{"name":"Ada","email":"ada@example.org"},'
        '"post":{"id":"p1","title":"Garden","url":"https://example.org/garden/"}},'
        '{"id":"a2","parent_id":"a1","in_reply_to_id":"a3","status":"hidden","html":"<p>y</p>","member":null,"post_id":"p1"},'
        '{"id":"a3","post_id":"p1","parent_id":"a1","status":"deleted"}],"meta":{}}',
        encoding="utf-8",
    )
    found = read("ghost", path)
    assert found.states == {"a1": State.APPROVED, "a2": State.REJECTED, "a3": State.DELETED}
    assert (found["a2"].parent, found["a2"].thread, found["a2"].page) == ("a3", "a1", "p1")
    tables = """
    CREATE TABLE comment_likes (id); CREATE TABLE members (id, name, email); CREATE TABLE posts (id, slug, title, status, visibility);
    CREATE TABLE comments (id, post_id, member_id, parent_id, in_reply_to_id, status, html, created_at);
    INSERT INTO members VALUES ('m1', 'Ada', 'ada@example.org');
    INSERT INTO posts VALUES ('p1', 'garden', 'Garden', 'published', 'public'), ('p2', 'x', 'X', 'published', 'members');
    INSERT INTO comments VALUES ('c1', 'p1', 'm1', NULL, NULL, 'published', '<p>x</p>', '2024-03-01 09:00:00');
    """
    found = read("ghost", database(tmp_path, tables))
    assert (found["c1"].person, found["c1"].created, found.people["m1"].name) == ("m1", NINE, "Ada")
    assert (found.pages["p1"].url, found.pages["p1"].held, found.pages["p2"].held) == ("/garden/", False, True)


def test_rows_that_cannot_be_read_are_named_by_their_line(tmp_path: Path) -> None:
    text = "INSERT INTO comments (cid,pid) VALUES (1);\nINSERT INTO url_alias (src) VALUES ('x');\n"
    with pytest.raises(BrokenFileError, match="line 1: has rows that cannot be read: 1 values for 2 columns"):
        read("drupal", dump(tmp_path, text))


SEVERAL_LINES = "C:\\new, (half\n\nit's; \\n of it\\"


def test_a_dump_of_sqlite_keeps_lines_backslashes_and_quotes(tmp_path: Path) -> None:
    """Its shell writes line ends by functions, newer ones otherwise than older ones, and the oldest as they are."""
    literal = SEVERAL_LINES.replace("'", "''")
    for written in (
        f"'{literal}'",
        "replace('{}','\\012',char(10))".format(literal.replace("\n", "\\012")),
        "replace(replace('{}','\\r',char(13)),'\\012',char(10))".format(literal.replace("\n", "\\012")),
        "unistr('{}')".format(literal.replace("\\", "\\\\").replace("\n", "\\u000a")),
    ):
        text = (
            "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
            "CREATE TABLE pages (id, slug, url, title, projectId);\n"
            "CREATE TABLE comments (id, pageId, created_at, deletedAt, by_email, by_nickname, content, approved, parentId);\n"
            "INSERT INTO pages VALUES('p','x','https://example.org/x','X','y');\n"
            f"INSERT INTO comments VALUES('c','p','2024-03-01 09:00:00',NULL,NULL,'Ada',{written},1,NULL);\nCOMMIT;\n"
        )
        assert read("cusdis", dump(tmp_path, text))["c"].body == SEVERAL_LINES, written


def test_texts_of_mysql_have_escapes_and_those_of_postgresql_none(tmp_path: Path) -> None:
    rows = "INSERT INTO comments (id, pageId, by_nickname, content) VALUES\n('c', 'p', 'Ada', 'a\\nb\n\nc');\n"
    assert read("cusdis", dump(tmp_path, f"{PAGES}{rows}"))["c"].body == "a\nb\n\nc"
    begin, end = "--\n-- PostgreSQL database dump\n--\n", "--\n-- PostgreSQL database dump complete\n--\n"
    assert read("cusdis", dump(tmp_path, f"{begin}{PAGES}{rows}{end}"))["c"].body == "a\\nb\n\nc"


PAGES = "CREATE TABLE pages (id text);\n"


@pytest.mark.parametrize(
    "text",
    [
        CUSDIS[: CUSDIS.rindex("\\.")],
        f"{PAGES}INSERT INTO comments (id, pageId, by_nickname, content) VALUES ('c', 'p', 'Ada', 'x'),",
        f"-- MySQL dump 10.13\n{PAGES}INSERT INTO comments (id, pageId, by_nickname) VALUES ('c', 'p', 'Ada');\n",
    ],
    ids=["among rows", "within a statement", "between statements"],
)
def test_a_dump_that_is_cut_brings_nothing_in(tmp_path: Path, text: str) -> None:
    """What is missing may be the authors and pages of what is there."""
    found = Read()
    with pytest.raises(BrokenFileError, match="is cut"):
        fill(found, "cusdis", dump(tmp_path, text))
    assert found.records == []
