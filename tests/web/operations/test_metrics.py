"""The metrics: they rise with what happens, name nobody, and are for those who run the service only."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open_metrics
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from moderation_service.runtime.intervals import Intervals
from moderation_service.services.operations.statistics import FigureTimes, Reader
from moderation_service.storage.engine.database import Database
from moderation_service.web.http import client_address
from schemas.problems import ProblemCode
from tests.conftest import Clock
from tests.support import misbehaving_smtp as servers
from tests.support.cases import one_engine
from tests.support.factories import ADDRESS, OTHER_PAGE, PAGE, a_submission
from tests.support.posting import COMMENTS, decide, post, urlencoded
from tests.support.processes import ROOT
from tests.support.running import Running, until
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENCE

ANNA, PAUL = "anna@example.org", "paul@example.org"


class Scrape:
    """What one scrape said."""

    def __init__(self, families: Any) -> None:
        self.samples = [sample for family in families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The one sample of that name with these labels, whatever others it has."""
        [found] = [one for one in self.samples if one.name == name and labels.items() <= one.labels.items()]
        return float(found.value)

    def total(self, name: str, **labels: str) -> float:
        return float(
            sum(one.value for one in self.samples if one.name == name and labels.items() <= one.labels.items())
        )


async def scrape(http: ClientSession) -> Scrape:
    answer = await http.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert answer.headers["Cache-Control"] == "no-store"
    return Scrape(text_string_to_metric_families(await answer.text()))


async def scrape_until(http: ClientSession, value: float, name: str, **labels: str) -> Scrape:
    """Scrape until a value is there."""
    async with asyncio.timeout(PATIENCE):
        while (found := await scrape(http)).value(name, **labels) != value:
            pass
    return found


ANEW = FigureTimes(hold=0.0, share=0.0)
"""Figures are read for each scrape."""


@pytest.fixture
def intervals() -> Intervals:
    return Intervals(figures=ANEW)


async def test_submissions_are_counted_by_site_and_outcome(http: ClientSession) -> None:
    before = await scrape(http)
    assert before.value("moderation_submissions_total", site="coop", outcome="accepted") == 0
    key = {"Idempotency-Key": "one"}
    for _ in range(2):
        await post(http, headers=key)
    await post(http, page_url=OTHER_PAGE)
    form, kind = urlencoded(a_submission(body="dal modulo"))
    for data, headers in ((form, kind), (form, kind), (b"x", {"Content-Type": "text/plain"})):
        await http.post(COMMENTS, data=data, headers=headers, allow_redirects=False)
    for changed in ({}, {"body": ""}, {"page_url": "https://elsewhere.example/"}):
        await http.post(COMMENTS, json=a_submission(**changed))
    found = await scrape(http)
    counted = {
        (one.labels["site"], one.labels["outcome"]): one.value
        for one in found.samples
        if one.name == "moderation_submissions_total"
    }
    assert counted == {
        ("altro", "accepted"): 1,
        ("coop", "accepted"): 2,
        ("coop", "replayed"): 1,
        ("coop", "duplicate"): 2,
        ("coop", "invalid_fields"): 1,
        ("", "unknown_site"): 1,
        ("", "unsupported_media_type"): 1,
    }
    assert found.value("moderation_group_commit_comments_sum") == 6
    assert found.value("moderation_group_commit_comments_bucket", le="+Inf") == 6
    assert found.value("moderation_group_commit_queue") == 0


@one_engine
async def test_answers_are_counted_by_route_and_class_of_status(http: ClientSession) -> None:
    for path in ("/health/live", "/health/live", f"{COMMENTS}/x", "/nowhere", "/nowhere/else"):
        await http.get(path)
    await http.head("/health/live")
    await http.request("PROPFIND", "/health/live")
    found = await scrape(http)
    name = "moderation_http_answer_seconds_count"
    assert found.value(name, method="GET", route="/health/live", status="2xx") == 3
    assert found.value(name, route="/api/v1/comments/{comment_id}", status="4xx") == 1
    assert found.value(name, method="-", route="-", status="4xx") == 3
    spent = found.value("moderation_http_answer_seconds_sum", route="/health/live")
    assert spent > 0
    below = [
        one.value for one in found.samples if one.name.endswith("seconds_bucket") and "live" in str(one.labels)
    ]
    assert below == sorted(below)
    assert below[-1] == 3


@one_engine
async def test_lists_from_memory_are_counted(http: ClientSession, service: Running) -> None:
    await until(lambda: service.container.tail.is_current)
    for _ in range(3):
        await http.get(COMMENTS, params={"page_url": PAGE})
    found = await scrape(http)
    assert found.value("moderation_page_cache_lookups_total", result="miss") == 1
    assert found.value("moderation_page_cache_lookups_total", result="hit") == 2
    assert found.value("moderation_page_cache_bytes") > 100


async def test_what_waits_ages_and_is_gone_once_it_is_decided(
    http: ClientSession, smtp: MailServer, clock: Clock
) -> None:
    smtp.refuse_recipient = "450 4.2.1 Later"
    first = (await post(http))["id"]
    clock.advance(seconds=100)
    await post(http, body="ancora")
    found = await scrape(http)
    assert found.value("moderation_database_up") == 1
    assert found.value("moderation_mail_promises_waiting", kind="due") == 4
    assert found.value("moderation_mail_oldest_promise_seconds") == 100
    assert found.value("moderation_comments_pending", site="coop") == 2
    assert found.value("moderation_comments_oldest_pending_seconds", site="coop") == 100
    assert found.value("moderation_comments_pending", site="altro") == 0
    await decide(http, "approve", first)
    found = await scrape(http)
    assert found.value("moderation_comments_pending", site="coop") == 1
    assert found.value("moderation_comments_oldest_pending_seconds", site="coop") == 0


async def test_probable_spam_is_held_back_and_not_due(http: ClientSession) -> None:
    links = " ".join(f"https://spam.example/{number}" for number in range(9))
    await post(http, author_name="https://spam.example", body=f"[url=https://spam.example]x[/url] {links}")
    found = await scrape(http)
    assert found.value("moderation_mail_promises_waiting", kind="held_back") == 2
    assert found.value("moderation_mail_promises_waiting", kind="due") == 0
    assert found.value("moderation_mail_oldest_promise_seconds") == 0


async def test_mail_is_counted_and_so_is_who_cannot_be_reached(http: ClientSession, smtp: MailServer) -> None:
    smtp.refuse_for[ANNA] = "550 5.1.1 Who?"
    await post(http)
    found = await scrape_until(http, 1, "moderation_mail_parked_people")
    assert found.value("moderation_mail_sent_total", kind="moderation") == 1
    assert found.value("moderation_mail_refused_total", kind="moderation", action="park_person") == 1
    assert found.value("moderation_comments_unheard") == 0
    smtp.refuse_for[PAUL] = "550 5.1.1 Who?"
    await post(http, body="ancora")
    found = await scrape_until(http, 2, "moderation_mail_parked_people")
    assert found.value("moderation_comments_unheard") == 1
    assert found.value("moderation_mail_refused_total", kind="moderation", action="park_person") == 2


@one_engine
async def test_log_in_mails_are_counted_apart(http: ClientSession, smtp: MailServer) -> None:
    await http.post("/desk/login", data={"email": ANNA})
    await smtp.wait_for(1)
    found = await scrape_until(http, 1, "moderation_mail_sent_total", kind="login")
    assert found.value("moderation_mail_sent_total", kind="login") == 1
    assert found.value("moderation_mail_sent_total", kind="moderation") == 0


async def test_a_pause_of_all_mail_is_a_gauge(start: Callable[..., Awaitable[Running]], clock: Clock) -> None:
    async with servers.greets_with("554 5.7.1 No") as server:
        running = await start(clock=clock, smtp_url=server.url)
        async with ClientSession(running.url) as http:
            assert (await scrape(http)).value("moderation_mail_paused") == 0
            await post(http)
            await until(lambda: running.container.delivery.is_paused)
            found = await scrape(http)
    assert found.value("moderation_mail_paused") == 1
    assert found.total("moderation_mail_refused_total", action="pause_all") >= 1


@one_engine
async def test_no_label_holds_anything_that_a_visitor_sent_or_an_address(
    http: ClientSession, smtp: MailServer
) -> None:
    smtp.refuse_for[ANNA] = f"550 5.1.1 <{ANNA}> {ADDRESS}"
    await post(http, author_name="Nome-Riservato", page_title="Titolo-Riservato")
    await smtp.wait_for(1)
    for path in (
        f"{COMMENTS}?page_url={PAGE}",
        "/moderate/a-token/approve",
        "/segreto?q=segreto",
        "/static/segreto",
    ):
        await http.get(path)
    await http.request("PROPFIND", "/segreto", headers={"X-Segreto": "segreto"})
    await http.post(COMMENTS, json=a_submission(page_url="https://segreto.example/", author_email="x"))
    found = await scrape(http)
    values = {value for one in found.samples for value in one.labels.values()}
    for secret in ("@", "example", "iservato", "http", "egreto", "chi-siamo", "a-token", "PROPFIND"):
        assert not [value for value in values if secret in value]
    outcomes = {one.labels["outcome"] for one in found.samples if "outcome" in one.labels}
    assert outcomes <= {"accepted", "replayed", *ProblemCode}


@one_engine
async def test_whoever_prefers_openmetrics_gets_it(http: ClientSession) -> None:
    await post(http)
    answer = await http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type == "application/openmetrics-text"
    found = Scrape(read_open_metrics(await answer.text()))
    assert found.value("moderation_submissions_total", site="coop") == 1


@one_engine
@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "x-forwarded-proto",
        "Forwarded",
        "X-Real-IP",
        "Via",
        "CF-Connecting-IP",
    ],
)
async def test_a_forwarded_request_sees_neither_metrics_nor_reasons(
    start: Callable[..., Awaitable[Running]], header: str
) -> None:
    running = await start(metrics_from="0.0.0.0/0,::/0", trusted_proxies="127.0.0.0/8")
    async with ClientSession(running.url, headers={header: "127.0.0.1"}) as http:
        answer = await http.get("/metrics")
        assert answer.status == 404
        assert (await answer.json())["type"].endswith(":not_found")
        assert "degraded" not in await (await http.get("/health/ready")).json()


@one_engine
@pytest.mark.parametrize(
    ("metrics_from", "peer", "status"),
    [
        ("", "127.0.0.1", 200),
        ("", "::1", 200),
        ("", "192.0.2.7", 404),
        ("192.0.2.0/24", "192.0.2.7", 200),
        ("192.0.2.0/24", "127.0.0.1", 404),
        ("192.0.2.0/24, 127.0.0.0/8", "127.0.0.1", 200),
        ("192.0.2.0/24", "198.51.100.7", 404),
        ("2001:db8::/32", "2001:db8::7", 200),
        ("2001:db8::/32", "2001:db9::7", 404),
    ],
)
async def test_metrics_are_for_this_machine_and_listed_networks(
    start: Callable[..., Awaitable[Running]],
    monkeypatch: pytest.MonkeyPatch,
    metrics_from: str,
    peer: str,
    status: int,
) -> None:
    running = await start(metrics_from=metrics_from)
    monkeypatch.setattr(client_address, "peer", lambda _: ip_address(peer))
    async with ClientSession(running.url) as http:
        answer = await http.get("/metrics")
        assert answer.status == status
        assert ("moderation_" in await answer.text()) is (status == 200)
        assert ("reasons" in await (await http.get("/health/ready")).json()) is (status == 200)


async def test_each_service_counts_for_itself(
    http: ClientSession, start: Callable[..., Awaitable[Running]]
) -> None:
    await post(http)
    other = await start()
    async with ClientSession(other.url) as beside:
        found = await scrape(beside)
    assert found.value("moderation_submissions_total", site="coop") == 0
    assert found.value("moderation_comments_pending", site="coop") == 1
    assert (await scrape(http)).value("moderation_submissions_total", site="coop") == 1


async def test_without_the_database_the_rest_is_answered_and_that_is_said(
    http: ClientSession, database: Database
) -> None:
    await post(http)
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE promises RENAME TO promises_elsewhere"))
    found = await scrape(http)
    assert found.value("moderation_database_up") == 0
    assert found.value("moderation_submissions_total", site="coop") == 1
    assert found.total("moderation_comments_pending") == 0
    assert "moderation_comments_pending" not in {one.name for one in found.samples}
    await scrape_until(http, 1, "moderation_worker_restarts_total", worker="mail")
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE promises_elsewhere RENAME TO promises"))
    assert (await scrape(http)).value("moderation_database_up") == 1


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("intervals", [Intervals(figures=replace(ANEW, within=0.2))])
async def test_a_database_that_does_not_answer_keeps_nobody_waiting(
    http: ClientSession, database: Database
) -> None:
    async with database.write() as connection:
        await connection.execute(text("LOCK TABLE promises IN ACCESS EXCLUSIVE MODE"))
        for _ in range(3):
            assert (await scrape(http)).value("moderation_database_up") == 0
    await scrape_until(http, 1, "moderation_database_up")


async def test_figures_are_read_once_in_some_seconds_however_many_ask(
    service: Running, http: ClientSession, clock: Clock
) -> None:
    moment = 0.0
    container = service.container
    reader = Reader(
        container.database,
        container.directory,
        is_mail_late=container.delivery.is_late,
        clock=clock,
        monotonic=lambda: moment,
    )
    seen = [await reader.read()]
    await post(http)
    for moment in (1.0, 2.9, 3.1):  # noqa: B007 - the clock of the reader
        seen += [await reader.read()]
    assert [sum(one.count for one in found.pending) for found in seen if found is not None] == [0, 0, 0, 1]


@one_engine
async def test_every_metric_is_explained_to_operators(http: ClientSession) -> None:
    explained = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    await post(http)
    names = {re.sub(r"_(bucket|count|sum)$", "", one.name) for one in (await scrape(http)).samples}
    assert [name for name in names if f"`{name}`" not in explained and not name.startswith("process_")] == []
