import asyncio
import gzip

import pytest

from moderation_service.web.page_cache import Answer, Key, PageCache


def a_key(page_id: str = "page", *, limit: int = 50, newest_first: bool = False) -> Key:
    return Key(page_id=page_id, after=None, limit=limit, newest_first=newest_first)


def an_answer(body: bytes = b"{}") -> Answer:
    return Answer(body, {})


async def test_one_answer_is_made_for_all_who_ask_at_the_same_moment() -> None:
    cache, made, go = PageCache(), [], asyncio.Event()

    async def make() -> Answer:
        made.append(1)
        await go.wait()
        return an_answer()

    asked = [asyncio.create_task(cache.fill(a_key(), make)) for _ in range(10)]
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

    filling = asyncio.create_task(cache.fill(a_key(), make))
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

    before = asyncio.create_task(cache.fill(a_key(), old))
    await asyncio.sleep(0)
    cache.drop(["page"])
    assert (await cache.fill(a_key(), new)).plain.body == b"new"
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
        await cache.fill(a_key(), fail)
    await cache.fill(a_key(), succeed)
    assert cache.get(a_key()) is not None


async def test_a_reader_who_leaves_takes_the_answer_from_nobody() -> None:
    cache, go = PageCache(), asyncio.Event()

    async def make() -> Answer:
        await go.wait()
        return an_answer()

    leaving, staying = (asyncio.create_task(cache.fill(a_key(), make)) for _ in range(2))
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
        await cache.fill(a_key(str(number)), make)
    cache.get(a_key("0"))
    await cache.fill(a_key("3"), make)
    assert [cache.get(a_key(str(number))) is not None for number in range(4)] == [True, False, True, True]

    async def make_huge() -> Answer:
        return an_answer(b"x" * 40_000)

    await cache.fill(a_key("huge"), make_huge)
    assert cache.get(a_key("huge")) is None
    assert cache.get(a_key("3")) is not None


async def test_a_change_drops_every_stretch_of_its_page_and_no_other() -> None:
    cache = PageCache()

    async def make() -> Answer:
        return an_answer()

    for key in (a_key(), a_key(limit=10), a_key(newest_first=True), a_key("other")):
        await cache.fill(key, make)
    cache.drop(["page", "never seen"])
    assert cache.get(a_key()) is None
    assert cache.get(a_key(limit=10)) is None
    assert cache.get(a_key(newest_first=True)) is None
    assert cache.get(a_key("other")) is not None


def test_both_encodings_have_etags_of_their_own_that_follow_from_the_bytes() -> None:
    answer = an_answer(b"x" * 1_000)
    plain, compressed = answer.encoded(""), answer.encoded("br, gzip")
    assert plain.etag != compressed.etag
    assert gzip.decompress(compressed.body) == plain.body
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert answer.encoded("gzip") is compressed
    assert an_answer(b"x" * 1_000).encoded("gzip").etag == compressed.etag
    assert an_answer(b"short").encoded("gzip").body == b"short"
