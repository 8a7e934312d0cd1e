"""Pointing the comment forms of an exported WordPress site to the service."""

import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.support.factories import ADDRESS, PAGE
from tests.support.forms import Form
from tests.support.posting import queued, urlencoded, without_note
from tests.support.running import Running

SCRIPT = Path(__file__).parents[2] / "integrations/wordpress-static/point_forms.py"
EXPORTED = (
    b"<!doctype html>\r\n<html><head><link rel='canonical' href='%(page)s' /></head><body>\r\n"
    b'<form role="search" action="https://www.example.org/"><input name="s"></form>\r\n'
    b'<form action="https://www.example.org/wp-comments-post.php" method="post" id="commentform" novalidate>'
    b'<textarea name="comment"></textarea><input name="author"><input name="email">'
    b"<input type='hidden' name='comment_post_ID' value='2' />"
    b"<input type='hidden' name='comment_parent' value='0' />"
    b"</form>\r\n<p>caff\xe8</p></body></html>"
)


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for what a website sends."""
    return f"sqlite:///{tmp_path}/test.db"


def run(folder: Path, service: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--service", f"{service}/", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def comment_form(page: Path) -> Form:
    return Form(page.read_bytes().decode(errors="replace").partition("</form>")[2])


@pytest.fixture
def export(tmp_path: Path) -> Path:
    page = tmp_path / "export/chi-siamo/index.html"
    page.parent.mkdir(parents=True)
    page.write_bytes(EXPORTED % {b"page": PAGE.encode()})
    return page


async def test_a_form_of_the_export_reaches_the_queue(service: Running, http: ClientSession, export: Path) -> None:
    ran = run(export.parents[1], service.url)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "changed: 1\n", "")
    form = comment_form(export)
    assert form.action == f"{service.url}/wp-comments-post.php"
    body, kind = urlencoded(form.values | {"comment": "interessante…", "author": "Giuliana", "email": ADDRESS})
    origin = {"Origin": "https://www.example.org", "Referer": "https://www.example.org/"}
    sent = await http.post("/wp-comments-post.php", data=body, headers=kind | origin, allow_redirects=False)
    assert (sent.status, without_note(sent.headers["Location"])) == (303, PAGE)
    assert [one["page_url"] for one in await queued(http)] == [PAGE]


def test_all_else_stays_byte_for_byte_and_a_second_run_changes_nothing(export: Path) -> None:
    before = export.read_bytes()
    run(export.parents[1], "https://comments.example.net")
    after = export.read_bytes()
    added = b'<input type="hidden" name="page_url" value="%s">' % PAGE.encode()
    assert after.replace(added, b"").replace(b"comments.example.net", b"www.example.org") == before
    ran = run(export.parents[1], "https://comments.example.net")
    assert ran.stdout == "changed: 0\n"
    assert export.read_bytes() == after


def test_a_form_whose_page_is_not_known_is_named_and_left_alone(export: Path) -> None:
    nameless = EXPORTED.replace(b"canonical", b"shortlink")
    export.write_bytes(nameless)
    ran = run(export.parents[1], "https://comments.example.net")
    assert (ran.returncode, ran.stdout) == (1, "changed: 0\n")
    assert str(export) in ran.stderr
    assert export.read_bytes() == nameless


def test_a_page_without_a_comment_form_is_left_alone(export: Path) -> None:
    export.write_bytes(b"<p>niente</p>")
    ran = run(export.parents[1], "https://comments.example.net")
    assert (ran.returncode, ran.stdout) == (0, "changed: 0\n")
    assert export.read_bytes() == b"<p>niente</p>"
