"""What is refused is refused cheaply, and without waiting for whoever writes."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from aiohttp import ClientSession

from moderation_service import log
from moderation_service.domain.comments import markup
from moderation_service.domain.comments.markup import Rendering
from moderation_service.runtime.intervals import Intervals
from moderation_service.runtime.limits import ServiceLimits
from moderation_service.services.comments import rendering as text_rendering
from moderation_service.services.comments.backlog import Holds
from moderation_service.storage.comments import comments
from tests.conftest import Clock, Start
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.factories import ADDRESS, OTHER_SECRET, PAGE, SECRET, SITES, a_submission
from tests.support.posting import COMMENTS, decide, post, queued, status_of
from tests.support.running import Running, until
from tests.support.time_limits import patient

ATTACK = "**_" * 20_000
HERE, THERE = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "198.51.100.1"}


def with_screening(environ: dict[str, str], text: str) -> str:
    """The sites file with a table of screening for the first site; its path."""
    path = Path(environ["MODERATION_SITES"])
    before, site, behind = SITES.partition('language = "it"\n')
    table = f"\n[site.screening]\n{text}\n"
    first, moderator, others = behind.partition("[[site.moderator]]")
    path.write_text(f"{before}{site}{first}{table}\n{moderator}{others}", encoding="utf-8")
    return str(path)


@pytest.fixture
async def service(start: Start, clock: Clock, limits: ServiceLimits) -> Running:
    """A service behind a proxy on this machine, on the clock that stands still."""
    return await start(clock=clock, limits=limits, trusted_proxies="127.0.0.1/32")


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
    async with service.container.database.write():
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
    async with client_of(other.url) as elsewhere:
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
@pytest.mark.parametrize("limits", [patient(waiting_of_refused=3)])
async def test_requests_of_a_refused_network_wait_in_a_lane_that_is_bounded(
    service: Running, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(http, HERE)
    assert await status_of(http, HERE, body="troppo") == 429
    go_on = asyncio.Event()
    waiting: list[None] = []

    async def stand(_: float) -> None:
        waiting.append(None)
        await go_on.wait()

    monkeypatch.setattr(service.container.web.submissions._networks, "_sleep", stand)
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
    async with client_of(service.url) as http:
        assert [await status_of(http, HERE, body=f"{n}") for n in range(3)] == [202, 202, 429]
        assert {await status_of(http, THERE, body=f"{n}") for n in range(30)} == {202}
        assert await status_of(http, THERE, body="29") == 409
        neighbour = {"X-Forwarded-For": "198.51.100.200"}
        assert [await status_of(http, neighbour, body=f"vicino {n}") for n in range(3)] == [202, 202, 429]
        clock.advance(minutes=3)
        assert await status_of(http, HERE, body="dopo") == 202


async def test_a_repetition_is_known_whether_its_network_is_exempt_or_not(
    environ: dict[str, str], start: Start, clock: Clock, tmp_path: Path
) -> None:
    """One replica has read the sites file that exempts the network, the other has not."""
    before = tmp_path / "before.toml"
    before.write_text(SITES, encoding="utf-8")
    after = with_screening(environ, 'exempt_networks = ["198.51.100.0/28"]')
    services = [
        await start(clock=clock, trusted_proxies="127.0.0.1/32", sites=sites) for sites in (str(before), after)
    ]
    async with client_of(services[0].url) as limited, client_of(services[1].url) as exempt:
        for first, second, body in ((limited, exempt, "uno"), (exempt, limited, "due")):
            assert await status_of(first, THERE, body=body) == 202
            assert await status_of(second, THERE, body=body) == 409


async def test_a_wide_network_may_send_ten_times_as_much_and_is_refused_over_all_replicas(
    environ: dict[str, str], start: Start, clock: Clock
) -> None:
    sites = with_screening(environ, "posts_per_network = 2")
    services = [await start(clock=clock, trusted_proxies="127.0.0.1/32", sites=sites) for _ in range(2)]

    def network(number: int, wide: str = "203.0") -> dict[str, str]:
        return {"X-Forwarded-For": f"{wide}.{number}.7"}

    async with client_of(services[0].url) as http, client_of(services[1].url) as elsewhere:
        for number in range(10):
            assert await status_of(http, network(number), body="uno") == 202
            assert await status_of(elsewhere, network(number), body="uno") == 409
            assert await status_of(elsewhere, network(number), body="due") == 202
        for one in (http, elsewhere):
            answer = await one.post(COMMENTS, json=a_submission(body="troppo"), headers=network(11))
            assert (answer.status, answer.headers["Retry-After"]) == (429, "601")
            assert await status_of(one, network(12, "203.1"), body=f"{one is http}") == 202
        clock.advance(minutes=10)
        assert await status_of(http, network(11), body="di nuovo") == 202


async def test_a_wide_network_that_posts_while_keys_rotate_has_one_limit_under_both(
    environ: dict[str, str], start: Start, clock: Clock
) -> None:
    sites = with_screening(environ, "posts_per_network = 2")

    async def service(keys: str) -> Running:
        return await start(clock=clock, trusted_proxies="127.0.0.1/32", sites=sites, secret_keys=keys)

    def network(number: int) -> dict[str, str]:
        return {"X-Forwarded-For": f"203.0.{number}.7"}

    async with client_of((await service(SECRET)).url) as http:
        for number in range(12):
            assert await status_of(http, network(number), body="prima") == 202
    async with client_of((await service(f"{OTHER_SECRET},{SECRET}")).url) as http:
        for number in range(12, 20):
            assert await status_of(http, network(number), body="dopo") == 202
        assert await status_of(http, network(20), body="troppo") == 429


@only_sqlite
async def test_what_is_too_much_on_a_page_or_a_site_is_suspect_and_not_refused(
    environ: dict[str, str], start: Start, clock: Clock
) -> None:
    rules = 'posts_per_page = 2\nposts_per_site = 4\nexempt_networks = ["198.51.100.0/28"]'
    service = await start(clock=clock, trusted_proxies="127.0.0.1/32", sites=with_screening(environ, rules))
    async with client_of(service.url) as http:
        for number in range(6):
            page = PAGE if number < 3 else f"{PAGE}-{number}"
            await post(http, headers=HERE, page_url=page, body=f"{number}")
        await post(http, headers=THERE, body="a scuola")
        reasons = {
            one["body"]: [code for code in ("busy_page", "busy_site") if code in str(one["spam_reasons"])]
            for one in await queued(http)
        }
    assert reasons == {
        "0": [],
        "1": [],
        "2": ["busy_page"],
        "3": [],
        "4": ["busy_site"],
        "5": ["busy_site"],
        "a scuola": [],
    }


@only_sqlite
async def test_no_batch_waits_for_a_text_that_takes_long(
    service: Running, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: list[None] = []
    real = service.container.writer.expecting

    def noting() -> AbstractContextManager[None]:
        expected.append(None)
        return real()

    monkeypatch.setattr(service.container.writer, "expecting", noting)
    await post(http, headers=HERE, body="breve")
    assert len(expected) == 1
    await post(http, headers=HERE, body=ATTACK)
    assert len(expected) == 1


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
@pytest.mark.parametrize("limits", [patient(characters=100)])
async def test_texts_on_their_way_are_bounded_and_the_rest_is_refused_with_a_word(
    http: ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
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
    ours = f"{service.container.settings.public_url}/comments"
    async with client_of(service.url) as http:
        if kind == "json":
            answered = await post(http, body=ATTACK, headers={"Accept-Language": "it"})
            [warning] = answered["warnings"]
            assert warning["code"] == "shown_as_typed"
            assert warning["message"].startswith("Il commento contiene")
            assert "warnings" not in await post(http, body="corto")
        else:
            answer = await http.post(
                COMMENTS, data=a_submission(body=ATTACK, redirect_to=ours), allow_redirects=False
            )
            path = answer.headers["Location"].removeprefix(service.container.settings.public_url)
            page = await (await http.get(path, headers={"Accept-Language": "it"})).text()
            assert "Il commento contiene" in page
        shown = [one["body_html"] for one in await queued(http)]
        assert f"<p>{ATTACK}</p>\n" in shown


@pytest.fixture
async def small(environ: dict[str, str], start: Start) -> AsyncIterator[ClientSession]:
    """A client of a service whose site may hold three waiting comments."""
    intervals = Intervals(waiting=Holds(usual=0.0, nearly_full=0.0, share=0.0))
    service = await start(intervals=intervals, sites=with_screening(environ, "waiting_at_most = 3"))
    async with client_of(service.url) as http:
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
    intervals = Intervals(waiting=Holds(usual=3_600.0, nearly_full=3_600.0))
    readings = 0
    real = comments.waiting

    async def counted(*arguments: Any, **options: Any) -> int:
        nonlocal readings
        readings += 1
        found: int = await real(*arguments, **options)
        return found

    monkeypatch.setattr(comments, "waiting", counted)
    service = await start(intervals=intervals, sites=with_screening(environ, "waiting_at_most = 5"))
    async with client_of(service.url) as http:
        statuses = [await status_of(http, body=f"{number}") for number in range(7)]
    assert statuses == [202] * 5 + [503] * 2
    assert readings == 1


async def test_a_warning_that_recurs_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    logger = structlog.stdlib.get_logger("moderation_service.test")
    recurring = log.Recurring(logger, "it.happened", say_again_after=0.05)
    for _ in range(5):
        recurring.note(site="coop")
    await until(lambda: len(said(caplog, "it.happened")) == 2)
    assert [line["count"] for line in said(caplog, "it.happened")] == [1, 4]


@only_sqlite
async def test_a_long_text_is_rendered_beside_the_loop_by_a_thread_that_gives_way(
    http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendering: list[threading.Thread] = []
    giving_way: list[tuple[threading.Thread, float]] = []
    real = markup.rendering

    def noting(body: str, **options: Any) -> Rendering:
        rendering.append(threading.current_thread())
        return real(body, **options)

    def sleep(seconds: float) -> None:
        giving_way.append((threading.current_thread(), seconds))

    monkeypatch.setattr(markup, "rendering", noting)
    monkeypatch.setattr(text_rendering, "time", SimpleNamespace(sleep=sleep))
    await post(http, body=ATTACK)
    [thread] = rendering
    assert thread is not threading.main_thread()
    assert giving_way
    assert all(one is thread and seconds > 0 for one, seconds in giving_way)
