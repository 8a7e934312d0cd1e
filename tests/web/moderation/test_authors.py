"""What is known of an author: by one site alone, within a moderator's paths, under every listed key."""

from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import update

from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.authors import Author, Record
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import contacts
from moderation_service.web.http import templates
from tests.conftest import Start
from tests.support.desk import a_comment, cookieless, logged_in, replace_sites, text_of
from tests.support.factories import ADDRESS, OTHER_API_KEY, OTHER_PAGE, OTHER_SECRET, PAGE, SECRET, SITES, bearer
from tests.support.mailed import post
from tests.support.running import Running
from tests.support.smtp import MailServer

AUTHORS = "/api/v1/moderation/authors"
SPAM = "[url=http://pills.example]pills[/url] http://a.example http://b.example http://c.example"


async def decide(http: ClientSession, decided: dict[str, str], key: str | None = None) -> None:
    headers = bearer(key) if key else bearer()
    decisions = [{"id": comment_id, "decision": decision} for comment_id, decision in decided.items()]
    answer = await http.post("/api/v1/moderation/decisions", json={"decisions": decisions}, headers=headers)
    assert {one["outcome"] for one in (await answer.json())["results"]} == {"done"}


async def queued(http: ClientSession, key: str | None = None, **headers: str) -> dict[str, dict[str, object]]:
    """The comments of a site by id, as a program sees them."""
    with_key = (bearer(key) if key else bearer()) | {name.replace("_", "-"): one for name, one in headers.items()}
    answer = await http.get("/api/v1/moderation/comments", headers=with_key)
    return {one["id"]: one for one in (await answer.json())["comments"]}


async def test_a_program_reads_how_an_authors_comments_were_decided_at_its_site_and_notes_something(
    http: ClientSession,
) -> None:
    ids = [await a_comment(http, body=f"torta {number}", author_email=ADDRESS.upper()) for number in range(3)]
    waiting = await a_comment(http, body="un'altra")
    nadia = await a_comment(http, author_name="Nadia", author_email="nadia@example.org")
    elsewhere = [await a_comment(http, page_url=OTHER_PAGE, body=f"cake {number}") for number in range(2)]
    await decide(http, dict(zip(ids, ("approve", "reject", "spam"), strict=True)))
    await decide(http, {elsewhere[0]: "spam"}, OTHER_API_KEY)

    here, there = await queued(http), await queued(http, OTHER_API_KEY)
    assert here[waiting]["author"] == {"approved": 1, "rejected": 1, "spam": 1}
    assert here[nadia]["author"] == {"approved": 0, "rejected": 0, "spam": 0}
    assert there[elsewhere[1]]["author"] == {"approved": 0, "rejected": 0, "spam": 1}
    [name] = {str(here[one]["author_hash"]) for one in (*ids, waiting)}
    assert name not in (here[nadia]["author_hash"], there[elsewhere[0]]["author_hash"])
    assert KeyRing([SECRET]).keyed_hash("author address", ADDRESS) not in name

    met: list[str] = []
    cursor = ""
    while cursor is not None:
        answer = await http.get(f"{AUTHORS}/{name}", params={"limit": "3", "cursor": cursor}, headers=bearer())
        file = await answer.json()
        assert (file["author"], file["note"]) == ({"approved": 1, "rejected": 1, "spam": 1}, None)
        met += [one["id"] for one in file["comments"]]
        cursor = file["next_cursor"]
    assert met == [waiting, *reversed(ids)]
    assert ADDRESS not in await answer.text()

    answer = await http.put(f"{AUTHORS}/{name}", json={"note": "  sempre gentile "}, headers=bearer())
    assert (await answer.json())["note"]["text"] == "sempre gentile"
    for other in (
        name[:-2],
        f"{name[:-1]}{'0' if name[-1] != '0' else '1'}",
        "x",
        str(there[elsewhere[0]]["author_hash"]),
    ):
        assert (await http.get(f"{AUTHORS}/{other}", headers=bearer())).status == 404
    assert (await http.get(f"{AUTHORS}/{name}", headers=bearer(OTHER_API_KEY))).status == 404
    assert (await http.put(f"{AUTHORS}/{name}", json={"note": "x" * 1001}, headers=bearer())).status == 422
    answer = await http.put(f"{AUTHORS}/{name}", json={"note": None}, headers=bearer())
    assert (await answer.json())["note"] is None


async def test_reasons_are_said_in_the_language_of_whoever_asks_and_else_in_english(http: ClientSession) -> None:
    spam, honest = await a_comment(http, body=SPAM), await a_comment(http)
    found = await queued(http)
    assert (found[spam]["suspect"], found[honest]["suspect"]) == (True, False)
    assert found[honest]["spam_score"] is None
    assert found[honest]["spam_reasons"] == []
    assert {"code": "many_links", "message": "many links"} in found[spam]["spam_reasons"]  # type: ignore[operator]
    found = await queued(http, Accept_Language="it")
    assert {"code": "many_links", "message": "molti link"} in found[spam]["spam_reasons"]  # type: ignore[operator]


async def test_a_moderator_sees_the_authors_other_comments_and_what_a_colleague_noted(
    http: ClientSession, smtp: MailServer, service: Running, tmp_path: Path
) -> None:
    waiting = await post(http, smtp, body="un'altra torta")
    ids = [await a_comment(http, body=f"torta {number}") for number in range(4)]
    await decide(http, dict(zip(ids, ("approve", "approve", "reject", "spam"), strict=True)))
    anna, paul = await logged_in(http, smtp), await logged_in(http, smtp, "paul@example.org")

    file = await (await anna.get(f"/desk/comments/{waiting.id}")).text()
    assert "Da questo indirizzo: 2 approvati 1 rifiutato 1 contrassegnato come spam" in text_of(file)
    section = file.partition('id="author"')[2].partition("</section>")[0]
    assert [one for one in reversed(ids) if f"/desk/comments/{one}" in section] == ids[:0:-1]
    assert "Da questo indirizzo: 1 approvato 1 rifiutato" in text_of(
        await (await anna.get(f"/desk/comments/{ids[0]}")).text()
    )

    note = {"author_note": "  scrive   di torte <b> "}
    answer = await anna.post(f"/desk/comments/{waiting.id}/author-note", note)
    assert (answer.status, answer.headers["Location"]) == (303, f"/desk/comments/{waiting.id}")
    for page in (
        await paul.get("/desk"),
        await paul.get(f"/desk/comments/{ids[0]}"),
        await http.get(waiting.path("approve")),
    ):
        said = text_of(await page.text())
        assert "scrive di torte <b>" in said
        assert "Anna" in said
    await paul.post(f"/desk/comments/{ids[1]}/author-note", {"author_note": ""})
    assert "scrive di torte" not in await (await anna.get("/desk")).text()

    only_blog = SITES.replace('email = "paul@example.org"', 'email = "paul@example.org"\npaths = ["/blog"]')
    await replace_sites(service, tmp_path, only_blog)
    blog = await a_comment(http, page_url="https://www.example.org/blog/uno", body="dal blog")
    assert "From this address" not in text_of(await (await paul.get("/desk")).text())
    said = text_of(await (await paul.get(f"/desk/comments/{blog}")).text())
    assert "Nothing else from this address has been decided yet." in said
    assert "torta" not in said
    assert (await paul.post(f"/desk/comments/{ids[0]}/author-note", {"author_note": "x"})).status == 404
    assert PAGE not in said


async def test_an_author_is_known_under_every_listed_key(start: Start) -> None:
    first = await start()
    async with cookieless(first.url) as http:
        old = await a_comment(http)
        await decide(http, {old: "approve"})
        name = str((await queued(http))[old]["author_hash"])
        assert (await http.put(f"{AUTHORS}/{name}", json={"note": "gentile"}, headers=bearer())).status == 200
    second = await start(secret_keys=f"{OTHER_SECRET},{SECRET}")
    async with cookieless(second.url) as http:
        new = await a_comment(http, body="un'altra")
        found = await queued(http)
        assert found[new]["author"] == {"approved": 1, "rejected": 0, "spam": 0}
        for one in (name, found[old]["author_hash"], found[new]["author_hash"]):
            file = await (await http.get(f"{AUTHORS}/{one}", headers=bearer())).json()
            assert [shown["id"] for shown in file["comments"]] == [new, old]
            assert file["note"]["text"] == "gentile"


async def test_an_address_that_cannot_be_read_hides_no_comment_from_anybody(
    http: ClientSession, smtp: MailServer, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    posted = await post(http, smtp)
    other = await a_comment(http, body="torta")
    async with database.write() as connection:
        damaged = update(contacts).where(contacts.c.comment_id == posted.id).values(address_sealed=b"damaged")
        await connection.execute(damaged)
    found = await queued(http)
    assert (found[posted.id]["author_email_masked"], found[other]["author_email_masked"]) == (None, "g…@e….com")
    name = found[posted.id]["author_hash"]
    for path in (posted.path("approve"), f"{AUTHORS}/{name}"):
        assert (await http.get(path, headers=bearer())).status < 500
    desk = await logged_in(http, smtp)
    assert "torta" in text_of(await (await desk.get("/desk")).text())
    assert "contacts.address_unreadable" in caplog.text


@pytest.mark.parametrize(("language", "said"), [("en", "1,000 marked as spam"), ("de", "1.000 als Spam markiert")])
def test_the_numbers_of_a_record_are_written_as_all_others_are(language: str, said: str) -> None:
    author = Author(record=Record(spam=1_000))
    written = templates._templates(language).get_template("author.html").make_module().record(author)  # type: ignore[attr-defined]
    assert said in written
