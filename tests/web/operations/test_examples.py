"""The examples in the OpenAPI document are what is really asked and answered.

`MODERATION_TEST_WRITE_EXAMPLES=1` writes them anew.
"""

import json
import os
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession
from jsonschema import Draft202012Validator, FormatChecker
from standardwebhooks import Webhook
from yarl import URL

from moderation_service.web.operations import openapi
from moderation_service.web.routes import ENDPOINTS
from tests.conftest import Clock, Start
from tests.support.contract import client_of, endpoint_of
from tests.support.examples import keep, kept
from tests.support.factories import PAGE, SITES, bearer
from tests.support.running import until
from tests.support.webhook_receiver import list_webhooks, receiving

COMMENTS = "/api/v1/comments"
MODERATION = "/api/v1/moderation"
CHANGES = "/api/v1/changes"
OF_CHANCE = {
    "id": r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    "receipt": r'(?<=/receipts/)[A-Za-z0-9_-]{22,}|(?<="token": ")[^"]+',
    "epoch": r'(?<="epoch": ")[0-9a-f]+|\b[0-9a-f]{12}(?=\.\d)',
    "author": r'(?<="author_hash": ")[0-9a-f]+',
    "stamp": r'(?<="form_stamp": ")[^"]+',
    "honeypot": r'(?<="honeypot": ")[^"]+',
    "moment": r'(?<="webhook-timestamp": ")\d+',
}
"""What is another each time, by its kind."""

STANDS_FOR = {
    "id": "0197c0de-0000-7000-8000-{:012}",
    "receipt": "mG3uB0aXq2Zy8TfLk1WvNw",
    "epoch": "eea3984d848f",
    "author": "5b0fe29c61a7d4f8830c9b1e",
    "stamp": "a-stamp-as-it-was-given",
    "honeypot": "website-2f61",
    "moment": "1795341600",
}


class Trial:
    """Asks a service, and keeps what was asked and answered by method and path of the document."""

    def __init__(self, http: ClientSession) -> None:
        self._http = http
        self.kept: dict[str, dict[str, Any]] = {}

    async def ask(self, method: str, path: str, *, body: Any = None, key: bool = False, **query: Any) -> Any:
        """Ask for something; the answer, a text where it is no JSON."""
        url = URL(path).with_query(query)
        headers = {"Accept-Language": "en"} | (bearer() if key else {})
        async with self._http.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            found = json.loads(text) if "json" in answer.content_type else text
            self.keep(method, path, answer.status, found, body=body, query=query)
        return found

    def keep(
        self, method: str, path: str, status: int, found: Any, *, query: dict[str, Any], body: Any = None
    ) -> None:
        endpoint = endpoint_of(method, path)
        assert endpoint is not None
        documented = openapi._PARAMETER.sub(r"{\1}", endpoint.path)
        one = self.kept.setdefault(f"{method} {documented}", {})
        one.setdefault("answers", {}).setdefault(str(status), found)
        if status < 300:
            if body is not None:
                one.setdefault("body", body)
            parts = zip(documented.split("/"), path.split("/"), strict=True)
            in_path = {name.strip("{}"): value for name, value in parts if name.startswith("{")}
            one.setdefault("parameters", in_path | query)


def without_chance(kept: dict[str, Any]) -> dict[str, Any]:
    """The same with fixed values in place of ids, tokens and signatures; one id stays one."""
    text = json.dumps(kept, ensure_ascii=False)
    for kind, pattern in OF_CHANCE.items():
        found = dict.fromkeys(re.findall(pattern, text))
        for number, value in enumerate(found, start=1):
            text = text.replace(value, STANDS_FOR[kind].format(number))
    without: dict[str, Any] = json.loads(text)
    webhook = without["webhook change"]
    webhook["parameters"]["webhook-signature"] = signature_of(webhook)
    return without


def signature_of(webhook: dict[str, Any]) -> str:
    """Sign a webhook with the secret that the documentation names."""
    [secret] = re.findall(r"whsec_[A-Za-z0-9+/=]+", openapi.text("webhooks"))
    moment = datetime.fromtimestamp(int(webhook["parameters"]["webhook-timestamp"]), UTC)
    body = json.dumps(webhook["body"], ensure_ascii=False, separators=(",", ":"))
    return Webhook(secret).sign(webhook["parameters"]["webhook-id"], moment, body)


async def live(trial: Trial, clock: Clock) -> None:
    """A comment's life: posted, answered, approved, read by everybody in every way."""
    posted = {
        "page_url": PAGE,
        "page_title": "Chi siamo",
        "author_name": "Giuliana",
        "author_email": "giuliana@example.com",
        "body": "interessante…",
    }
    first = (await trial.ask("POST", COMMENTS, body=posted))["id"]
    await trial.ask("POST", COMMENTS, body={**posted, "author_name": "", "author_email": "giuliana"})
    clock.advance(minutes=5)
    queue = await trial.ask("GET", f"{MODERATION}/comments", key=True, status="pending", limit=20)
    decided = {"decisions": [{"id": first, "decision": "approve", "expected_status": "pending"}]}
    await trial.ask("POST", f"{MODERATION}/decisions", key=True, body=decided)
    answer = {**posted, "author_name": "Piero", "author_email": "piero@example.com", "body": "*Bello.*"}
    second = await trial.ask("POST", COMMENTS, body={**answer, "parent_id": first})
    token = second["receipt_url"].rpartition("/")[2]
    await trial.ask("GET", f"/api/v1/receipts/{token}")
    await trial.ask("PATCH", f"/api/v1/receipts/{token}", body={"body": "**Molto bello.**"})
    await trial.ask("POST", f"/api/v1/receipts/{token}/personal-data", body={"wish": "export"})
    approved = {"decisions": [{"id": second["id"], "decision": "approve"}]}
    await trial.ask("POST", f"{MODERATION}/decisions", key=True, body=approved)
    third = await trial.ask("POST", COMMENTS, body={**posted, "body": "Un altro."})
    await trial.ask("DELETE", f"/api/v1/receipts/{third['receipt_url'].rpartition('/')[2]}")
    await trial.ask("GET", COMMENTS, page_url=PAGE, limit=20)
    await trial.ask("GET", f"{COMMENTS}/{first}")
    await trial.ask("GET", "/api/v1/counts", page_url=PAGE)
    await trial.ask("POST", "/api/v1/counts", body={"page_urls": [PAGE]})
    await trial.ask("GET", "/api/v1/pages", site="coop", limit=20)
    await trial.ask("GET", "/api/v1/latest", site="coop", limit=5)
    await trial.ask("GET", "/feeds/json", site="coop")
    await trial.ask("GET", "/api/v1/stamp", page_url=PAGE)
    report = {"reason": "personal_data", "explanation": "Nomina un vicino."}
    await trial.ask("POST", f"{COMMENTS}/{first}/reports", body=report)
    await trial.ask("GET", f"{MODERATION}/comments/{first}/history", key=True)
    await trial.ask("GET", f"{MODERATION}/authors/{queue['comments'][0]['author_hash']}", key=True, limit=1)
    pages = {"pages": [{"page_url": PAGE, "commenting": "open"}]}
    await trial.ask("POST", f"{MODERATION}/pages", key=True, body=pages)
    block = {"kind": "word", "value": "casino", "reason": "advertising"}
    await trial.ask("POST", f"{MODERATION}/blocks", key=True, body=block)
    await trial.ask("GET", f"{MODERATION}/blocks", key=True)


async def contest(trial: Trial) -> None:
    """A comment is rejected, and its author objects."""
    posted = {
        "page_url": PAGE,
        "author_name": "Piero",
        "author_email": "piero@example.com",
        "body": "Che sciocchezza.",
    }
    receipt = await trial.ask("POST", COMMENTS, body=posted)
    rejected = {"decisions": [{"id": receipt["id"], "decision": "reject", "reason": "insult"}]}
    await trial.ask("POST", f"{MODERATION}/decisions", key=True, body=rejected)
    objection = f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}/objection"
    await trial.ask("POST", objection, body={"text": "Parlavo della mia idea, non di una persona."})


async def follow(trial: Trial, http: ClientSession) -> None:
    """Withdraw the first comment again, and read the changes in every way."""
    feed = await trial.ask("GET", CHANGES, site="coop", after=0, limit=100)
    withdrawn = {"decisions": [{"id": feed["changes"][0]["comment_id"], "decision": "reject"}]}
    await trial.ask("POST", f"{MODERATION}/decisions", key=True, body=withdrawn)
    trial.kept.pop(f"GET {CHANGES}")
    await trial.ask("GET", CHANGES, site="coop", after=0, limit=100)
    await trial.ask("GET", CHANGES, site="coop", after=999)
    query = {"site": "coop", "after": "0"}
    async with http.get("/api/v1/stream", params=query) as stream:
        lines = ""
        while lines.count("data:") < 2 or not lines.endswith("\n\n"):
            lines += (await stream.content.readline()).decode()
    trial.keep("GET", "/api/v1/stream", 200, lines, query=query)


async def recorded(start: Start, clock: Clock, environ: dict[str, str]) -> dict[str, Any]:
    async with receiving() as receiver:
        list_webhooks(environ, SITES, {"id": "mirror", "url": receiver.url})
        service = await start(clock=clock)
        async with client_of(service.url) as http:
            trial = Trial(http)
            await live(trial, clock)
            await until(lambda: receiver.posts)
            await follow(trial, http)
            names = ("webhook-id", "webhook-timestamp", "webhook-signature")
            [event, *_] = receiver.posts
            parameters = {name: event.headers[name] for name in names}
            trial.kept["webhook change"] = {"parameters": parameters, "body": event.event}
            await contest(trial)
    return without_chance(trial.kept)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_the_examples_are_what_is_asked_and_answered(
    start: Start, clock: Clock, environ: dict[str, str]
) -> None:
    found = await recorded(start, clock, environ)
    if os.environ.get("MODERATION_TEST_WRITE_EXAMPLES"):
        keep(found)
    assert kept() == found


def test_every_example_is_valid_by_its_schema() -> None:
    document = openapi.document(ENDPOINTS, server="https://comments.example.net")
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    contents = [
        content
        for one in [*operations, document["webhooks"]["change"]["post"]]
        for part in [*one["responses"].values(), one.get("requestBody", {})]
        for content in part.get("content", {}).values()
        if "example" in content
    ]
    for content in contents:
        schema = {**content["schema"], "components": document["components"]}
        Draft202012Validator(schema, format_checker=FormatChecker()).validate(content["example"])
    assert len(contents) >= 30


def test_every_operation_for_programs_has_an_example_of_its_success() -> None:
    document = openapi.document(ENDPOINTS, server="https://comments.example.net")
    without = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method, one in methods.items()
        if one["tags"][0] in ("Posting", "Reading", "Following", "Moderation")
        for content in [next(iter(one["responses"].values())).get("content", {}).get("application/json")]
        if content is not None and "example" not in content
    }
    assert without == {
        "POST /api/v1/receipts/{token}/proof",
        f"PUT {MODERATION}/authors/{{author_hash}}",
        f"GET {MODERATION}/pages",
    }
