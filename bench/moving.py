"""Moving in and out: a blog's comments from WordPress, once and again, with readers and posters meanwhile."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from bench import servers
from bench.databases import databases
from bench.loader import Load, run
from bench.single import POST
from bench.table import Table

COMMENTS = 100_000
_A_PAGE = 50
_MEGABYTE = 1024
_SECONDS = 8
_WORDS = """lovely roses in the garden which kind do you grow here in Lucca we had frost again last night thanks
for the photo I would never have thought that interessante grazie mille the second part was better""".split()  # noqa: SIM905


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    file, other = folder / "blog.xml", folder / "other.xml"
    write_blog(file, COMMENTS)
    write_blog(other, COMMENTS, first=datetime(1995, 1, 1))  # noqa: DTZ001 - as WordPress writes it
    for engine, database_url in databases(folder):
        place = folder / f"moving {engine}"
        place.mkdir()
        settings = servers.environ(place, database_url, servers.free_port())
        moderation_service(settings, "migrate")
        for name, most in ((f"import of {COMMENTS:,}, {engine}", 60), (f"the same again, {engine}", 20)):
            seconds, megabytes = moderation_service(settings, "import", "wordpress", str(file), "--site", "bench")
            table.note(
                name,
                f"{seconds:.1f} s, {megabytes:.0f} MB",
                least=f"within {most} s, 200 MB",
                met="yes" if seconds <= most and megabytes <= 200 else "no",
            )
        seconds, megabytes = moderation_service(settings, "export", "--site", "bench", "--to", str(place / "out"))
        table.note(f"export, {engine}", f"{seconds:.1f} s, {megabytes:.0f} MB")
        _meanwhile(settings, other, engine, table)


def _meanwhile(settings: dict[str, str], file: Path, engine: str, table: Table) -> None:
    """Measure posts and reads alone, and while another blog comes in."""
    listed = "/api/v1/comments?page_url=https://www.example.org/2010/post-0/&limit=20"
    with servers.service(settings) as (url, _):
        loads = {
            "POST": partial(run, url + POST, seconds=_SECONDS, script="post.lua"),
            "GET of a list": partial(run, url, seconds=_SECONDS, paths=(listed,)),
        }
        alone = {name: load() for name, load in loads.items()}
        with _importing(settings, file):
            beside: dict[str, Load] = {name: load() for name, load in loads.items()}
    for name in loads:
        table.add(f"{name} during an import, {engine}", [(beside[name], alone[name])], least=0.70, beside="alone")


@contextmanager
def _importing(settings: dict[str, str], file: Path) -> Iterator[None]:
    process = subprocess.Popen(
        command("import", "wordpress", str(file), "--site", "bench"),
        env=os.environ | {"PYTHONPATH": str(servers.ROOT)} | settings,
        stdout=subprocess.DEVNULL,
    )
    try:
        time.sleep(12)  # until it writes
        yield
    finally:
        process.terminate()
        process.wait()


def moderation_service(settings: dict[str, str], *arguments: str) -> tuple[float, float]:
    """Run a command; return the seconds that it took, and the most megabytes that it held."""
    began = time.monotonic()
    environ = os.environ | {"PYTHONPATH": str(servers.ROOT)} | settings
    process = subprocess.Popen(command(*arguments), env=environ, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return time.monotonic() - began, used.ru_maxrss / _MEGABYTE


def command(*arguments: str) -> list[str]:
    """Return how one of the service's commands is called."""
    return [sys.executable, "-m", "moderation_service", *arguments]


def write_blog(path: Path, count: int, *, first: datetime = datetime(2010, 1, 1)) -> None:  # noqa: DTZ001 - as above
    """Write an export of WordPress with so many comments: texts of all lengths, some HTML, and answers."""
    chance = random.Random(7)  # noqa: S311 - texts, no secrets
    at = first
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0"?>\n<rss xmlns:wp="http://wordpress.org/export/1.2/"><channel>\n')
        for page in range(count // _A_PAGE):
            link = f"https://www.example.org/{2010 + page % 15}/post-{page}/"
            file.write(f"<item><title>Post {page}</title><link>{link}</link><wp:post_id>{page + 1}</wp:post_id>\n")
            file.write("<wp:status>publish</wp:status>\n")
            before = page * _A_PAGE
            for number in range(before + 1, before + _A_PAGE + 1):
                at += timedelta(seconds=chance.randint(60, 4_000))
                answered = chance.randint(before + 1, number - 1) if number > before + 1 and number % 2 else 0
                file.write(_comment(number, answered, at, chance))
            file.write("</item>\n")
        file.write("</channel></rss>\n")


def _comment(number: int, answered: int, at: datetime, chance: random.Random) -> str:
    text = " ".join(chance.choice(_WORDS) for _ in range(chance.randint(5, 80))).capitalize()
    if number % 3 == 0:
        text += f'.\n\nAnd <strong>more</strong> of <a href="https://example.com/{number}">that</a> &amp; so on.'
    values = {
        "id": number,
        "author": f"Person {number % 5_000}",
        "author_email": f"p{number % 5_000}@mail{number % 50}.example.com",
        "date": at,
        "date_gmt": at,
        "content": f"<![CDATA[{text}]]>",
        "approved": int(number % 20 > 0),
        "type": "comment",
        "parent": answered,
    }
    inner = "".join(f"<wp:comment_{name}>{value}</wp:comment_{name}>" for name, value in values.items())
    return f"<wp:comment>{inner}</wp:comment>\n"
