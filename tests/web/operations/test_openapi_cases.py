"""Requests made from the OpenAPI document, right and wrong ones by the thousand: the service does as it says.

All checks of Schemathesis are on. The stream has no end, and tests of its own.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, islice
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.coverage import _schema

from tests.conftest import Start
from tests.support.contract import client_of
from tests.support.desk import logged_in
from tests.support.event_stream import STREAM
from tests.support.factories import OTHER_PAGE, PAGE, bearer
from tests.support.posting import decide, post, queued
from tests.support.running import Running
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENCE

CASES = int(os.environ.get("MODERATION_TEST_DOCUMENT_CASES", "1000"))
"""How many requests are made on each engine."""

AT_LENGTH = CASES > 1_000
"""Whether there is time for both engines, and for what is wrong at random beside what is wrong by a limit."""

ENGINES = ["sqlite", "postgresql"] if AT_LENGTH else ["sqlite"]

_LABEL = st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True)
_HOST = st.one_of(
    st.sampled_from(["www.example.org", "altro.example.com", "münchen.example", "127.0.0.1", "[::1]"]),
    st.builds("{}.{}.example".format, _LABEL, _LABEL),
)
_SIGNS = st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zs", "Zl", "Zp"], exclude_characters="\\")
_URL = st.one_of(
    st.sampled_from([PAGE, OTHER_PAGE, f"{PAGE}?p=2#due"]),
    st.builds(
        "{}://{}{}/{}".format,
        st.sampled_from(["http", "https", "HTTPS"]),
        _HOST,
        st.sampled_from(["", ":", ":8080"]),
        st.text(_SIGNS, max_size=20),
    ),
)
_EMAIL = st.builds(
    "{}@{}.{}".format,
    st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(?:\.[A-Za-z0-9_-]{1,9})?", fullmatch=True),
    _LABEL,
    st.sampled_from(["org", "com", "it", "de", "co.uk"]),
)
_LATER = st.integers(2031, 2099).map("{}-02-28T10:00:00Z".format)
for name, values in (("url", _URL), ("email", _EMAIL), ("mailbox", _EMAIL), ("date-time", _LATER)):
    schemathesis.openapi.format(name, values)

_schema.MAX_GENERATED_PATTERN_LENGTH = 3_000  # type: ignore[attr-defined]
"""Letters up to which the library draws a text by its pattern; a longer one is plain letters, where these fit.

It has no setting for that, and two texts of 4,000 letters took nine tenths of the time of all requests.
"""

pytestmark = [
    pytest.mark.parametrize("place", ENGINES, indirect=True),
    pytest.mark.filterwarnings("default"),  # of libraries that make requests
    pytest.mark.timeout(3_600),
]

_BLOCKED = {
    "address": "spam@spam.example.org",
    "network": "192.0.2.7",
    "domain": "spam.example.org",
    "word": "pills",
}
FEWER_LETTERS = (r"u00a1-\\uffff", r"u00a1-\\u017f")
"""What addresses may have of all letters, and what is drawn of it: each is listed anew for every case."""

SHOWN = 40
LONG = 16
_keys = count()


def in_words(case: Any) -> None:
    """Make of right values a right request: what the document can say of several of them only in words."""
    path, query = case.operation.path, case.query or {}
    if path.startswith("/feeds/"):
        of_page = query.get("page_url", "").strip()
        named = {"page_url": of_page} if of_page else {"site": query.get("site", "").strip() or "coop"}
        case.query = named | {name: value for name, value in query.items() if name == "cursor"}
    if query.get("around", "").strip():
        query.pop("cursor", None)
        query.pop("thread", None)
    if query.get("thread", "").strip():
        query.pop("view", None)
    if path.startswith(("/desk", "/api/v1/moderation/comments")):
        query.pop("cursor", None)
        if path.startswith("/api") and query.get("order") == "queue":
            query.pop("status", None)
    if case.method == "POST":
        body_in_words(path, case.body)


def body_in_words(path: str, body: Any) -> None:
    """Do the same with what a body says, where the site's file or the kind of a block decides what is right."""
    if path == "/api/v1/moderation/blocks":
        body["value"] = _BLOCKED[body["kind"]]
        body.pop("comment_id", None)
    elif path == "/api/v1/moderation/decisions":
        for one in body["decisions"]:
            one.pop("reason", None)
            one.pop("body", None)
            if one["decision"] in ("answer", "redact"):
                one["body"] = "testo"
    elif path == "/api/v1/comments":
        body.pop("parent_id", None)
    elif path == "/wp-comments-post.php":
        body["page_url"] = PAGE
    elif path.endswith(("/reports", "/report")):
        body["reason"] = "off_topic"


def is_long_by_blanks(value: Any) -> bool:
    """Tell whether there are so many blanks around a value that they may be what is wrong: they do not count."""
    if isinstance(value, dict):
        return any(map(is_long_by_blanks, value.values()))
    if isinstance(value, list):
        return any(map(is_long_by_blanks, value))
    return isinstance(value, str) and len(value) > LONG and value != value.strip()


def is_of_nobody(case: Any) -> bool:
    """Tell whether the cookie is wrong: each request is sent with ours, and wrong ones have tests of their own."""
    cookies = case.meta.components.get(ParameterLocation.COOKIE)
    return cookies is not None and not cookies.mode.is_positive


class Known:
    """What there is at the service, and what it takes to see it."""

    def __init__(self, service: Running, parameters: dict[str, str], cookie: tuple[str, str]) -> None:
        self.url = service.url
        self._parameters = parameters
        self._cookies = dict([cookie])
        self.session = requests.Session()
        self.answers: Counter[tuple[str, int]] = Counter()

    def parameters(self, operation: Any) -> dict[str, str] | None:
        """The path of something that is there, None for a path without parameters."""
        if operation.path.endswith("/proof"):
            return None  # what solves no challenge is refused whatever it looks like
        named = {name: value for name, value in self._parameters.items() if f"{{{name}}}" in operation.path}
        return named or None

    def send(self, case: Any) -> None:
        """Send a request and hold the answer against the document."""
        if case.headers and "Idempotency-Key" in case.headers and case.meta.generation.mode.is_positive:
            case.headers["Idempotency-Key"] = f"{next(_keys)}-{case.headers['Idempotency-Key']}"[:255]
        schemes = {name for one in case.operation.definition.raw.get("security", []) for name in one}
        options: dict[str, Any] = {
            "headers": bearer() if "siteKey" in schemes else {},
            "cookies": self._cookies if "deskSession" in schemes else {},
            "allow_redirects": False,
        }
        answer = case.call(self.url, self.session, timeout=PATIENCE, **options)
        self.answers[case.operation.label, answer.status_code] += 1
        case.validate_response(
            answer,
            headers=options["headers"],
            transport_kwargs={"base_url": self.url, "session": self.session, **options},
        )


def drawn(strategy: st.SearchStrategy[Any], amount: int, use: Callable[[Any], None]) -> None:
    """Use so many cases, the same in every run."""

    @hypothesis.settings(
        max_examples=amount,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(strategy)
    def each(case: Any) -> None:
        use(case)

    with suppress(Unsatisfiable):  # where nothing can be wrong
        each()


def listed(operation: Any, schema: Any) -> Iterator[Any]:
    """The cases at the limits of the document: longest, too long, without a field, by another method."""
    yield from schema.iter_coverage_cases(
        operation, generation_modes=list(GenerationMode), generation_config=schema.config.generation
    )


def compared(document: dict[str, Any], known: Known, amount: int) -> list[str]:
    """Ask every operation its part of the requests; return how service and document differ."""
    schema: Any = schemathesis.openapi.from_dict(document)
    schema.config.checks.positive_data_acceptance.expected_statuses.append("410")  # as 404: what is no more
    operations = [found.ok() for found in schema.get_all_operations()]
    operations = [one for one in operations if one.path != STREAM]
    differences: list[str] = []

    def use(case: Any) -> None:
        try:
            if case.meta.generation.mode.is_positive:
                in_words(case)
            elif is_long_by_blanks(case.query) or is_long_by_blanks(case.body) or is_of_nobody(case):
                return
            known.send(case)
        except* AssertionError as found:
            differences.append(str(found.exceptions[0]) + case.as_curl_command())
        except* Exception as found:
            differences.extend(f"{case.operation.label}: {one}" for one in found.exceptions)

    part = amount // len(operations)
    for operation in operations:
        strategies = [operation.as_strategy(path_parameters=known.parameters(operation))]
        if AT_LENGTH:
            strategies += [operation.as_strategy(mode) for mode in GenerationMode]
        for case in islice(listed(operation, schema), part):
            use(case)
        for strategy in strategies:
            drawn(strategy, max(part // 2, 1), use)
    return differences


@pytest.fixture
async def known(start: Start, smtp: MailServer) -> Known:
    """A service with one comment of each kind, and a moderator who is logged in."""
    service = await start(screening="off", mail_interval="3600")
    async with client_of(service.url) as http:
        published = (await post(http))["id"]
        await decide(http, "approve", published)
        waiting = await post(http, body="in attesa", parent_id=published)
        [shown] = [one for one in await queued(http) if one["id"] == waiting["id"]]
        anna = await logged_in(http, smtp)
    parameters = {
        "comment_id": published,
        "token": waiting["receipt_url"].rpartition("/")[2],
        "author_hash": shown["author_hash"],
    }
    name, _, value = anna.cookie.partition("=")
    return Known(service, parameters, (name, value))


async def test_service_and_document_do_not_differ(known: Known) -> None:
    async with client_of(known.url) as http:
        document = json.loads((await (await http.get("/openapi.json")).text()).replace(*FEWER_LETTERS))
    document["servers"] = [{"url": known.url}]
    differences = await asyncio.to_thread(compared, document, known, CASES)
    assert not differences, "\n\n".join([f"{len(differences)} differences", *differences[:SHOWN]])
    assert sum(known.answers.values()) > CASES // 2
    assert {status // 100 for _, status in known.answers} == {2, 3, 4}
