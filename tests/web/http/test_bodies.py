"""Bodies: every encoding of the contract at its limits, and whatever else may arrive."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from aiohttp import ClientSession

from moderation_service.domain.comments.personal_data import Wish, WishLink, WishLinks
from moderation_service.domain.keys import KeyRing
from moderation_service.runtime.container import utc_now
from moderation_service.web.endpoint import Credential
from moderation_service.web.http.timeouts import ClientTimeouts
from moderation_service.web.routes import ENDPOINTS
from tests.conftest import Start
from tests.support import authors
from tests.support.cases import in_turn, one_engine
from tests.support.contract import client_of
from tests.support.desk import logged_in, mailed_login
from tests.support.factories import PAGE, SECRET, a_submission, bearer
from tests.support.mailed import post as posted_and_mailed
from tests.support.posting import ACCEPTED, BOUNDARY, COMMENTS, ENCODINGS, Encoded, queued
from tests.support.running import Running, until
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENCE

pytestmark = one_engine

LARGEST = 256 * 1024
LONGEST_BODY = 65_525
STRANGE = (
    "😀 שלום עולם \u202eabc\u202c مرحبا <script>alert('1')</script> <b>x</b> "
    "[qui](javascript:alert(1)) **ciao** Così è’ “…”\n"
)
STRANGE_ADDRESS = "用户@例え.example"
PROSE = """Perche´ si parla di cittá e di attività?

L’associazione “La Bussola” nasce nell´inverno del 1987, con l`aiuto di tanti…

    1. Giulio scrive:

        è già così; cosí, perché no? 50\\50 – e poi: naïve, façade, coöperatie

A capo\tcon tabulazione,   spazi e\xa0spazi fissi.

*"""


def to_length(text: str, length: int) -> str:
    """Repeat a text up to a number of bytes of UTF-8, ending in full stops."""
    whole = (text * (length // len(text.encode()) + 1)).encode()[:length].decode(errors="ignore").rstrip()
    return whole + "." * (length - len(whole.encode()))


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


async def post(http: ClientSession, encoded: Encoded, **more: str) -> tuple[int, str]:
    body, headers = encoded
    answer = await http.post(COMMENTS, data=body, headers=headers | more, allow_redirects=False)
    return answer.status, await answer.text()


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_the_strangest_comment_arrives_as_it_was_written(
    http: ClientSession, smtp: MailServer, encoding: str
) -> None:
    strange = a_submission(
        author_name="漢" * 245,
        author_email=STRANGE_ADDRESS,
        body=to_length(STRANGE, LONGEST_BODY),
        page_title="שלום",
    )
    status, _ = await post(http, ENCODINGS[encoding](strange))
    assert status == ACCEPTED[encoding]
    [kept] = await queued(http)
    assert kept["body"] == strange["body"]
    assert len(kept["body"].encode()) == LONGEST_BODY
    assert kept["author_name"] == strange["author_name"]
    assert kept["author_email_masked"] == "用…@例….example"
    assert "<script" not in kept["body_html"]
    assert 'href="javascript' not in kept["body_html"]
    assert "<strong>ciao</strong>" in kept["body_html"]
    await smtp.wait_for(2)


@in_turn("encoding", ENCODINGS)
async def test_one_byte_more_is_too_long(http: ClientSession, encoding: str) -> None:
    status, text = await post(
        http,
        ENCODINGS[encoding](a_submission(body=to_length(STRANGE, LONGEST_BODY + 1))),
        **{"Accept-Language": "it"},
    )
    assert status == 422
    assert "65.525" in text
    assert await queued(http) == []


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_odd_accents_and_line_ends_are_kept(http: ClientSession, encoding: str) -> None:
    written = PROSE.replace("\n", "\r\n")
    status, _ = await post(http, ENCODINGS[encoding](a_submission(body=written)))
    assert status == ACCEPTED[encoding]
    [kept] = await queued(http)
    assert kept["body"] == PROSE.strip()


def of_size(encoding: str, size: int, text: str) -> Encoded:
    """A good comment of that many bytes on the wire."""
    body, headers = ENCODINGS[encoding](a_submission(body=text))
    missing = size - len(body)
    if "JSON" in encoding:
        return body[:-1] + b" " * missing + b"}", headers
    if encoding == "urlencoded":
        return body + b"&x=" + b"x" * (missing - 3), headers
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\n'.encode()
    return part + b"x" * (missing - len(part) - 2) + b"\r\n" + body, headers


@in_turn("encoding", ENCODINGS)
@in_turn("way", ["whole", "chunked", "gzip", "deflate"])
@in_turn("excess", [0, 1])
async def test_a_request_of_256_kib_passes_and_one_byte_more_does_not(
    http: ClientSession, encoding: str, way: str, excess: int
) -> None:
    body, headers = of_size(encoding, LARGEST + excess, f"{encoding}, {way}")
    assert len(body) == LARGEST + excess
    sent: Any = body
    if way == "chunked":
        sent = in_pieces(body)
    elif way == "gzip":
        sent, headers = gzip.compress(body), headers | {"Content-Encoding": "gzip"}
    elif way == "deflate":
        sent, headers = zlib.compress(body), headers | {"Content-Encoding": "deflate"}
    answer = await http.post(COMMENTS, data=sent, headers=headers, allow_redirects=False)
    assert answer.status == (413 if excess else ACCEPTED[encoding])


JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PARTS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
GZIP = {"Content-Encoding": "gzip"}
GOOD = orjson.dumps(a_submission())
NAMED = b'Content-Disposition: form-data; name="author_name"'


def part(head: bytes, content: bytes = b"x", *, end: bytes = f"--{BOUNDARY}--\r\n".encode()) -> bytes:
    return f"--{BOUNDARY}\r\n".encode() + head + b"\r\n\r\n" + content + b"\r\n" + end


def charset(kind: dict[str, str], name: str) -> dict[str, str]:
    return {"Content-Type": f"{kind['Content-Type']}; charset={name}"}


HOSTILE: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "no type": (415, GOOD, {}),
    "text": (415, GOOD, {"Content-Type": "text/plain"}),
    "a type that is none": (415, GOOD, {"Content-Type": "///;;;"}),
    "a type of JSON that is not ours": (415, GOOD, {"Content-Type": "application/problem+json"}),
    "too large and no type": (413, b"x" * (LARGEST + 1), {"Content-Type": "text/plain"}),
    "JSON in Latin-1": (415, GOOD, charset(JSON, "iso-8859-1")),
    "JSON in what is no charset": (415, GOOD, charset(JSON, "x-none")),
    "brotli": (415, GOOD, JSON | {"Content-Encoding": "br"}),
    "an encoding that is none": (415, GOOD, JSON | {"Content-Encoding": "x-none"}),
    "a bomb": (413, gzip.compress(bytes(50_000_000)), JSON | GZIP),
    "no gzip": (400, GOOD, JSON | GZIP),
    "empty gzip": (400, b"", JSON | GZIP),
    "cut gzip": (400, gzip.compress(GOOD)[:-9], JSON | GZIP),
    "gzip and more": (400, gzip.compress(GOOD) + b"x", JSON | GZIP),
    "nothing": (400, b"", JSON),
    "cut JSON": (400, GOOD[:-1], JSON),
    "two values": (400, GOOD + GOOD, JSON),
    "UTF-16": (400, GOOD.decode().encode("utf-16"), JSON),
    "invalid UTF-8": (400, GOOD.replace(b"Giuliana", b"\xff\xfe"), JSON),
    "a surrogate in UTF-8": (400, GOOD.replace(b"Giuliana", b"\xed\xa0\x80"), JSON),
    "a lone surrogate": (400, GOOD.replace(b"Giuliana", b"\\ud83d"), JSON),
    "a pair the wrong way round": (400, GOOD.replace(b"Giuliana", b"\\ude00\\ud83d"), JSON),
    "NaN": (400, b'{"body": NaN}', JSON),
    "a number without end": (400, b'{"body": ' + b"9" * 5_000 + b"}", JSON),
    "deep lists": (400, b"[" * 100_000, JSON),
    "deep objects": (422, b'{"body":' * 500 + b"1" + b"}" * 500, JSON),
    "null": (422, b"null", JSON),
    "a list": (422, b"[]", JSON),
    "a text": (422, b'"x"', JSON),
    "odd names": (422, b'{"": 1, "_schema": 2, "a.b": 3, "\\u0000": 4}', JSON),
    "an empty form": (422, b"", FORM),
    "a form of many fields": (400, b"a=1&" * 101, FORM),
    "a form of invalid UTF-8": (400, b"author_name=%ff", FORM),
    "a form of raw bytes": (400, b"author_name=\xff", FORM),
    "a form with a surrogate": (400, b"author_name=%ed%a0%80", FORM),
    "a form with NUL": (422, b"author_name=a%00b&body=a%00b", FORM),
    "a form in UTF-7": (415, b"author_name=+2AA-", charset(FORM, "utf-7")),
    "a form in escapes": (415, b"author_name=\\ud800", charset(FORM, "unicode_escape")),
    "a form in rot13": (415, b"a=b", charset(FORM, "rot13")),
    "parts without boundary": (400, b"x", {"Content-Type": "multipart/form-data"}),
    "parts with a long boundary": (400, b"x", {"Content-Type": f"multipart/form-data; boundary={'x' * 100}"}),
    "no parts": (400, b"", PARTS),
    "parts of rubbish": (400, b"\xff\xfe\0" * 30, PARTS),
    "a part that does not end": (400, part(NAMED, end=b""), PARTS),
    "parts without line ends": (400, b"junk" * 60_000, PARTS),
    "parts in parts": (400, part(b"Content-Type: multipart/mixed; boundary=Y", b"--Y\r\n\r\nx\r\n--Y--"), PARTS),
    "an unknown transfer encoding": (400, part(NAMED + b"\r\nContent-Transfer-Encoding: x"), PARTS),
    "broken base64": (400, part(NAMED + b"\r\nContent-Transfer-Encoding: base64", b"!!!x"), PARTS),
    "a packed part": (422, part(NAMED + b"\r\nContent-Encoding: gzip", b"x"), PARTS),
    "a part in UTF-7": (415, part(NAMED + b"\r\nContent-Type: text/plain; charset=utf-7", b"+2AA-"), PARTS),
    "a part in no charset": (415, part(NAMED + b"\r\nContent-Type: text/plain; charset=x-none"), PARTS),
    "a part with an odd charset": (400, part(NAMED + b'\r\nContent-Type: text/plain; charset="a\0"'), PARTS),
    "a part of invalid UTF-8": (400, part(NAMED, b"\xff"), PARTS),
    "a broken disposition": (400, part(b'Content-Disposition: form-data; name="a'), PARTS),
    "an odd disposition": (400, part(b"Content-Disposition: =?;;;"), PARTS),
    "an odd name": (400, part(b"Content-Disposition: form-data; name*=foo'en'%ff"), PARTS),
    "a broken header": (400, part(b"x"), PARTS),
    "a nameless part": (422, part(b"X: y"), PARTS),
    "many headers": (400, part(b"\r\n".join(b"X%d: y" % number for number in range(2_000))), PARTS),
    "many parts": (400, part(NAMED, b"", end=b"") * 101 + f"--{BOUNDARY}--".encode(), PARTS),
    "a file as body": (422, part(b'Content-Disposition: form-data; name="body"; filename="a.txt"'), PARTS),
}


@in_turn("case", HOSTILE)
async def test_what_cannot_be_read_is_refused_and_is_never_a_mistake_of_ours(service: Running, case: str) -> None:
    status, body, headers = HOSTILE[case]
    async with ClientSession(service.url, skip_auto_headers=["Content-Type"]) as http:
        answer = await http.post(COMMENTS, data=body, headers=headers, allow_redirects=False)
        is_form = headers.get("Content-Type", "").startswith((FORM["Content-Type"], "multipart/"))
        assert answer.status == status
        assert answer.content_type == ("text/html" if is_form else "application/problem+json")
        assert await queued(http) == []


async def test_many_small_parts_are_counted_in_bytes(http: ClientSession) -> None:
    endless = in_pieces(part(NAMED, b"", end=b"") * 20_000)
    answer = await http.post(COMMENTS, data=endless, headers=PARTS, allow_redirects=False)
    assert answer.status == 413


async def test_a_file_beside_the_fields_is_passed_over(http: ClientSession) -> None:
    body, headers = ENCODINGS["multipart"](a_submission())
    file = part(b'Content-Disposition: form-data; name="author_name"; filename="x.bin"', b"\xff\0", end=b"")
    status, _ = await post(http, (file + body, headers))
    assert status == 303
    [kept] = await queued(http)
    assert kept["author_name"] == "Giuliana"
    assert kept["page_url"] == PAGE


RAW = {
    "no method": b"FOO /api/v1/comments HTTP/1.1\r\n",
    "no target": b"GET http://[/ HTTP/1.1\r\n",
    "raw bytes in the target": b"GET /api/v1/comments?page_url=\xff HTTP/1.1\r\n",
    "two slashes": b"GET //evil.example/x HTTP/1.1\r\n",
    "an encoded byte": b"GET /api/v1/comments/%ff HTTP/1.1\r\n",
    "dots": b"GET /static/../app.py HTTP/1.1\r\n",
    "raw bytes in headers": b"GET /api/v1/comments HTTP/1.1\r\nAccept-Language: \xff\r\nOrigin: \xff\r\n"
    b"If-None-Match: \xff\r\nX-Forwarded-For: \xff\r\n",
    "raw bytes as key": b"GET /api/v1/moderation/comments HTTP/1.1\r\nAuthorization: Bearer \xff\r\n",
    "raw bytes in the type": b"POST /api/v1/comments HTTP/1.1\r\nContent-Type: application/json; charset=\xff\r\n",
    "raw bytes as boundary": b"POST /api/v1/comments HTTP/1.1\r\n"
    b"Content-Type: multipart/form-data; boundary=\xff\r\n",
    "a length that is none": b"POST /api/v1/comments HTTP/1.1\r\nContent-Length: -1\r\n",
    "two lengths": b"POST /api/v1/comments HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
}


@in_turn("case", RAW)
async def test_no_request_line_and_no_header_is_a_mistake_of_ours(
    service: Running, case: str, logged: Callable[[], str]
) -> None:
    address = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(RAW[case] + b"Host: a.example\r\nConnection: close\r\n\r\n")
    status = int((await reader.read()).split()[1])
    writer.close()
    await writer.wait_closed()
    assert 400 <= status < 500
    assert '"error"' not in logged()


HALF = {
    "a length that lies": b"Content-Length: 100\r\n\r\n{",
    "a chunk that lies": b"Transfer-Encoding: chunked\r\n\r\nff\r\n{",
    "chunks without end": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
}


@pytest.mark.parametrize("case", HALF)
@pytest.mark.parametrize("leaves", [False, True])
async def test_half_a_body_is_no_mistake_of_ours_and_holds_nothing_for_long(
    start: Start,
    logged: Callable[[], str],
    case: str,
    leaves: bool,  # noqa: FBT001
) -> None:
    service = await start(timeouts=ClientTimeouts(body=PATIENCE if leaves else 0.1))
    address = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = b"POST /api/v1/comments HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/json\r\n"
    writer.write(head + HALF[case])
    await writer.drain()
    if not leaves:
        assert (await reader.readline()).split()[1] == b"400"
    writer.close()
    await writer.wait_closed()
    await until(lambda: '"status":400' in logged())
    assert '"error"' not in logged()


async def test_no_route_waits_for_ever_for_a_body_that_never_ends(
    start: Start, smtp: MailServer, logged: Callable[[], str]
) -> None:
    service = await start(timeouts=ClientTimeouts(body=0.1))
    async with client_of(service.url) as http:
        mailed = await posted_and_mailed(http, smtp)
        anna = await logged_in(http, smtp)
        login = (await mailed_login(http, smtp, "paul@example.org")).rpartition("/")[2]
        sent_again = await http.post(COMMENTS, json=a_submission(body="un altro", notify_replies=True))
        subscription = authors.path_in(await authors.mail_to(smtp)).rpartition("/")[2]
        receipt = (await sent_again.json())["receipt_url"].rpartition("/")[2]
    links, wishes = service.container.links, WishLinks(KeyRing((SECRET,)), utc_now)
    tokens = {
        Credential.MODERATION_LINK: mailed.token(),
        Credential.DIGEST_LINK: links.of_digests.mint([links.read(mailed.token())]),
        Credential.LOGIN_LINK: login,
        Credential.RECEIPT: receipt,
        Credential.SUBSCRIPTION_LINK: subscription,
        Credential.PERSONAL_DATA_LINK: wishes.mint(WishLink(mailed.id, Wish.EXPORT)),
    }
    headers = {Credential.SITE_KEY: bearer(), Credential.SESSION: {"Cookie": anna.cookie}}
    address = urlsplit(service.url)
    walked = [one for one in ENDPOINTS if one.method in ("POST", "PATCH")]
    assert len(walked) > 10
    for endpoint in walked:
        path = endpoint.path.replace("{decision:approve|reject|spam|undo}", "approve").format(
            token=tokens.get(endpoint.credential, ""), comment_id=mailed.id, bulk_id=mailed.id, block_id=mailed.id
        )
        is_for_programs = endpoint.form is None and endpoint.body is not None
        kind = "application/json" if is_for_programs else "application/x-www-form-urlencoded"
        sent = {"Host": address.netloc, "Content-Type": kind, "Content-Length": "100"}
        sent |= headers.get(endpoint.credential, {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"{endpoint.method} {path} HTTP/1.1\r\n{lines}\r\n{{".encode())
        said = await asyncio.wait_for(reader.readline(), PATIENCE)
        assert said.split()[1] == b"400", (endpoint.path, said)
        writer.close()
        await writer.wait_closed()
    assert '"error"' not in logged()
