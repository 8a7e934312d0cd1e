"""One author's address, looked for in every byte that leaves the service, on every route there is.

The walk is made from the table of routes. A new route is walked without a word here, as long as its fields have
names that are known below; one that never answers as its row says fails.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientResponse, ClientSession, ClientTimeout
from marshmallow import Schema

from moderation_service.domain.comments.personal_data import Wish, WishLink, WishLinks
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.link import Link
from moderation_service.domain.moderation.links import Links
from moderation_service.runtime.container import utc_now
from moderation_service.storage.engine.database import Database
from moderation_service.web.endpoint import Credential, Endpoint
from moderation_service.web.routes import ENDPOINTS
from tests.support import traces
from tests.support.authors import path_in, prove
from tests.support.commands import run
from tests.support.desk import Browser, logged_in, mailed_login
from tests.support.factories import PAGE, SECRET, SITES, a_submission, bearer
from tests.support.forms import Form
from tests.support.mailed import ANNA
from tests.support.posting import decide
from tests.support.processes import ROOT, served
from tests.support.proofs import proof_of
from tests.support.rows import all_rows
from tests.support.running import until
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENCE
from tests.support.webhook_receiver import Receiver, list_webhooks, receiving

LOCAL, DOMAIN = "zelinda.canarino.8f3a", "quartiere-privato.example.com"
CANARY = f"{LOCAL}@{DOMAIN}"
VARIANTS = {
    "pending": CANARY,
    "approved": f"{LOCAL}+notizie@{DOMAIN}",
    "rejected": f"{LOCAL.upper()}@{DOMAIN.upper()}",
    "spam": f"{LOCAL.replace('.', '')}@{DOMAIN}",
    "withdrawn": f"Zelinda.Canarino.8F3A@{DOMAIN}",
    "reported": CANARY,
    "erased": CANARY,
}
"""Under which spelling of the address the comment in each state was posted."""

BLOCKED = f"{LOCAL}+bloccata@{DOMAIN}"
EVERY_SPELLING = (*dict.fromkeys(VARIANTS.values()), BLOCKED)
MASK = "z…@q….com".encode()
SUSPICIOUS = "[url=https://a.example]a[/url] https://b.example https://c.example"

SHOWS_ADDRESS = {
    ("POST", "/desk/comments/{comment_id}/address"): "to a moderator who asks for it, which is on record",
    ("GET", "/desk"): "what a moderator typed to look for an author",
    ("POST", "/personal-data/{token}"): "to whom the address belongs, in the copy of all that is kept",
    ("POST", "/desk/login"): "what somebody typed to log in, in the form that is to be corrected",
    ("POST", "/api/v1/comments"): "what a visitor typed, in the form that is to be corrected",
    ("POST", "/wp-comments-post.php"): "the same",
    ("POST", "/comments/{comment_id}/report"): "the same, of somebody who reports",
}
"""Where the address itself may stand, and for whom; nowhere else, and no digest of it."""

SHOWS_MASK = {
    *(("GET", path) for path in ("/desk", "/desk/comments/{comment_id}", "/desk/blocks")),
    ("GET", "/personal-data/{token}"),
    ("GET", "/api/v1/moderation/comments"),
    ("GET", "/api/v1/moderation/authors/{author_hash}"),
    ("GET", "/api/v1/moderation/blocks"),
    ("PUT", "/api/v1/moderation/authors/{author_hash}"),
    ("POST", "/api/v1/moderation/blocks"),
    *(("POST", f"/desk/comments/{{comment_id}}/{form}") for form in ("address", "answer", "redaction")),
}
"""Where moderators and their programs see the mask: all others show nothing of the address."""

STATIC = ROOT / "moderation_service/web/static"
_PARAMETER = re.compile(r"{(\w+)(?::([^}]+))?}")
_UNDO = re.compile(r"/desk/bulk/([^/]+)/undo")
_TO = re.compile(rb"^To: .*\r?\n(?:[ \t].*\r?\n)*", re.MULTILINE | re.IGNORECASE)
_SNAPSHOT = re.compile(r'name="snapshot" value="([^"]+)"')

LAST = ("/personal-data/{token}", "/desk/logout")
"""What leaves nothing to be walked behind it."""

STREAM = "text/event-stream"
EXPORT_FORMATS = ("jsonl", "wxr", "static")
STATES = ("pending", "approved", "rejected", "spam", "withdrawn", "any")
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "status": STATES,
    "page_url": (PAGE,),
    "site": ("coop",),
    "view": ("threads",),
    "order": ("newest", "oldest"),
    "q": (CANARY,),
    "author": (CANARY,),
    "scope": ("all",),
    "suspects": ("only",),
    "held": ("1",),
    "lang": ("de",),
}
"""What is asked beside what must be: each value of each field by itself."""


@dataclass(slots=True)
class Stage:
    """What the walk knows, and what it saw where."""

    http: ClientSession
    smtp: MailServer
    desk: Browser
    ids: dict[str, str] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)
    subscriptions: list[str] = field(default_factory=list)
    login: str = ""
    known: dict[str, str] = field(default_factory=dict)
    challenge: Mapping[str, Any] | None = None
    statuses: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    addresses_seen: set[tuple[str, str]] = field(default_factory=set)
    masks_seen: set[tuple[str, str]] = field(default_factory=set)
    number: Iterator[int] = field(default_factory=count)

    async def post(self, state: str, address: str, **changed: Any) -> None:
        """Post a comment that is known by a state from here on."""
        number = next(self.number)
        data = a_submission(author_email=address, body=f"testo {number}", author_name=f"G. {number}") | changed
        async with self.http.post("/api/v1/comments", json=data) as answer:
            assert answer.status == 202, await answer.text()
            assert not traces.found(await answer.read(), EVERY_SPELLING)
            receipt = await answer.json()
        self.ids[state] = receipt["id"]
        self.receipts[state] = receipt["receipt_url"].rpartition("/")[2]
        self.challenge = receipt.get("challenge", self.challenge)

    def tokens(self, credential: Credential) -> list[str]:
        """The tokens of all comments for whom asks by them."""
        links = Links(KeyRing((SECRET,)), utc_now)
        wishes = WishLinks(KeyRing((SECRET,)), utc_now)
        address_hash = links.address_hash(ANNA)
        mailed = [
            Link(site_id="coop", moderator_id="anna", comment_id=one, revision=1, address_hash=address_hash)
            for one in self.ids.values()
        ]
        return {
            Credential.RECEIPT: lambda: list(self.receipts.values()),
            Credential.SUBSCRIPTION_LINK: lambda: self.subscriptions,
            Credential.MODERATION_LINK: lambda: [links.mint(one) for one in mailed],
            Credential.DIGEST_LINK: lambda: [links.of_digests.mint(mailed)],
            Credential.LOGIN_LINK: lambda: [self.login],
            Credential.PERSONAL_DATA_LINK: lambda: [
                wishes.mint(WishLink(comment_id, wish))
                for comment_id in self.ids.values()
                for wish in (Wish.ERASE, Wish.EXPORT)
            ],
        }[credential]()

    def paths(self, endpoint: Endpoint) -> list[str]:
        """Addresses of a route, with each value of each of its parameters."""
        choices = {
            name: self._choices(endpoint, name, pattern) for name, pattern in _PARAMETER.findall(endpoint.path)
        }
        usual = {name: values[-1] for name, values in choices.items()}
        varied = [usual | {name: value} for name, values in choices.items() for value in values]
        return [_path(endpoint, one) for one in varied or [{}]]

    def _choices(self, endpoint: Endpoint, name: str, pattern: str) -> list[str]:
        if pattern and "|" in pattern:
            return pattern.split("|")
        if name == "token":
            return self.tokens((endpoint.preflight_of or (endpoint,))[0].credential)
        if name == "comment_id":
            return list(self.ids.values())
        if name == "name":
            return sorted(one.name for one in STATIC.iterdir())
        assert name in self.known, f"{endpoint.method} {endpoint.path}: say what {name} is"
        return [self.known[name]]

    def value(self, endpoint: Endpoint, name: str) -> Any:
        """What is sent in a field that must be filled."""
        assert name in VALUES, f"{endpoint.method} {endpoint.path}: say what is sent as {name}"
        return VALUES[name](self)

    def address(self) -> str:
        """Another tag of the address each time."""
        return f"{LOCAL}+{next(self.number)}@{DOMAIN}"

    async def ask(
        self, endpoint: Endpoint, path: str, *, headers: Mapping[str, str] | None = None, **sent: Any
    ) -> bytes:
        """Ask as who may, and look through all that comes back."""
        given = dict(headers or {})
        if endpoint.credential is Credential.SITE_KEY:
            given |= bearer()
        if endpoint.credential in (Credential.SESSION, Credential.SESSION_IF_ANY):
            given["Cookie"] = self.desk.cookie
        async with self.http.request(
            endpoint.method, path, headers=given, allow_redirects=False, **sent
        ) as answer:
            if endpoint.media_type == STREAM and answer.status == 200:
                content = await self._stream(answer)
            else:
                content = await answer.read()
            self.look_through(endpoint, f"{answer.raw_headers}".encode() + content, f"{path} {sent}")
            self.statuses.setdefault((endpoint.method, endpoint.path), set()).add(answer.status)
        return content

    async def _stream(self, answer: ClientResponse) -> bytes:
        """Read a stream until it has told of the comment that was erased."""
        read = b""
        while b'"erased"' not in read:
            line = await answer.content.readline()
            assert line, "the stream ended"
            read += line
        return read

    def look_through(self, endpoint: Endpoint, content: bytes, where: str) -> None:
        """Note where a trace of the address stands that may not."""
        row = (endpoint.method, endpoint.path)
        found = traces.found(content, EVERY_SPELLING)
        if row in SHOWS_ADDRESS:
            plain = {one.encode() for address in EVERY_SPELLING for one in spelled(address)}
            self.addresses_seen |= {row} if found else set()
            found = [one for one in found if one not in plain]
        if found:
            self.faults.append(f"{found} in {endpoint.method} {where}")
        if MASK in content.lower():
            self.masks_seen.add(row)


def _path(endpoint: Endpoint, values: Mapping[str, str]) -> str:
    return _PARAMETER.sub(lambda match: values[match[1]], endpoint.path)


VALUES: Mapping[str, Callable[[Stage], Any]] = {
    **dict.fromkeys(("author_email", "email"), Stage.address),
    **dict.fromkeys(("body", "comment", "explanation", "text"), lambda stage: f"testo {next(stage.number)}"),
    **dict.fromkeys(("author", "author_name"), lambda _: "G."),
    "commenting": lambda _: "open",
    "decisions": lambda stage: [{"id": stage.ids["fresh"], "decision": "approve"}],
    "form_token": lambda stage: stage.desk.token,
    "kind": lambda _: "address",
    "note": lambda _: "una nota",
    "page_url": lambda _: PAGE,
    "page_urls": lambda _: [PAGE],
    "pages": lambda _: [{"page_url": PAGE, "page_title": "Un titolo"}],
    "proof": lambda stage: proof_of(stage.challenge or {}),
    "reason": lambda _: "insult",
    "reporter_email": lambda _: CANARY,
    "revision": lambda _: "1",
    "schedule": lambda _: "at_once",
    "seen": lambda _: "pending",
    "site": lambda _: "coop",
    "wish": lambda _: "export",
    "value": lambda _: BLOCKED,
}
"""What is sent in the fields of whatever route, by their names."""

MORE: Mapping[tuple[str, str], Callable[[Stage], dict[str, str]]] = {
    ("POST", "/api/v1/moderation/blocks"): lambda _: {"value": BLOCKED},
    ("POST", "/desk/bulk"): lambda stage: {"snapshot": stage.known["snapshot"], "all": "reject"},
    ("POST", "/desk/decisions"): lambda stage: {"one": f"approve.{stage.ids['fresh']}.pending.1"},
    ("POST", "/desk/pages"): lambda _: {"page_title": "Un titolo"},
    ("POST", "/desk/pages/commenting"): lambda _: {"commenting": "open"},
    ("POST", "/desk/comments/{comment_id}/blocks"): lambda _: {"address": "on"},
    ("POST", "/desk/comments/{comment_id}/author-note"): lambda _: {"author_note": "una nota"},
    ("POST", "/moderate/{token}/redact"): lambda _: {"body": "testo"},
    ("POST", "/desk/comments/{comment_id}/redaction"): lambda _: {"body": "testo"},
    ("POST", "/desk/blocks"): lambda _: {"site": "coop", "kind": "address", "value": BLOCKED},
}
"""What a route takes beside what its schema says that it must; forms of the desk have none."""


def spelled(address: str) -> Iterator[str]:
    """What of an address may be read where the address may."""
    local, _, domain = address.lower().rpartition("@")
    for text in (address.lower(), local, local.partition("+")[0], domain):
        yield text
        yield urlencode({"": text})[1:].lower()


def queries(endpoint: Endpoint, stage: Stage) -> list[dict[str, str]]:
    """What a route is asked: what must be there, and beside it each thing that may."""
    if endpoint.query is None:
        return [{}]
    fields = {one.data_key or name: one for name, one in endpoint.query().fields.items()}
    needed = {name: str(stage.value(endpoint, name)) for name, one in fields.items() if one.required}
    if endpoint.media_type == STREAM:
        needed |= {"after": "0"}
    beside = [{name: value} for name in fields if name in OPTIONAL for value in OPTIONAL[name]]
    return [needed, *(needed | one for one in beside if not one.keys() <= needed.keys())]


def filled(schema: type[Schema], endpoint: Endpoint, stage: Stage) -> dict[str, Any]:
    """What is sent in fields that must be there, and in those for an address."""
    fields = {one.data_key or name: one for name, one in schema().fields.items()}
    return {
        name: stage.value(endpoint, name)
        for name, one in fields.items()
        if one.required or name == "reporter_email"
    }


async def read(endpoint: Endpoint, stage: Stage) -> None:
    """Ask a route that changes nothing, for every comment and with every query; and wrongly."""
    for path in stage.paths(endpoint):
        for query in queries(endpoint, stage):
            await stage.ask(endpoint, path, params=query)
    wrong = _PARAMETER.sub(CANARY, endpoint.path)
    await stage.ask(endpoint, wrong, params={"page_url": CANARY, "site": CANARY, "cursor": CANARY, "x": CANARY})


async def change(endpoint: Endpoint, stage: Stage) -> None:
    """Send to a route that changes something what it takes, for a comment that waits and for every other; and
    what it does not take.
    """
    is_to_prove = endpoint.body is not None and "proof" in endpoint.body().fields
    if _PARAMETER.search(endpoint.path) or endpoint.path.endswith("/decisions"):
        await stage.post("fresh", stage.address(), **({"body": SUSPICIOUS} if is_to_prove else {}))
    await prepare(endpoint, stage)
    query = {"page_url": PAGE} if endpoint.query is not None else {}
    beside = MORE.get((endpoint.method, endpoint.path))
    more = {} if beside is None else beside(stage)
    headers = {"Referer": PAGE} if endpoint.credential is Credential.NONE and endpoint.body is None else None
    for path in reversed(stage.paths(endpoint)):
        if endpoint.body is not None:
            await stage.ask(endpoint, path, params=query, json=filled(endpoint.body, endpoint, stage) | more)
        if endpoint.body is None or endpoint.form is not None:
            values = await shown_in(endpoint, path, stage)
            if endpoint.form is not None:
                values = filled(endpoint.form, endpoint, stage) | values
            if endpoint.credential is Credential.SESSION:
                values |= {"form_token": stage.desk.token}
            await stage.ask(endpoint, path, params=query, data=values | more, headers=headers)
    path = next((one for one in stage.paths(endpoint) if stage.ids["approved"] in one), stage.paths(endpoint)[-1])
    wrong = dict.fromkeys(("author_email", "email", "reporter_email", "x"), f"{CANARY} x")
    if endpoint.body is not None:
        await stage.ask(endpoint, path, params=query, json=more | wrong)
    if endpoint.body is None or endpoint.form is not None:
        values = {"form_token": stage.desk.token} | await shown_in(endpoint, path, stage)
        await stage.ask(endpoint, path, params=query, data=values | more | wrong, headers=headers)


async def prepare(endpoint: Endpoint, stage: Stage) -> None:
    """Make what a route takes once."""
    if endpoint.credential is Credential.LOGIN_LINK:
        stage.login = (await mailed_login(stage.http, stage.smtp, "paul@example.org")).rpartition("/")[2]
    if endpoint.path == "/desk/bulk":
        page = await (await stage.desk.get("/desk?scope=all")).text()
        stage.known["snapshot"] = _SNAPSHOT.findall(page)[0]
    if "{bulk_id}" in endpoint.path:
        page = await (await stage.desk.get("/desk")).text()
        stage.known["bulk_id"] = _UNDO.findall(page)[0]
    if "{block_id}" in endpoint.path:
        block = {"kind": "address", "value": BLOCKED}
        made = await stage.http.post("/api/v1/moderation/blocks", json=block, headers=bearer())
        stage.known["block_id"] = (await made.json())["blocks"][0]["id"]


async def shown_in(endpoint: Endpoint, path: str, stage: Stage) -> dict[str, str]:
    """What stands in the form of the page at the same address, at the one for another decision, or above it."""
    if not endpoint.is_page or endpoint.credential in (Credential.NONE, Credential.SESSION):
        return {}
    page = await stage.http.get(path.replace("/undo", "/approve").replace("/answer", "/approve"))
    if page.status in (404, 405):
        page = await stage.http.get(path.rpartition("/")[0])
    values = Form(await page.text()).values if page.status == 200 else {}
    return {name: value for name, value in values.items() if value}


async def set_up(stage: Stage, environ: Mapping[str, str]) -> None:
    """Post the comments, and bring each into its state."""
    for state, address in VARIANTS.items():
        await stage.post(state, address, notify_published=state == "approved", notify_replies=state == "approved")
    to = VARIANTS["approved"]
    await until(lambda: stage.smtp.to(to))
    stage.subscriptions.append(path_in(stage.smtp.to(to)[-1]).rpartition("/")[2])
    await prove(stage.http, stage.smtp, to)
    queue = await (await stage.http.get("/api/v1/moderation/comments", headers=bearer())).json()
    stage.known["author_hash"] = queue["comments"][0]["author_hash"]
    await decide(stage.http, "approve", *(stage.ids[one] for one in ("approved", "reported", "erased")))
    await decide(stage.http, "reject", stage.ids["rejected"])
    await decide(stage.http, "spam", stage.ids["spam"])
    withdrawn = await stage.http.delete(f"/api/v1/receipts/{stage.receipts['withdrawn']}")
    assert withdrawn.status == 200
    report = {"reason": "insult", "explanation": "perché", "reporter_email": CANARY}
    reported = await stage.http.post(f"/api/v1/comments/{stage.ids['reported']}/reports", json=report)
    assert reported.status == 202
    block = {"kind": "address", "value": BLOCKED}
    made = await stage.http.post("/api/v1/moderation/blocks", json=block, headers=bearer())
    stage.known["block_id"] = (await made.json())["blocks"][0]["id"]
    said = await run(environ, "erase", "--comment", stage.ids["erased"])
    assert said.exit_code == 0, said.output
    await until(lambda: len(stage.smtp.to(to)) > 1)
    stage.subscriptions.append(path_in(stage.smtp.to(to)[-1]).rpartition("/")[2])
    stage.login = (await mailed_login(stage.http, stage.smtp, "paul@example.org")).rpartition("/")[2]


async def test_an_address_is_in_no_byte_of_any_route_mail_webhook_log_or_file(
    environ: dict[str, str], smtp: MailServer, database: Database, tmp_path: Path
) -> None:
    async with receiving() as receiver:
        loose = SITES.replace("\n[[site]]\n", "\n[site.screening]\nposts_per_network = 1000\n\n[[site]]\n", 2)
        list_webhooks(
            environ, "\n[[site]]\n" + loose.split("\n[[site]]\n", 1)[1], {"url": receiver.url, "id": "it"}
        )
        async with served(environ) as process, ClientSession(process.url, timeout=ClientTimeout(PATIENCE)) as http:
            stage = Stage(http, smtp, await logged_in(http, smtp))
            await set_up(stage, environ)
            rows = [one for one in ENDPOINTS if one.method != "OPTIONS"]
            for endpoint in rows:
                if endpoint.method == "GET":
                    await read(endpoint, stage)
            for endpoint in sorted(rows, key=lambda one: one.path in LAST):
                if endpoint.method != "GET":
                    await change(endpoint, stage)
            for endpoint in ENDPOINTS:
                if endpoint.method == "OPTIONS":
                    for path in stage.paths(endpoint):
                        await stage.ask(endpoint, path, headers={"Origin": f"https://{DOMAIN}"})
            unanswered = {
                (one.method, one.path): stage.statuses[one.method, one.path]
                for one in ENDPOINTS
                if one.answers and stage.statuses[one.method, one.path].isdisjoint(one.answers)
            }
            assert not stage.faults
            assert not unanswered, "no request was as these routes take it"
            assert stage.addresses_seen == set(SHOWS_ADDRESS)
            assert stage.masks_seen == SHOWS_MASK
            await check_what_was_sent(smtp, receiver)
            await check_rows(database)
        assert_clean(bytes(process.said), "the log")
    await check_files(environ, tmp_path)


async def check_what_was_sent(smtp: MailServer, receiver: Receiver) -> None:
    """Look through mails and webhooks; of mail to the author, its own address may stand on the envelope alone."""
    await until(lambda: any(json.loads(one.body)["type"] == "erased" for one in receiver.posts))
    for one in receiver.posts:
        assert_clean(one.body + str(one.headers).encode(), "a webhook")
    for mail in smtp.mails:
        raw = _TO.sub(b"", mail.raw) if mail.recipients[0].lower().endswith(DOMAIN) else mail.raw
        assert_clean(raw + mail.text().encode() + mail.html().encode(), f"a mail to {mail.recipients}")
    assert any(MASK in mail.text().lower().encode() for mail in smtp.to(ANNA))


async def check_rows(database: Database) -> None:
    """Look through all that is stored."""
    for table, rows in (await all_rows(database)).items():
        assert_clean(repr(rows).encode() + b"".join(_bytes_of(rows)), table)


def _bytes_of(rows: list[tuple[Any, ...]]) -> Iterator[bytes]:
    yield from (bytes(value) for row in rows for value in row if isinstance(value, bytes | memoryview))


async def check_files(environ: Mapping[str, str], folder: Path) -> None:
    """Look through files of the database, and all that commands write of it where no addresses are asked for."""
    for name in EXPORT_FORMATS:
        said = await run(environ, "export", "--site", "coop", "--format", name, "--to", folder / f"export-{name}")
        assert said.exit_code == 0, said.output
        assert_clean(said.output.encode(), "what a command says")
    if environ["MODERATION_DATABASE_URL"].startswith("sqlite"):
        said = await run(environ, "backup", folder / "a-backup")
        assert said.exit_code == 0, said.output
    written = files_in(folder)
    assert len(written) > len(EXPORT_FORMATS)
    for name, content in written.items():
        assert_clean(content, name)


def files_in(folder: Path) -> dict[str, bytes]:
    """All files of a folder and of those within it."""
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def assert_clean(content: bytes, where: str) -> None:
    found = traces.found(content, EVERY_SPELLING)
    assert not found, f"{found} in {where}"
