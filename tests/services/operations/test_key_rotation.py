"""Keys rotate while the service runs; afterwards the older key is used for nothing and may be removed."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner
from sqlalchemy import insert, select

from moderation_service import cli
from moderation_service.domain.keys import KeyNotListedError, KeyRing
from moderation_service.runtime import container
from moderation_service.runtime.limits import ServiceLimits
from moderation_service.services.operations import key_rotation
from moderation_service.services.operations.key_rotation import Rotation, StillWritingError
from moderation_service.storage.comments import contacts as stored_contacts
from moderation_service.storage.engine.database import Database
from moderation_service.storage.operations import keys as stored_keys
from moderation_service.storage.operations import rekeying
from moderation_service.storage.schema import contacts, metadata, people
from tests.conftest import Start
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.factories import ADDRESS, OTHER_SECRET, SECRET, SITES, a_submission, bearer
from tests.support.posting import COMMENTS, post
from tests.support.running import Running
from tests.support.time_limits import PATIENT

OLD, BOTH, NEW = SECRET, f"{OTHER_SECRET},{SECRET}", OTHER_SECRET
HERE, THERE = {"X-Forwarded-For": "192.0.2.7"}, {"X-Forwarded-For": "198.51.100.7"}
ELSEWHERE = {"X-Forwarded-For": "2001:db8:1::7"}
SPAM = "[url=http://pills.example]pills[/url] http://a.example http://b.example http://c.example"
HASH_OF_NOBODY = KeyRing([OLD]).keyed_hash("person", "left@example.org")
ASKING_NOBODY = 'hook = {url = "http://127.0.0.1:9/", secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}'


@pytest.fixture
def old_hashes(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """All keyed hashes that are made under the old key, as long as nothing else is listed."""
    made: set[str] = set()
    hashes = KeyRing.keyed_hashes

    def recorded(ring: KeyRing, purpose: str, text: str) -> tuple[str, ...]:
        found = hashes(ring, purpose, text)
        if ring.ids == KeyRing([OLD]).ids:
            made.update(found)
        return found

    monkeypatch.setattr(KeyRing, "keyed_hashes", recorded)
    return made


@pytest.fixture
def asking(environ: dict[str, str]) -> None:
    """Let the first site ask a service outside about comments, and trust the proxy of the tests."""
    asking = f'fields = {{author_email = "optional"}}\n[site.screening]\n{ASKING_NOBODY}\n\n[[site.moderator]]'
    text = SITES.replace("[[site.moderator]]", asking, 1)
    Path(environ["MODERATION_SITES"]).write_text(text, encoding="utf-8")
    environ["MODERATION_TRUSTED_PROXIES"] = "127.0.0.1"


HOLDING = {
    "author_mails.address_hash",
    "author_mails.network_hash",
    "author_notes.address_hash",
    "blocks.value_hash",
    "blocks.value_sealed",
    "comment_networks.network_hash",
    "contacts.address_hash",
    "contacts.address_sealed",
    "idempotency_keys.fingerprint",
    "idempotency_keys.network_hash",
    "idempotency_keys.receipt_sealed",
    "logins.network_hash",
    "outside_checks.network_sealed",
    "people.address_hash",
    "recent_posts.fingerprint",
    "recent_posts.network_hash",
    "recent_posts.wide_network_hash",
    "reporters.address_hash",
    "reporters.address_sealed",
    "reports.address_hash",
    "reports.address_sealed",
    "reports.network_hash",
}


async def rotate(
    service: Running, secrets: str, on_progress: Callable[[int, int], None] = lambda *_: None
) -> Rotation:
    """Rotate as the command does, beside a service that runs."""
    opened = service.container
    return await key_rotation.rotate(
        opened.database,
        KeyRing(secrets.split(",")),
        opened.sites_file.load(),
        clock=container.utc_now,
        new_id=container.new_id,
        on_progress=on_progress,
    )


async def everything(database: Database) -> dict[str, list[bytes]]:
    """The bytes of every value of every column, ids as their digits."""
    found: dict[str, list[bytes]] = {}
    async with database.read() as connection:
        for table in metadata.sorted_tables:
            for row in (await connection.execute(select(table))).mappings():
                for column, value in row.items():
                    shown = value if isinstance(value, bytes) else str(value).encode()
                    found.setdefault(f"{table.name}.{column}", []).append(shown)
    return found


async def traces(database: Database, key_id: str, hashes: set[str]) -> set[str]:
    """The columns in which something of a key stands, other than the note of which keys are in use."""
    ring = bytes.fromhex(key_id)
    searched = re.compile(b"|".join([re.escape(ring), *(one.encode() for one in hashes), key_id.encode()]))
    return {
        column for column, values in (await everything(database)).items() for one in values if searched.search(one)
    } - {"keys_in_use.key_id"}


async def api(http: ClientSession, method: str, path: str, **fields: Any) -> dict[str, Any]:
    answer = await http.request(method, f"/api/v1/moderation/{path}", headers=bearer(), json=fields or None)
    assert answer.ok, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def fill(http: ClientSession) -> dict[str, str]:
    """Use all that stores anything under a key; the comments that were posted, and their receipts."""
    mine = await post(http, headers=HERE | {"Idempotency-Key": "one"})
    spam = await post(http, headers=THERE, author_email="olaf@example.org", body=SPAM)
    nameless = await post(http, headers=THERE, author_email=None, body="Anche la mia.")
    queued = {one["id"]: one for one in (await api(http, "GET", "comments"))["comments"]}
    await api(http, "PUT", f"authors/{queued[mine['id']]['author_hash']}", note="sempre gentile")
    await api(http, "POST", "blocks", kind="address", value="troll@example.net")
    await api(http, "POST", "blocks", kind="network", value="203.0.113.0/24")
    await api(http, "POST", "blocks", kind="network", comment_id=mine["id"])
    await api(http, "POST", "blocks", kind="network", comment_id=spam["id"])
    assert (await http.post("/desk/login", data={"email": "anna@example.org"}, headers=HERE)).ok
    edited = await http.patch(receipt_path(spam), json={"body": f"{SPAM} altro"}, headers=ELSEWHERE)
    assert edited.ok, await edited.text()
    approved = {"id": nameless["id"], "decision": "approve"}
    await api(http, "POST", "decisions", decisions=[approved])
    report = {"reason": "insult", "explanation": "Offende.", "reporter_email": "olaf@example.org"}
    assert (await http.post(f"{COMMENTS}/{nameless['id']}/reports", json=report, headers=ELSEWHERE)).ok
    return {one["id"]: receipt_path(one) for one in (mine, spam, nameless)}


def receipt_path(receipt: dict[str, Any]) -> str:
    return "/api/v1/receipts/" + str(receipt["receipt_url"]).rpartition("/")[2]


async def test_after_a_rotation_beside_posts_the_older_key_is_used_for_nothing(
    asking: None, start: Start, old_hashes: set[str]
) -> None:
    del asking
    first = await start(secret_keys=OLD)
    old_id = KeyRing([OLD]).current_id
    database = first.container.database
    async with client_of(first.url) as http:
        posted = await fill(http)
    await first.container.traffic.share()
    assert await traces(database, old_id, old_hashes) == HOLDING

    both = await start(secret_keys=BOTH)
    async with client_of(both.url) as http:
        posting = [post(http, headers=ELSEWHERE, body=f"numero {number}") for number in range(8)]
        done, *receipts = await asyncio.gather(rotate(both, BOTH), *posting)
    assert done.retired == [old_id]
    assert not done.unreadable
    assert done.renewed == {"blocks": 2, "contacts": 2, "outside_checks": 2, "reporters": 1, "reports": 1}
    assert done.forgotten["blocks of networks"] == 1
    assert await traces(database, old_id, old_hashes) == set()
    assert (await rotate(both, BOTH)).retired == [], "there is nothing left to do"

    new = await start(secret_keys=NEW)
    async with client_of(new.url) as http:
        found = {one["id"]: one for one in (await api(http, "GET", "comments", limit="100"))["comments"]}
        assert {one["id"] for one in receipts} | set(posted) == set(found)
        nameless = list(posted)[-1]
        async with database.read() as connection:
            shown = await stored_contacts.addresses(connection, new.container.keys, list(found))
        assert [shown.get(one) for one in posted] == [ADDRESS, "olaf@example.org", None]
        assert set(shown) == set(found) - {nameless}
        [name] = {found[one]["author_hash"] for one in found if shown.get(one) == ADDRESS}
        file = await api(http, "GET", f"authors/{name}")
        assert file["note"]["text"] == "sempre gentile"
        assert len(file["comments"]) > 1
        for path in posted.values():
            assert (await http.get(path)).status == 200
        for refused in (
            (THERE, {"author_email": "Troll@example.net"}),
            ({"X-Forwarded-For": "203.0.113.9"}, {}),
            (HERE, {}),
        ):
            answer = await http.post(COMMENTS, json=a_submission(**refused[1], body="ancora"), headers=refused[0])
            assert answer.status == 403, refused
        assert len((await api(http, "GET", "blocks"))["blocks"]) == 3


@only_sqlite
async def test_what_was_stopped_goes_on_and_people_are_found_again_who_moderate(
    start: Start, old_hashes: set[str]
) -> None:
    first = await start(secret_keys=OLD, limits=ServiceLimits(database=replace(PATIENT, batch_rows=2)))
    async with client_of(first.url) as http:
        for number in range(5):
            await post(http, body=f"numero {number}")
    async with first.container.database.write() as connection:
        await connection.execute(
            insert(people).values(id=container.new_id(), address_hash=HASH_OF_NOBODY, attempts=0, unanswered=0)
        )
    before = dict(first.container.directory.people)
    looked: list[int] = []

    def stop(at: int, of: int) -> None:
        assert of == 5
        looked.append(at)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await rotate(first, BOTH, stop)
    assert looked == [2]
    done = await rotate(first, BOTH, lambda at, _: looked.append(at))
    assert looked == [2, 2, 4, 5, 5, 5, 5, 5, 5, 2, 4, 5, 5, 5, 5, 5, 5]
    assert done.renewed == {"contacts": 3}
    assert done.forgotten["addresses of people who moderate nothing"] == 1
    new = await start(secret_keys=NEW)
    assert new.container.directory.people == before
    assert await traces(new.container.database, KeyRing([OLD]).current_id, old_hashes) == set()


@only_sqlite
async def test_a_process_with_the_older_key_in_front_and_unreadable_rows_keep_the_key(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await start(secret_keys=OLD)
    database = first.container.database
    rows_of = rekeying.rows

    async def written_meanwhile(*arguments: Any, **options: Any) -> Any:
        async with client_of(first.url) as http:
            await post(http, headers=HERE, body=container.new_id())
        return await rows_of(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(rekeying, "rows", written_meanwhile)
        with pytest.raises(StillWritingError):
            await rotate(first, BOTH)
    async with database.write() as connection:
        one = (await connection.execute(select(contacts.c.comment_id).limit(1))).scalar_one()
        broken = contacts.update().where(contacts.c.comment_id == one)
        await connection.execute(
            broken.values(address_sealed=bytes.fromhex(KeyRing([OLD]).current_id) + b"x" * 30)
        )
    done = await rotate(first, BOTH)
    assert (done.unreadable, done.retired) == ({"contacts": 1}, [])
    async with database.read() as connection:
        with pytest.raises(KeyNotListedError):
            await stored_keys.check_listed(connection, KeyRing([NEW]))


@only_sqlite
async def test_what_a_process_stores_under_the_older_key_after_all_is_found_by_the_next_rotation(
    start: Start,
) -> None:
    first = await start(secret_keys=OLD)
    async with client_of(first.url) as http:
        await post(http, headers=HERE, body="prima")
        assert (await rotate(first, BOTH)).retired == [KeyRing([OLD]).current_id]
        await post(http, headers=HERE, body="dopo")
    assert (await rotate(first, BOTH)).renewed == {"contacts": 1}
    async with first.container.database.read() as connection:
        ids = (await connection.execute(select(contacts.c.comment_id))).scalars()
        sealed = await stored_contacts.sealed(connection, list(ids))
    assert len(sealed) == 2
    for comment_id, one in sealed.items():
        assert KeyRing([NEW]).open(one, table=stored_contacts.TABLE, row=comment_id) == ADDRESS


@only_sqlite
async def test_the_command_says_what_it_did_and_which_key_may_be_removed(
    environ: dict[str, str], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await start(secret_keys=OLD)
    async with client_of(running.url) as http:
        await post(http)
    monkeypatch.setenv("MODERATION_SECRET_KEYS", BOTH)
    for name, value in (environ | {"MODERATION_SECRET_KEYS": BOTH}).items():
        monkeypatch.setenv(name, value)
    said = await asyncio.to_thread(CliRunner().invoke, cli.main, ["keys", "rotate"])
    assert said.exit_code == 0, said.output
    assert "addresses of authors: 1 brought to the newest key" in said.output
    assert f"under the key {KeyRing([OLD]).current_id}: it may be removed" in said.output
