"""Secrets by rotation: what one key wrote, every listed key ring reads."""

import hmac

import pytest

from moderation_service.domain.keys import KeyNotListedError, KeyRing
from tests.support.factories import ADDRESS, OTHER_SECRET, SECRET

ROW = {"table": "contacts", "row": "0197c0de-0000-7000-8000-000000000001"}


@pytest.mark.parametrize("listed", [(SECRET,), (SECRET, OTHER_SECRET), (OTHER_SECRET, SECRET)])
def test_what_a_listed_key_sealed_opens_wherever_the_key_stands(listed: tuple[str, ...]) -> None:
    sealed = KeyRing([SECRET]).seal(ADDRESS, **ROW)
    assert KeyRing(listed).open(sealed, **ROW) == ADDRESS


def test_a_removed_key_opens_nothing_any_more() -> None:
    sealed = KeyRing([SECRET]).seal(ADDRESS, **ROW)
    with pytest.raises(KeyNotListedError):
        KeyRing([OTHER_SECRET]).open(sealed, **ROW)


@pytest.mark.parametrize(
    "place",
    [
        {**ROW, "table": "people"},
        {**ROW, "row": "0197c0de-0000-7000-8000-000000000002"},
    ],
)
def test_an_address_moved_to_another_row_or_table_does_not_open(place: dict[str, str]) -> None:
    keys = KeyRing([SECRET])
    sealed = keys.seal(ADDRESS, **ROW)
    with pytest.raises(KeyNotListedError):
        keys.open(sealed, **place)


@pytest.mark.parametrize("position", [0, 8, 20, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    keys = KeyRing([SECRET])
    sealed = bytearray(keys.seal(ADDRESS, **ROW))
    sealed[position] ^= 1
    with pytest.raises(KeyNotListedError):
        keys.open(bytes(sealed), **ROW)


@pytest.mark.parametrize("length", [0, 7, 8, 19, 20, 35])
def test_a_truncated_value_is_noticed(length: int) -> None:
    keys = KeyRing([SECRET])
    with pytest.raises(KeyNotListedError):
        keys.open(keys.seal(ADDRESS, **ROW)[:length], **ROW)


def test_the_same_address_is_never_sealed_alike_and_never_readable() -> None:
    keys = KeyRing([SECRET])
    one, other = keys.seal(ADDRESS, **ROW), keys.seal(ADDRESS, **ROW)
    assert one != other
    assert ADDRESS.encode() not in one


def test_a_key_is_known_by_itself_and_not_by_its_position() -> None:
    first, second = KeyRing([SECRET]).ids[0], KeyRing([OTHER_SECRET]).ids[0]
    assert KeyRing([SECRET, OTHER_SECRET]).ids == (first, second)
    assert KeyRing([OTHER_SECRET, SECRET]).ids == (second, first)
    assert KeyRing([OTHER_SECRET, SECRET]).current_id == second
    assert KeyRing([SECRET]).seal(ADDRESS, **ROW).startswith(bytes.fromhex(first))


def test_each_purpose_has_a_key_of_its_own() -> None:
    keys = KeyRing([SECRET, OTHER_SECRET])
    derived = [*keys.derive("a"), *keys.derive("b")]
    assert len(set(derived)) == 4
    assert keys.keyed_hash("a", ADDRESS) != keys.keyed_hash("b", ADDRESS)
    assert SECRET.encode() not in derived


def test_a_keyed_hash_is_half_of_hmac_sha_256_under_the_key_of_its_purpose() -> None:
    keys = KeyRing([SECRET, OTHER_SECRET])
    for _ in range(2):
        assert keys.keyed_hashes("author", ADDRESS) == tuple(
            hmac.digest(key, ADDRESS.encode(), "sha256")[:16].hex() for key in keys.derive("author")
        )


def test_a_keyed_hash_is_found_again_after_a_rotation() -> None:
    old = KeyRing([SECRET]).keyed_hash("author", ADDRESS)
    rotated = KeyRing([OTHER_SECRET, SECRET]).keyed_hashes("author", ADDRESS)
    assert old in rotated
    assert rotated[0] != old


def test_what_is_concealed_is_the_same_in_its_scope_and_nowhere_else_and_opens_under_every_listed_key() -> None:
    keys, both = KeyRing([SECRET]), KeyRing([OTHER_SECRET, SECRET])
    value = keys.keyed_hash("author address", ADDRESS)
    concealed = keys.conceal(value, purpose="handle", scope="coop")
    assert concealed == keys.conceal(value, purpose="handle", scope="coop")
    assert value not in concealed
    elsewhere = keys.conceal(value, purpose="handle", scope="altro")
    assert not {concealed[i : i + 8] for i in range(0, 64, 8)} & {elsewhere[i : i + 8] for i in range(0, 64, 8)}
    assert both.reveal(concealed, purpose="handle", scope="coop") == value
    for text, purpose, scope in [
        (concealed, "handle", "altro"),
        (concealed, "other", "coop"),
        (concealed[:-2], "handle", "coop"),
        (concealed.replace(concealed[0], "0" if concealed[0] != "0" else "1", 1), "handle", "coop"),
        ("", "handle", "coop"),
        ("no digits", "handle", "coop"),
    ]:
        assert both.reveal(text, purpose=purpose, scope=scope) is None
    assert KeyRing([OTHER_SECRET]).reveal(concealed, purpose="handle", scope="coop") is None
