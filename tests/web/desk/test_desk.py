"""The desk: what waits, deciding, undoing, looking back; without a script, and for nobody else's eyes."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.conftest import Clock
from tests.support.cases import one_engine
from tests.support.desk import a_comment, cookieless, logged_in, replace_sites, status_of, text_of
from tests.support.factories import ADDRESS, OTHER_PAGE, SITES, bearer
from tests.support.running import Running
from tests.support.seeding import stored
from tests.support.smtp import MailServer

OLGA = "olga@example.com"


async def test_a_moderator_logs_in_by_mail_decides_and_undoes(http: ClientSession, smtp: MailServer) -> None:
    first, second = await a_comment(http), await a_comment(http, body="secondo")
    anna = await logged_in(http, smtp)
    shown = await anna.shown()
    assert list(shown) == [first, second]

    answer = await anna.post("/desk/decisions", {"one": f"approve.{first}.{shown[first]}"})
    assert answer.status == 303
    page = await anna.get(answer.headers["Location"])
    assert "Un commento approvato." in text_of(await page.text())
    assert list(await anna.shown()) == [second]
    assert (await http.get(f"/api/v1/comments/{first}")).status == 200

    await anna.post("/desk/decisions", {"one": f"undo.{first}.approved.1"})
    assert list(await anna.shown()) == [first, second]
    assert (await http.get(f"/api/v1/comments/{first}")).status == 404


@pytest.mark.parametrize(
    ("decision", "status"), [("approve", "approved"), ("reject", "rejected"), ("spam", "spam")]
)
async def test_many_are_decided_at_once(http: ClientSession, smtp: MailServer, decision: str, status: str) -> None:
    ids = [await a_comment(http, body=f"numero {n}") for n in range(3)]
    anna = await logged_in(http, smtp)
    shown = await anna.shown()
    chosen = {f"comment.{one}": shown[one] for one in ids[:2]}
    await anna.post("/desk/decisions", {"many": decision} | chosen)
    assert list(await anna.shown()) == ids[2:]
    assert list(await anna.shown(f"/desk?status={status}")) == [ids[1], ids[0]]
    assert list(await anna.shown("/desk?status=any")) == ids[::-1]


@one_engine
async def test_nothing_selected_changes_nothing(http: ClientSession, smtp: MailServer) -> None:
    comment_id = await a_comment(http)
    anna = await logged_in(http, smtp)
    answer = await anna.post("/desk/decisions?q=interessante", {"many": "approve"})
    assert answer.headers["Location"] == "/desk?q=interessante"
    assert list(await anna.shown()) == [comment_id]


async def test_a_decision_on_what_a_colleague_decided_meanwhile_is_refused_and_said(
    http: ClientSession, smtp: MailServer
) -> None:
    comment_id = await a_comment(http)
    anna, paul = await logged_in(http, smtp), await logged_in(http, smtp, "paul@example.org")
    await paul.post("/desk/decisions", {"one": f"reject.{comment_id}.pending.1"})
    answer = await anna.post("/desk/decisions", {"one": f"approve.{comment_id}.pending.1"})
    page = text_of(await (await anna.get(answer.headers["Location"])).text())
    assert "Un commento era cambiato nel frattempo" in page
    assert "Rifiutato Giuliana : « interessante… » da Paul, 11:00" in page
    assert await status_of(http, comment_id) == "rejected"


async def test_the_desk_changes_what_was_decided_long_ago(
    http: ClientSession, smtp: MailServer, clock: Clock
) -> None:
    comment_id = await a_comment(http)
    anna = await logged_in(http, smtp)
    await anna.post("/desk/decisions", {"one": f"approve.{comment_id}.pending.1"})
    clock.advance(days=40)
    anna = await logged_in(http, smtp)
    undone = await anna.post("/desk/decisions", {"one": f"undo.{comment_id}.approved.1"})
    assert "said=undo.0.1" in undone.headers["Location"]
    await anna.post("/desk/decisions", {"one": f"reject.{comment_id}.approved.1"})
    assert await status_of(http, comment_id) == "rejected"


async def test_history_says_who_when_by_what_means_and_why(http: ClientSession, smtp: MailServer) -> None:
    comment_id = await a_comment(http)
    paul = await logged_in(http, smtp, "paul@example.org")
    await paul.post(
        "/desk/decisions", {"one": f"reject.{comment_id}.pending.1", "note": "  not\r\nabout the page "}
    )
    page = text_of(await (await paul.get(f"/desk/comments/{comment_id}")).text())
    assert re.search(r"Rejected on November 22, 2026, .* by Paul\.", page)
    assert "Pending → Rejected" in page
    assert "not about the page" in page
    history = await http.get(f"/api/v1/moderation/comments/{comment_id}/history", headers=bearer())
    [entry] = (await history.json())["history"]
    assert (entry["means"], entry["actor"], entry["note"]) == ("desk", "Paul", "not about the page")


@one_engine
@pytest.mark.parametrize(
    ("language", "received", "acts", "states"),
    [
        (
            "it",
            "Ricevuto il 22 novembre 2026",
            ("Approvato il", "Ultima decisione annullata il", "Rifiutato il", "Contrassegnato come spam il"),
            ("In attesa", "Approvato", "Rifiutato"),
        ),
        (
            "en",
            "Received on November 22, 2026",
            ("Approved on", "Last decision undone on", "Rejected on", "Marked as spam on"),
            ("Pending", "Approved", "Rejected"),
        ),
        (
            "de",
            "Eingegangen am 22. November 2026",
            (
                "Freigegeben am",
                "Letzte Entscheidung rückgängig gemacht am",
                "Abgelehnt am",
                "Als Spam markiert am",
            ),
            ("Offen", "Freigegeben", "Abgelehnt"),
        ),
        (
            "fr",
            "Reçu le 22 novembre 2026",
            ("Approuvé le", "Dernière décision annulée le", "Refusé le", "Marqué comme spam le"),
            ("En attente", "Approuvé", "Refusé"),
        ),
        (
            "es",
            "Recibido el 22 de noviembre de 2026",
            ("Aprobado el", "Última decisión deshecha el", "Rechazado el", "Marcado como spam el"),
            ("Pendiente", "Aprobado", "Rechazado"),
        ),
    ],
)
async def test_history_says_what_was_done_to_the_one_comment(
    http: ClientSession,
    smtp: MailServer,
    service: Running,
    tmp_path: Path,
    language: str,
    received: str,
    acts: tuple[str, ...],
    states: tuple[str, ...],
) -> None:
    await replace_sites(
        service, tmp_path, SITES.replace('name = "Anna"', f'name = "Anna"\nlanguage = "{language}"')
    )
    comment_id = await a_comment(http)
    anna = await logged_in(http, smtp)
    for shown in ("approve.{}.pending.1", "undo.{}.approved.1", "reject.{}.pending.1", "spam.{}.rejected.1"):
        await anna.post("/desk/decisions", {"one": shown.format(comment_id)})
    page = await (await anna.get(f"/desk/comments/{comment_id}")).text()
    first, *lines = [
        text_of(line) for line in page.split('class="history"')[1].split("</ol>")[0].split("<li>")[1:]
    ]
    assert first.startswith(received)
    pending, approved, rejected = states
    changes = ((pending, approved), (approved, pending), (pending, rejected), (rejected, "Spam"))
    for line, act, (before, after) in zip(lines, acts, changes, strict=True):
        assert line.startswith(act)
        assert line.endswith(f" {before} → {after}")


async def test_the_whole_address_is_shown_on_request_and_that_is_recorded(
    http: ClientSession, smtp: MailServer
) -> None:
    comment_id = await a_comment(http)
    anna = await logged_in(http, smtp)
    for path in ("/desk", f"/desk/comments/{comment_id}"):
        page = await (await anna.get(path)).text()
        assert ADDRESS not in page
        assert "g…@e….com" in page
    shown = await anna.post(f"/desk/comments/{comment_id}/address")
    assert shown.status == 200
    assert ADDRESS in await shown.text()
    later = await (await anna.get(f"/desk/comments/{comment_id}")).text()
    assert ADDRESS not in later
    assert "Chi ha visto l’indirizzo completo" in later
    script = await anna.post(f"/desk/comments/{comment_id}/address", Accept="application/json")
    assert await script.json() == {"address": ADDRESS}


async def test_a_comment_is_shown_with_what_it_answers_its_links_as_text_and_screenings_reasons(
    http: ClientSession, smtp: MailServer
) -> None:
    parent = await a_comment(http)
    paul = await logged_in(http, smtp, "paul@example.org")
    await paul.post("/desk/decisions", {"one": f"approve.{parent}.pending.1"})
    body = '[cheap](https://spam.example/?a="b) https://a.example/1 https://a.example/2 <script>alert(1)</script>'
    await a_comment(http, parent_id=parent, author_name="<b>Bad</b>", body=body)
    page = await (await paul.get("/desk")).text()
    assert "In reply to <b><bdi>Giuliana</bdi></b>: “<bdi>interessante…" in page
    assert "interessante…" in page
    assert "Looks suspicious:" in page
    assert "many links" in page
    assert 'href="https://spam.example' not in page
    assert 'href="https://a.example' not in page
    assert "(https://spam.example/?a=%22b)" in page
    assert "<script>alert" not in page
    assert "<b>Bad" not in page


FILTERED: list[tuple[str, list[int]]] = [
    ("", [0, 1, 2]),
    ("q=TORTA", [1]),
    ("q=100%25", [2]),
    ("q=giuliana", [0, 2]),
    ("author=nad", [1]),
    ("author=nadia@example.org", [1]),
    ("author=NADIA@EXAMPLE.ORG", [1]),
    ("author=nobody@example.org", []),
    ("page_url=https://www.example.org/altra%23top", [2]),
    ("page_url=https://nowhere.example/", []),
    ("status=approved", []),
    ("status=nonsense", [0, 1, 2]),
    ("site=coop", [0, 1, 2]),
    ("site=altro", []),
    ("q=torta&author=giuliana", []),
]


async def test_the_queue_is_filtered(http: ClientSession, smtp: MailServer, subtests: pytest.Subtests) -> None:
    ids = [
        await a_comment(http),
        await a_comment(http, author_name="Nadia", author_email="nadia@example.org", body="una Torta"),
        await a_comment(http, page_url="https://www.example.org/altra", body="al 100% d'accordo"),
    ]
    anna = await logged_in(http, smtp)
    for query, expected in FILTERED:
        with subtests.test(query):
            assert list(await anna.shown(f"/desk?{query}")) == [ids[n] for n in expected]


async def test_pages_of_the_queue_follow_each_other_without_gap_or_repetition(
    start: Callable[..., Awaitable[Running]], smtp: MailServer
) -> None:
    running = await start(screening="off")
    async with cookieless(running.url) as http:
        ids = await stored(running, (f"numero {n}" for n in range(103)))
        anna = await logged_in(http, smtp)
        seen: list[str] = []
        path: str | None = "/desk"
        pages = 0
        while path is not None:
            text = await (await anna.get(path)).text()
            seen += re.findall(r'name="comment\.([^"]+)"', text)
            link = re.search(r'class="button next" href="([^"]+)"', text)
            path = link[1].replace("&amp;", "&") if link else None
            pages += 1
        assert seen == ids
        assert pages == 3
        assert "In attesa: 103" in await (await anna.get("/desk")).text()


async def test_a_person_with_two_sites_sees_both_in_one_order(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path
) -> None:
    await replace_sites(service, tmp_path, SITES.replace(OLGA, "anna@example.org"))
    ids = [
        await a_comment(http),
        await a_comment(http, page_url=OTHER_PAGE),
        await a_comment(http, body="ancora"),
    ]
    anna = await logged_in(http, smtp)
    shown = await anna.shown()
    assert list(shown) == ids
    assert list(await anna.shown("/desk?site=altro")) == [ids[1]]
    chosen = {f"comment.{one}": shown[one] for one in ids}
    await anna.post("/desk/decisions", {"many": "approve"} | chosen)
    assert list(await anna.shown()) == []
    assert list(await anna.shown("/desk?status=approved")) == ids[::-1]


RITA = """
[[site.moderator]]
id = "rita"
name = "Rita"
email = "rita@example.com"
paths = ["/shop"]
"""


async def test_paths_part_the_queue_by_whole_segments_and_what_nobody_covers_is_everybodys(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path
) -> None:
    await replace_sites(service, tmp_path, SITES + RITA)
    site = "https://altro.example.com"
    blog = await a_comment(http, page_url=f"{site}/blog/primo?p=1")
    blog_itself = await a_comment(http, page_url=f"{site}/blog")
    blogs = await a_comment(http, page_url=f"{site}/blogs")
    shop = await a_comment(http, page_url=f"{site}/shop/")
    olga, rita = await logged_in(http, smtp, OLGA), await logged_in(http, smtp, "rita@example.com")
    assert list(await olga.shown()) == [blog, blog_itself, blogs]
    assert list(await rita.shown()) == [blogs, shop]
    refused = await olga.post("/desk/decisions", {"one": f"approve.{shop}.pending.1"})
    assert "said=approve.0.1" in refused.headers["Location"]
    assert (await olga.get(f"/desk/comments/{shop}")).status == 404
    assert (await olga.post(f"/desk/comments/{shop}/address")).status == 404
    assert list(await rita.shown()) == [blogs, shop]


@one_engine
async def test_no_spelling_of_an_address_gets_round_paths(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path
) -> None:
    await replace_sites(service, tmp_path, SITES + RITA)
    site = "https://altro.example.com"
    spellings = ("//shop/a", "/blog/../shop/b", "/blog%2F..%2Fshop/c", "/%2e/shop//d")
    shops = [await a_comment(http, page_url=site + one) for one in spellings]
    olga, rita = await logged_in(http, smtp, OLGA), await logged_in(http, smtp, "rita@example.com")
    assert list(await rita.shown()) == shops
    assert "comment." not in await (await olga.get("/desk")).text()
    for comment_id in shops:
        assert (await olga.get(f"/desk/comments/{comment_id}")).status == 404


async def test_pages_are_counted_in_their_own_site_and_named_to_whom_they_belong(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path
) -> None:
    await replace_sites(service, tmp_path, SITES.replace(OLGA, "anna@example.org") + RITA)
    await a_comment(http, page_title="Chi siamo")
    for body in ("uno", "due"):
        await a_comment(http, page_url="https://altro.example.com/blog/primo", page_title="Primo", body=body)
    await a_comment(http, page_url="https://altro.example.com/shop/", page_title="Shop")
    anna = await logged_in(http, smtp)
    counts = (await (await anna.get("/desk/updates")).json())["counts"]
    assert sorted(number for key, number in counts.items() if key.startswith("page:")) == ["1", "2"]
    rail = await (await anna.get("/desk")).text()
    assert "Primo" in rail
    assert "Shop" not in rail


@one_engine
async def test_the_way_back_after_a_decision_keeps_the_filter_and_nothing_else(
    http: ClientSession, smtp: MailServer
) -> None:
    comment_id = await a_comment(http)
    anna = await logged_in(http, smtp)
    query = "q=inter&status=any&next=https://evil.example&said=approve.9.9"
    answer = await anna.post(f"/desk/decisions?{query}", {"one": f"approve.{comment_id}.pending.1"})
    assert answer.headers["Location"] == "/desk?status=any&q=inter&said=approve.1.0"


@one_engine
async def test_pages_of_the_desk_let_in_one_script_of_ours_and_nothing_else(
    http: ClientSession, smtp: MailServer
) -> None:
    anna = await logged_in(http, smtp)
    answer = await anna.get("/desk")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in f"{policy};"
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', await answer.text()):
        file = await http.get(path)
        assert file.status == 200
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert (await http.get(path.partition("?")[0])).headers["Cache-Control"] == "no-cache"
