"""Keep a copy of a site's approved comments in a SQLite file: python mirror.py URL SITE FILE [follow].

It goes on where it stopped the last time, and with `follow` waits for more. Nothing needs to be installed.
"""

import json
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS comments (id TEXT PRIMARY KEY, page_url TEXT, comment TEXT);
CREATE TABLE IF NOT EXISTS titles (page_url TEXT PRIMARY KEY, page_title TEXT);
CREATE TABLE IF NOT EXISTS place (number INTEGER, epoch TEXT);
"""
LATER = (429, 500, 502, 503, 504)


def ask(url: str, site: str, number: int, epoch: str | None, wait: int) -> dict | None:
    """Return what changed after a number; None where the number is of another history of the database."""
    query = {"site": site, "after": number, "limit": 500, "wait": wait} | ({"epoch": epoch} if epoch else {})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/changes?{urllib.parse.urlencode(query)}", timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 410:
            return None
        raise


def take(database: sqlite3.Connection, feed: dict) -> None:
    """Write down what changed and, in the same transaction, how far that goes."""
    changes = feed["changes"]
    gone = [(one["comment_id"],) for one in changes if one["comment"] is None]  # withdrawn or erased
    shown = [one for one in changes if one["comment"] is not None]  # published or updated
    rows = [(one["comment_id"], one["page_url"], json.dumps(one["comment"])) for one in shown]
    database.executemany("DELETE FROM comments WHERE id = ?", gone)
    database.executemany("REPLACE INTO comments VALUES (?, ?, ?)", rows)
    titles = {one["page_url"]: one["page_title"] for one in changes}
    database.executemany("REPLACE INTO titles VALUES (?, ?)", titles.items())
    database.execute("DELETE FROM place")
    database.execute("INSERT INTO place VALUES (?, ?)", (feed["next"], feed["epoch"]))
    database.commit()


def mirror(url: str, site: str, file: str, follow: bool = False) -> None:
    """Bring the copy up to date, and with `follow` keep it so."""
    database = sqlite3.connect(file)
    database.executescript(TABLES)
    number, epoch = database.execute("SELECT * FROM place").fetchone() or (0, None)
    while True:
        try:
            feed = ask(url, site, number, epoch, wait=30 if follow else 0)
        except OSError as error:
            if not follow or getattr(error, "code", 503) not in LATER:
                raise
            time.sleep(3)
            continue
        if feed is None:  # the database was restored from a backup: begin again
            database.execute("DELETE FROM comments")
            number, epoch = 0, None
            continue
        take(database, feed)
        number, epoch = feed["next"], feed["epoch"]
        if not feed["changes"] and not follow:
            break
    database.close()


if __name__ == "__main__":
    mirror(*sys.argv[1:4], follow="follow" in sys.argv[4:])
