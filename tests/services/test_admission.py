"""What is refused is refused cheaply, and without waiting for whoever writes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from moderation_service import log
from moderation_service.domain import markup
from moderation_service.domain.markup import Rendering
from moderation_service.services import admission, backlog, client_networks
from tests.conftest import Clock, Start
from tests.factories import ADDRESS, PAGE, SITES, a_submission
from tests.posting import COMMENTS, decide, post, queued, status_of
from tests.running import Running, until

ATTACK = "**_" * 20_000
HERE, THERE = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "198.51.100.1"}

only_sqlite = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


def with_screening(environ: dict[str, str], text: str) -> str:
    """The sites file with a table of screening for the first site; its path."""
    path = Path(environ["MODERATION_SITES"])
    before, site, behind = SITES.partition('language = "it"\n')
    table = f"\n[site.screening]\n{text}\n"
    first, moderator, others = behind.partition("[[site.moderator]]")
    path.write_text(f"{before}{site}{first}{table}\n{moderator}{others}", encoding="utf-8")
    return str(path)


@pytest.fixture
async def service(start: Start, clock: Clock) -> Running:
    """A service behind a proxy on this machine, on the clock that stands still."""
    return await start(clock=clock, trusted_proxies="127.0.0.1/32")


def said(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """The lines of the log about one event."""
    found = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line for line in found if line["event"] == event]


async def fill(http: ClientSession, headers: dict[str, str]) -> None:
    """Post as much as one network may."""
    for number in range(20):
        await post(http, headers=headers, body=f"numero {number}")


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were rendered."""
    texts: list[str] = []
    real = markup.rendering

    def noting(body: str, **options: object) -> Rendering:
        texts.append(body)
        return real(body, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(markup, "rendering", noting)
    return texts


@only_sqlite
@pytest.mark.parametrize("body", [ATTACK, "corto"], ids=["long", "short"])
@pytest.mark.parametrize("key", [None, "chiave"])
async def test_what_is_over_the_limit_is_refused_unrendered_while_somebody_writes(
    service: Running, http: ClientSession, rendered: list[str], body: str, key: str | None
) -> None:
    await fill(http, HERE)
    rendered.clear()
    headers = HERE if key is None else {**HERE, "Idempotency-Key": key}
    async with service.service.context.database.write():
        assert [await status_of(http, headers, body=body) for _ in range(3)] == [429] * 3
    assert rendered == []
    assert await status_of(http, THERE, body=body) == 202


@only_sqlite
async def test_a_network_that_this_process_does_not_know_is_not_rendered_for_either(
    http: ClientSession, start: Start, clock: Clock, rendered: list[str]
) -> None:
    await fill(http, HERE)
    rendered.clear()
    other = await start(clock=clock, trusted_proxies="127.0.0.1/32")
    async with ClientSession(other.url) as elsewhere:
        assert await status_of(elsewhere, HERE, body=ATTACK) == 429
    assert rendered == []


async def test_a_replay_of_a_long_text_is_answered_as_before_also_over_the_limit(
    http: ClientSession, rendered: list[str]
) -> None:
    headers = {**HERE, "Idempotency-Key": "chiave"}
    first = await post(http, headers=headers, body=ATTACK)
    for number in range(19):
        await post(http, headers=HERE, body=f"numero {number}")
    assert await status_of(http, HERE, body="troppo") == 429
    rendered.clear()
    assert await post(http, headers=headers, body=ATTACK) == first
    assert rendered == []
    assert [one["code"] for one in first["warnings"]] == ["shown_as_typed"]


async def test_a_refused_network_is_free_when_its_window_ends(http: ClientSession, clock: Clock) -> None:
    await fill(http, HERE)
    answer = await http.post(COMMENTS, json=a_submission(body="troppo"), headers=HERE)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "601")
    clock.advance(minutes=5)
    answer = await http.post(COMMENTS, json=a_submission(body="troppo"), headers=HERE)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "301")
    clock.advance(minutes=5)
    assert await status_of(http, HERE, body="di nuovo") == 202


@only_sqlite
async def test_requests_of_a_refused_network_wait_in_a_lane_that_is_bounded(
    http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(http, HERE)
    assert await status_of(http, HERE, body="troppo") == 429
    go_on = asyncio.Event()
    waiting: list[None] = []

    async def stand(_: float) -> None:
        waiting.append(None)
        await go_on.wait()

    monkeypatch.setattr(client_networks, "_MOST_WAITING", 3)
    monkeypatch.setattr(client_networks.asyncio, "sleep", stand)
    lane = [asyncio.create_task(status_of(http, HERE, body=f"fila {number}")) for number in range(5)]
    done, _ = await asyncio.wait(lane, return_when=asyncio.FIRST_COMPLETED)
    assert {task.result() for task in done} == {429}
    assert len(waiting) == 1
    monkeypatch.undo()
    assert await status_of(http, THERE, body="intanto") == 202
    go_on.set()
    assert await asyncio.gather(*lane) == [429] * 5


@only_sqlite
async def test_a_site_sets_its_limit_and_its_window_and_exempts_a_network(
    environ: dict[str, str], start: Start, clock: Clock
) -> None:
    sites = with_screening(
        environ, 'posts_per_network = 2\nwindow_minutes = 3\nexempt_networks = ["198.51.100.0/28"]'
    )
    service = await start(clock=clock, trusted_proxies="127.0.0.1/32", sites=sites)
    async with ClientSession(service.url) as http:
        assert [await status_of(http, HERE, body=f"{n}") for n in range(3)] == [202, 202, 429]
        assert {await status_of(http, THERE, body=f"{n}") for n in range(30)} == {202}
        assert await status_of(http, THERE, body="29") == 409
        neighbour = {"X-Forwarded-For": "198.51.100.200"}
        assert [await status_of(http, neighbour, body=f"vicino {n}") for n in range(3)] == [429] * 3
        clock.advance(minutes=3)
        assert await status_of(http, HERE, body="dopo") == 202


@only_sqlite
async def test_long_texts_are_rendered_one_at_a_time(http: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most = 0, 0
    real = markup.rendering

    def watched(body: str, **options: object) -> Rendering:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        found = real(body, **options)  # type: ignore[arg-type]
        at_once -= 1
        return found

    monkeypatch.setattr(markup, "rendering", watched)
    bodies = [f"{number} {'*a* ' * 3_000}" for number in range(8)]
    assert await asyncio.gather(*(status_of(http, HERE, body=body) for body in bodies)) == [202] * 8
    assert most == 1


@only_sqlite
async def test_texts_on_their_way_are_bounded_and_the_rest_is_refused_with_a_word(
    http: ClientSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(admission, "_MOST_CHARACTERS", 100)
    answer = await http.post(COMMENTS, json=a_submission(body="x" * 101))
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert [await status_of(http, body=f"{number} {'x' * 101}") for number in range(5)] == [503] * 5
    assert await status_of(http, body="x" * 99) == 202
    [line] = said(caplog, "submissions.unavailable")
    assert (line["site"], line["count"]) == ("coop", 1)
    assert ADDRESS not in str(line)


@pytest.mark.parametrize("kind", ["form", "json"])
@only_sqlite
async def test_the_author_is_told_that_a_text_is_shown_as_it_was_typed(
    start: Start, clock: Clock, kind: str
) -> None:
    service = await start(clock=clock)
    ours = f"{service.service.settings.public_url}/comments"
    async with ClientSession(service.url) as http:
        if kind == "json":
            told = await post(http, body=ATTACK, headers={"Accept-Language": "it"})
            [warning] = told["warnings"]
            assert warning["code"] == "shown_as_typed"
            assert warning["message"].startswith("Il suo commento contiene")
            assert "warnings" not in await post(http, body="corto")
        else:
            answer = await http.post(
                COMMENTS, data=a_submission(body=ATTACK, redirect_to=ours), allow_redirects=False
            )
            path = answer.headers["Location"].removeprefix(service.service.settings.public_url)
            page = await (await http.get(path, headers={"Accept-Language": "it"})).text()
            assert "Il suo commento contiene" in page
        shown = [one["body_html"] for one in await queued(http)]
        assert f"<p>{ATTACK}</p>\n" in shown


@pytest.fixture
async def small(
    environ: dict[str, str], start: Start, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ClientSession]:
    """A client of a service whose site may hold three waiting comments."""
    monkeypatch.setattr(backlog, "_HOLD", 0.0)
    monkeypatch.setattr(backlog, "_HOLD_NEARLY_FULL", 0.0)
    monkeypatch.setattr(backlog, "_SHARE", 0.0)
    service = await start(sites=with_screening(environ, "waiting_at_most = 3"))
    async with ClientSession(service.url) as http:
        yield http


async def degraded(http: ClientSession) -> list[str]:
    found: list[str] = (await (await http.get("/health/ready")).json())["degraded"]
    return found


async def test_a_site_holds_no_more_than_it_may_and_says_so_before(
    small: ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    first = await post(small, headers={"Idempotency-Key": "chiave"}, body="primo")
    ids = [first["id"], (await post(small, body="secondo"))["id"]]
    assert await degraded(small) == []
    ids.append((await post(small, body="terzo"))["id"])
    assert await degraded(small) == ["waiting_nearly_full:coop"]
    answer = await small.post(COMMENTS, json=a_submission(body="quarto"))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
    assert await post(small, headers={"Idempotency-Key": "chiave"}, body="primo") == first
    assert await status_of(small, body="terzo") == 409
    assert (await small.get("/health/ready")).status == 200
    elsewhere = a_submission(page_url="https://altro.example.com/blog/primo")
    assert (await small.post(COMMENTS, json=elsewhere)).status == 202
    assert len(said(caplog, "submissions.backlog_full")) == 1
    await decide(small, "approve", ids[0])
    assert await status_of(small, body="quarto") == 202
    assert (await small.get(COMMENTS, params={"page_url": PAGE})).status == 200


@only_sqlite
async def test_what_waits_is_counted_now_and_then_and_kept_up_in_between(
    environ: dict[str, str], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "_HOLD", 3_600.0)
    monkeypatch.setattr(backlog, "_HOLD_NEARLY_FULL", 3_600.0)
    readings = 0
    real = backlog.comments.waiting

    async def counted(*arguments: object, **options: object) -> int:
        nonlocal readings
        readings += 1
        return await real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(backlog.comments, "waiting", counted)
    service = await start(sites=with_screening(environ, "waiting_at_most = 5"))
    async with ClientSession(service.url) as http:
        statuses = [await status_of(http, body=f"{number}") for number in range(7)]
    assert statuses == [202] * 5 + [503] * 2
    assert readings == 1


async def test_a_warning_that_recurs_is_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_SAY_AGAIN_AFTER", 0.05)
    recurring = log.Recurring(log.structlog.stdlib.get_logger("moderation_service.test"), "it.happened")
    for _ in range(5):
        recurring.note(site="coop")
    await until(lambda: len(said(caplog, "it.happened")) == 2)
    assert [line["count"] for line in said(caplog, "it.happened")] == [1, 4]
