import asyncio
import gzip
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.compression_utils import ZSTDDecompressor

from moderation_service.services.comments.listing import Wanted
from moderation_service.web.cache.answers import Answer, Key, PageCache
from moderation_service.web.http import content_coding
from moderation_service.web.http.content_coding import Coding

PAGE = ("page",)


def a_key(page_id: str = "page", *, limit: int = 50, newest_first: bool = False) -> Key:
    return Key(page_id=page_id, wanted=Wanted(limit=limit, newest_first=newest_first))


def an_answer(body: bytes = b"{}") -> Answer:
    return Answer(body, {})


async def test_one_answer_is_made_for_all_who_ask_at_the_same_moment() -> None:
    cache, made, go = PageCache(), [], asyncio.Event()

    async def make() -> Answer:
        made.append(1)
        await go.wait()
        return an_answer()

    asked = [asyncio.create_task(cache.fill(a_key(), PAGE, make)) for _ in range(10)]
    await asyncio.sleep(0)
    go.set()
    answers = await asyncio.gather(*asked)
    assert len(made) == 1
    assert all(answer is answers[0] for answer in answers)
    assert cache.get(a_key()) is answers[0]


async def test_an_answer_whose_page_changed_while_it_was_made_is_served_but_not_kept() -> None:
    cache, asked, go = PageCache(), asyncio.Event(), asyncio.Event()

    async def make() -> Answer:
        asked.set()
        await go.wait()
        return an_answer(b"old")

    filling = asyncio.create_task(cache.fill(a_key(), PAGE, make))
    await asked.wait()
    cache.drop(["page"])
    go.set()
    assert (await filling).plain.body == b"old"
    assert cache.get(a_key()) is None


async def test_who_asks_after_a_change_does_not_join_those_who_asked_before() -> None:
    cache, go = PageCache(), asyncio.Event()

    async def old() -> Answer:
        await go.wait()
        return an_answer(b"old")

    async def new() -> Answer:
        return an_answer(b"new")

    before = asyncio.create_task(cache.fill(a_key(), PAGE, old))
    await asyncio.sleep(0)
    cache.drop(["page"])
    assert (await cache.fill(a_key(), PAGE, new)).plain.body == b"new"
    go.set()
    assert (await before).plain.body == b"old"
    kept = cache.get(a_key())
    assert kept is not None
    assert kept.plain.body == b"new"


async def test_an_answer_that_could_not_be_made_is_asked_for_again() -> None:
    cache = PageCache()

    async def fail() -> Answer:
        raise LookupError

    async def succeed() -> Answer:
        return an_answer()

    with pytest.raises(LookupError):
        await cache.fill(a_key(), PAGE, fail)
    await cache.fill(a_key(), PAGE, succeed)
    assert cache.get(a_key()) is not None


async def test_all_who_wait_for_an_answer_that_cannot_be_made_are_told() -> None:
    cache, go = PageCache(), asyncio.Event()

    async def fail() -> Answer:
        await go.wait()
        raise LookupError

    asked = [asyncio.create_task(cache.fill(a_key(), PAGE, fail)) for _ in range(3)]
    await asyncio.sleep(0)
    asked[1].cancel()
    go.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in found] == [LookupError, asyncio.CancelledError, LookupError]


async def test_a_reader_who_leaves_takes_the_answer_from_nobody() -> None:
    cache, go = PageCache(), asyncio.Event()

    async def make() -> Answer:
        await go.wait()
        return an_answer()

    leaving, staying = (asyncio.create_task(cache.fill(a_key(), PAGE, make)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    go.set()
    assert (await staying).plain.body == b"{}"
    assert cache.get(a_key()) is not None


async def test_the_cache_forgets_what_was_asked_for_longest_ago_and_stays_within_its_bytes() -> None:
    cache = PageCache(capacity=30_000)

    async def make() -> Answer:
        return an_answer(b"x" * 6_000)

    for number in range(3):
        await cache.fill(a_key(str(number)), PAGE, make)
    cache.get(a_key("0"))
    await cache.fill(a_key("3"), PAGE, make)
    assert [cache.get(a_key(str(number))) is not None for number in range(4)] == [True, False, True, True]

    async def make_huge() -> Answer:
        return an_answer(b"x" * 40_000)

    await cache.fill(a_key("huge"), PAGE, make_huge)
    assert cache.get(a_key("huge")) is None
    assert cache.get(a_key("3")) is not None


async def test_a_change_drops_every_slice_of_its_page_and_no_other() -> None:
    cache = PageCache()

    async def make() -> Answer:
        return an_answer()

    for key in (a_key(), a_key(limit=10), a_key(newest_first=True), a_key("other")):
        await cache.fill(key, (key.page_id,), make)
    cache.drop(["page", "never seen"])
    assert cache.get(a_key()) is None
    assert cache.get(a_key(limit=10)) is None
    assert cache.get(a_key(newest_first=True)) is None
    assert cache.get(a_key("other")) is not None


@pytest.mark.parametrize("changed", ["one", "two"])
async def test_a_change_of_any_of_its_subjects_drops_an_answer_for_all_of_them(changed: str) -> None:
    cache = PageCache()

    async def make() -> Answer:
        return an_answer()

    await cache.fill("both", ("one", "two"), make)
    await cache.fill("another", ("three",), make)
    cache.drop([changed])
    assert cache.get("both") is None
    assert cache.get("another") is not None
    cache.drop(["one", "two", "three"])
    assert cache.size == 0
    await cache.fill("both", ("one", "two"), make)
    assert cache.get("both") is not None


async def test_a_change_of_any_of_its_subjects_outdates_an_answer_that_is_being_made() -> None:
    cache, asked, go = PageCache(), asyncio.Event(), asyncio.Event()

    async def make() -> Answer:
        asked.set()
        await go.wait()
        return an_answer()

    filling = asyncio.create_task(cache.fill("both", ("one", "two"), make))
    await asked.wait()
    cache.drop(["two"])
    go.set()
    await filling
    assert cache.get("both") is None


async def test_many_subjects_count_as_bytes() -> None:
    cache = PageCache(capacity=100_000)

    async def make() -> Answer:
        return an_answer()

    await cache.fill("many", tuple(str(number) for number in range(1_000)), make)
    assert cache.get("many") is None
    await cache.fill("some", tuple(str(number) for number in range(100)), make)
    assert cache.get("some") is not None


async def test_each_coding_has_an_etag_of_its_own_that_follows_from_the_bytes() -> None:
    answer = an_answer(b"x" * 1_000)
    forms = {coding: await answer.encoded(f"br, {coding}") for coding in ("identity", *Coding)}
    assert len({one.etag for one in forms.values()}) == 3
    assert gzip.decompress(forms["gzip"].body) == answer.plain.body
    assert ZSTDDecompressor().decompress_sync(forms["zstd"].body) == answer.plain.body
    for coding in Coding:
        assert forms[coding].headers["Content-Encoding"] == coding
        assert await answer.encoded(coding) is forms[coding]
        assert (await an_answer(b"x" * 1_000).encoded(coding)).etag == forms[coding].etag
        assert (await an_answer(b"short").encoded(coding)).body == b"short"
    assert "Content-Encoding" not in forms["identity"].headers


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", Coding.GZIP),
        ("br, GZIP;q=0.5", Coding.GZIP),
        ("*", Coding.ZSTD),
        ("x-gzip", Coding.GZIP),
        ("br;q=1.0, gzip ; q=0.001", Coding.GZIP),
        ("gzip, deflate, br, zstd", Coding.ZSTD),
        ("zstd;q=0.5, gzip;q=0.8", Coding.GZIP),
        ("gzip;q=0.8, zstd;q=0.8", Coding.ZSTD),
        ("zstd;q=0, *", Coding.GZIP),
        ("zstd;q=0, gzip", Coding.GZIP),
        ("gzip;q=0.2, *;q=0.1", Coding.GZIP),
        ("identity;q=0.5, gzip", Coding.GZIP),
        ("identity;q=0.5, gzip;q=0.5", Coding.GZIP),
        ("identity, gzip;q=0.5", None),
        ("", None),
        ("identity", None),
        ("identity;q=0", None),
        ("gzip;q=0", None),
        ("zstd;q=0.0, gzip;q=0", None),
        ("*, gzip;q=0.000, zstd;q=0", None),
        ("gzip;q=much", None),
        ("gzip;q=nan, zstd;q=1e3", None),
        ("*;q=0", None),
        ("gzipped, zstandard", None),
    ],
)
async def test_a_reader_is_sent_what_its_header_takes(accepted: str, coding: Coding | None) -> None:
    assert content_coding.preferred(accepted) is coding
    sent = await an_answer(b"x" * 1_000).encoded(accepted)
    assert sent.headers.get("Content-Encoding") == coding


async def test_a_compressed_form_is_counted_once_it_is_made_and_makes_others_leave() -> None:
    cache = PageCache(capacity=200_000)

    async def make() -> Answer:
        return an_answer(b"".join(hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(1_000)))

    for number in range(3):
        await cache.fill(a_key(str(number)), PAGE, make)
    plain = cache.size
    answer = cache.get(a_key("2"))
    assert answer is not None
    made = await answer.encoded("gzip")
    await answer.encoded("gzip")
    assert cache.size == plain + len(made.body) - (64_000 + 1_500 + 400)
    assert [cache.get(a_key(str(number))) is not None for number in range(3)] == [False, True, True]
    cache.clear()
    await answer.encoded("zstd")
    assert cache.size == 0


def test_an_etag_is_the_same_however_the_bytes_were_hashed() -> None:
    for length in (0, 2_047, 2_048, 70_000):
        body = (b"0123456789" * 7_000)[:length]
        assert Answer(body, {}).plain.etag == f'"{hashlib.sha256(body).hexdigest()[:32]}"'


async def test_an_answer_that_ends_is_not_given_from_its_end_on() -> None:
    now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    moments = [now]
    cache = PageCache(clock=lambda: moments[-1])
    ends_at = now + timedelta(seconds=1)

    async def make() -> Answer:
        return Answer(b"{}", {}, ends_at=ends_at)

    made = await cache.fill(a_key(), PAGE, make)
    moments.append(ends_at - timedelta(microseconds=1))
    assert cache.get(a_key()) is made
    moments.append(ends_at)
    assert cache.get(a_key()) is None
    assert cache.size == 0
