"""The service as a process: signals, ports, settings, commands and exit codes."""

import asyncio
import gc
import json
import signal
import socket
import time
from datetime import date
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientError, ClientSession
from sqlalchemy import select

from moderation_service import __version__
from moderation_service.cli import serve as commands
from moderation_service.config import Settings
from moderation_service.domain.notifications.preferences import Preferences
from moderation_service.runtime import serving
from moderation_service.runtime.intervals import Intervals
from moderation_service.runtime.limits import ServiceLimits
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.commands import run
from tests.support.contract import client_of
from tests.support.factories import OTHER_SECRET, SITES, a_submission
from tests.support.mailed import post
from tests.support.office import ANNA, PAUL
from tests.support.processes import command, finished, free_port
from tests.support.running import until
from tests.support.smtp import MailServer


def test_stopping_takes_less_than_twelve_seconds_and_a_changed_sites_file_is_seen_within_ten() -> None:
    assert serving.RUNNING_REQUESTS + ServiceLimits().mail_at_stop < 12
    assert Intervals().sites < 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_stopping_under_load_keeps_all_that_was_accepted(
    environ: dict[str, str], database: Database, number: int
) -> None:
    accepted: list[str] = []
    statuses: set[int] = set()
    stopped = asyncio.Event()

    async def visitor(http: ClientSession, name: int) -> None:
        turn = 0
        while not stopped.is_set():
            turn += 1
            try:
                body = a_submission(body=f"{name} {turn}")
                async with http.post("/api/v1/comments", json=body) as answer:
                    statuses.add(answer.status)
                    if answer.status == 202:
                        accepted.append((await answer.json())["id"])
            except (ClientError, ConnectionError):
                return

    async with command("serve", environ=environ | {"MODERATION_SCREENING": "off"}) as process:
        await process.wait_for("Listening on")
        async with client_of(process.url) as http:
            visitors = [asyncio.create_task(visitor(http, name)) for name in range(8)]
            await until(lambda: len(accepted) >= 60)
            began = time.monotonic()
            code = await process.stop(number)
            took = time.monotonic() - began
            stopped.set()
            await asyncio.gather(*visitors)
            with pytest.raises(ClientConnectionError):
                await http.get("/health/live")
    assert code == 0, process.words
    assert took < 12
    assert "Traceback" not in process.words
    assert '"error"' not in process.words
    assert statuses <= {202, 503}
    async with database.read() as connection:
        kept = set((await connection.execute(select(comments.c.id))).scalars())
    assert set(accepted) <= kept


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_taken_port_is_said_and_ends_the_process(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, words = await finished("serve", environ=environ | {"MODERATION_LISTEN": f"127.0.0.1:{port}"})
    assert code == 1
    assert "Traceback" not in words
    assert f"127.0.0.1:{port}" in words
    assert "MODERATION_LISTEN" in words
    assert "in use" in words.lower()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_the_sites_file_is_read_again_on_sighup_and_a_faulty_one_is_reported(
    environ: dict[str, str], smtp: MailServer
) -> None:
    sites = Path(environ["MODERATION_SITES"])
    async with command("serve", environ=environ) as process:
        await process.wait_for("Listening on")
        async with client_of(process.url) as http:
            posted = await post(http, smtp)
            path = posted.path("approve")
            rewrite(sites, SITES.replace("[[site.moderator]]", "[[site.moderator]", 1))
            process.child.send_signal(signal.SIGHUP)
            await process.wait_for('"sites.faulty"')
            assert (await http.get(path)).status == 200
            rewrite(sites, SITES.replace('id = "anna"', 'id = "annalisa"'))
            process.child.send_signal(signal.SIGHUP)
            began = time.monotonic()
            await process.wait_for('"sites.replaced"')
            assert time.monotonic() - began < 10
            assert (await http.get(path)).status == 410
        assert await process.stop() == 0


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_changed_sites_file_takes_effect_within_ten_seconds(
    environ: dict[str, str], smtp: MailServer
) -> None:
    sites = Path(environ["MODERATION_SITES"])
    async with command("serve", environ=environ) as process:
        await process.wait_for("Listening on")
        async with client_of(process.url) as http:
            posted = await post(http, smtp)
            rewrite(sites, SITES.replace('id = "anna"', 'id = "annalisa"'))
            began = time.monotonic()
            await process.wait_for('"sites.replaced"')
            assert time.monotonic() - began < 10
            assert (await http.get(posted.path("approve"))).status == 410


async def test_serve_and_check_refuse_a_database_whose_key_is_missing(environ: dict[str, str]) -> None:
    async with command("serve", environ=environ) as process:
        await process.wait_for("Listening on")
        assert await process.stop() == 0
    changed = environ | {"MODERATION_SECRET_KEYS": OTHER_SECRET}
    for name in ("serve", "check"):
        code, words = await finished(name, environ=changed)
        assert code == 1
        assert "MODERATION_SECRET_KEYS does not list " in words
        assert "Traceback" not in words
    assert (await finished("check", environ=environ))[0] == 0


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_check_names_every_fault_at_once(environ: dict[str, str]) -> None:
    rewrite(Path(environ["MODERATION_SITES"]), SITES.replace("anna@example.org", "nobody"))
    faulty = environ | {
        "MODERATION_PUBLIC_URL": "comments",
        "MODERATION_SECRET_KEYS": "short",
        "MODERATION_MAIL_FROM": "nobody",
        "MODERATION_LISTEN": "8080",
        "MODERATION_SCREENING": "maybe",
    }
    code, words = await finished("check", environ=faulty)
    assert code == 1
    for place in ("PUBLIC_URL", "SECRET_KEYS", "MAIL_FROM", "LISTEN", "SCREENING"):
        assert f"MODERATION_{place} " in words
    assert "site[0].moderator[0].email" in words
    code, words = await finished("serve", environ={})
    assert code == 1
    for place in ("PUBLIC_URL", "SECRET_KEYS", "SMTP_URL", "MAIL_FROM", "SITES"):
        assert f"MODERATION_{place} is required" in words


async def test_a_database_that_serve_will_prepare_is_no_fault(
    environ: dict[str, str], empty_database_url: str
) -> None:
    code, words = await finished("check", environ=environ | {"MODERATION_DATABASE_URL": empty_database_url})
    assert code == 0, words
    missing = (
        "there is no file" if empty_database_url.startswith("sqlite:") else "the schema is missing or out of date"
    )
    assert f"MODERATION_DATABASE_URL: {missing}" in words
    assert "so does `serve`" in words
    assert words.endswith("Everything is in order.\n")


async def test_check_warns_where_everybody_of_a_site_is_away(environ: dict[str, str], clock: Clock) -> None:
    away = Preferences(away_until=date(2990, 1, 1))
    async with offices.opened(environ, clock) as office:
        for address in (ANNA, PAUL):
            assert "away" not in (await run(environ, "check")).output
            person_id = office.container.directory.person_of(address)
            assert person_id is not None
            await office.container.web.preferences.keep(person_id, away)
    ran = await run(environ, "check")
    assert ran.exit_code == 0
    warned = [line for line in ran.output.splitlines() if "away" in line]
    assert warned == ["Warning: all moderators of the site coop are marked as away; they are told anyway."]


async def test_migrate_brings_an_empty_database_up_to_date_and_audit_balances_it(
    environ: dict[str, str], database: Database
) -> None:
    assert (await finished("migrate", environ=environ)) == (0, "The schema is up to date.\n")
    code, words = await finished("audit", environ=environ)
    assert code == 0, words
    async with command("serve", environ=environ) as process:
        await process.wait_for("Listening on")
        async with client_of(process.url) as http:
            posted = await (await http.post("/api/v1/comments", json=a_submission())).json()
        await process.stop()
    assert (await finished("audit", environ=environ))[0] == 0
    async with database.write() as connection:
        await connection.execute(comments.update().where(comments.c.id == posted["id"]).values(status="approved"))
    code, words = await finished("audit", environ=environ)
    assert code == 1
    assert "decided comments without a history" in words


async def test_openapi_prints_the_document() -> None:
    code, words = await finished("openapi", environ={"MODERATION_PUBLIC_URL": "https://comments.example.net"})
    assert code == 0
    document = json.loads(words)
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/comments" in document["paths"]


async def test_a_free_port_is_refused_after_the_end(environ: dict[str, str]) -> None:
    port = free_port()
    async with command("serve", environ=environ | {"MODERATION_LISTEN": f"127.0.0.1:{port}"}) as process:
        await process.wait_for(f"Listening on http://127.0.0.1:{port}")
        assert await process.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def rewrite(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_serve_says_what_starts_and_stops_and_which_variable_is_no_setting(
    environ: dict[str, str],
) -> None:
    async with command("serve", environ=environ | {"MODERATION_MAIL_FORM": "x"}) as process:
        await process.wait_for("Listening on")
        await process.stop()
    lines = [json.loads(line) for line in process.words.splitlines() if line.startswith("{")]
    events = {line["event"]: line for line in lines}
    assert events["settings.unknown"]["name"] == "MODERATION_MAIL_FORM"
    assert events["settings.unknown"]["did_you_mean"] == "MODERATION_MAIL_FROM"
    assert events["service.started"]["version"] == __version__
    assert events["service.started"]["sites"] == ["coop", "altro"]
    assert lines[-1]["event"] == "service.stopped"


async def test_serve_keeps_the_collector_from_what_was_loaded(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen: list[int] = []

    async def serve(*_: object, **__: object) -> None:
        frozen.append(gc.get_freeze_count())

    monkeypatch.setattr(serving, "serve", serve)
    monkeypatch.setattr(serving, "on_signals", lambda *_: None)
    gc.unfreeze()  # what the tests themselves keep out of its sight, as it is kept again behind this test
    await commands._serve(settings)
    assert frozen[0] > 10_000
