"""What can be blocked, and which comments a block holds for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation import blocks
from moderation_service.domain.moderation.blocks import Block, BlockKind, Blocklist, UnblockableError
from moderation_service.domain.moderation.decisions import Actor, Channel
from tests.support.candidates import a_candidate
from tests.support.composed import a_site

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, NEW = "old " * 8, "new " * 8
KEYS = KeyRing([NEW, OLD])
BEFORE = KeyRing([OLD])


def a_block(kind: BlockKind, value: str, **changed: Any) -> Block:
    hashes = blocks.value_hashes(BEFORE, "coop", kind, value)
    fields: dict[str, Any] = {
        "id": "block",
        "site_id": "coop",
        "kind": kind,
        "value": value,
        "value_hash": hashes[0] if hashes else None,
        "reason": None,
        "actor": Actor(channel=Channel.API),
        "created_at": NOW,
        "ends_at": None,
    }
    return Block(**fields | changed)


def holds(block: Block, **candidate: Any) -> bool:
    found = Blocklist([block], now=NOW).find(a_candidate(site=a_site(id="coop"), **{"at": NOW} | candidate), KEYS)
    return found is not None


def test_an_address_is_blocked_in_every_spelling_of_its_case_and_under_older_keys() -> None:
    block = a_block(BlockKind.ADDRESS, "spammer@example.com")
    assert holds(block, author_email="Spammer@example.com")
    assert not holds(block, author_email="spammer2@example.com")
    assert not holds(block, author_email=None)


def test_a_typed_network_is_blocked_to_the_address() -> None:
    block = a_block(BlockKind.NETWORK, "203.0.113.64/26")
    assert holds(block, client_address=ip_address("203.0.113.65"))
    assert not holds(block, client_address=ip_address("203.0.113.1"))
    assert not holds(block, client_address=ip_address("2001:db8::1"))
    assert not holds(block, client_address=None)


def test_the_network_of_a_comment_is_blocked_without_being_known() -> None:
    block = a_block(BlockKind.NETWORK, "203.0.113.0/24")
    unknown = replace(block, value=None)
    for one in (block, unknown):
        assert holds(one, network="203.0.113.0/24", client_address=ip_address("203.0.113.9"))
        assert not holds(one, network="198.51.100.0/24", client_address=ip_address("198.51.100.9"))


def test_a_domain_is_blocked_with_all_below_it_in_text_and_web_address() -> None:
    block = a_block(BlockKind.DOMAIN, "spam.example")
    assert holds(block, body="look at https://www.SPAM.example/x")
    assert holds(block, author_url="https://shop.spam.example")
    assert not holds(block, body="https://notspam.example https://spam.example.org spam")


def test_a_word_is_blocked_in_text_and_name() -> None:
    block = a_block(BlockKind.WORD, "Casino royale")
    assert holds(block, body="the best casino  ROYALE ever")
    assert holds(block, author_name="Casino Royale")
    assert not holds(block, body="casinos royale")


def test_a_block_holds_until_its_end() -> None:
    block = a_block(BlockKind.WORD, "casino", ends_at=NOW + timedelta(days=1))
    assert holds(block, body="casino", at=NOW + timedelta(hours=23))
    assert not holds(block, body="casino", at=NOW + timedelta(days=1))


def test_a_block_that_a_clock_in_the_future_made_holds_from_now_on() -> None:
    made = NOW + timedelta(days=400)
    block = a_block(BlockKind.WORD, "casino", created_at=made, ends_at=made + timedelta(days=1))
    assert holds(block, body="casino")


@pytest.mark.parametrize(
    ("kind", "typed", "read"),
    [
        (BlockKind.ADDRESS, " Anna@EXAMPLE.com ", "Anna@example.com"),
        (BlockKind.NETWORK, "203.0.113.7", "203.0.113.7/32"),
        (BlockKind.NETWORK, "203.0.113.7/24", "203.0.113.0/24"),
        (BlockKind.NETWORK, "2001:DB8::1/48", "2001:db8::/48"),
        (BlockKind.DOMAIN, "https://Shop.Spam.example/x?y", "shop.spam.example"),
        (BlockKind.DOMAIN, "*.bücher.example", "xn--bcher-kva.example"),
        (BlockKind.DOMAIN, "blogspot.com", "blogspot.com"),
        (BlockKind.WORD, "  buy   now ", "buy now"),
    ],
)
def test_what_is_blocked_is_read_as_people_write_it(kind: BlockKind, typed: str, read: str) -> None:
    assert blocks.read(kind, typed, a_site()) == read


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        (BlockKind.ADDRESS, "anna"),
        (BlockKind.NETWORK, "example.com"),
        (BlockKind.NETWORK, "0.0.0.0/0"),
        (BlockKind.NETWORK, "::/0"),
        (BlockKind.NETWORK, "::ffff:203.0.113.0/120"),
        (BlockKind.DOMAIN, "com"),
        (BlockKind.DOMAIN, "co.uk"),
        (BlockKind.DOMAIN, "example.org"),
        (BlockKind.DOMAIN, "two words.example"),
        (BlockKind.DOMAIN, "anna@spam.example"),
        (BlockKind.WORD, "…"),
        (BlockKind.WORD, "x" * 201),
    ],
)
def test_what_would_block_everybody_or_is_nothing_of_its_kind_is_not_blocked(kind: BlockKind, typed: str) -> None:
    with pytest.raises(UnblockableError):
        blocks.read(kind, typed, a_site(origins=("https://www.example.org",)))


def test_a_comment_offers_the_domains_to_which_it_leads_but_not_the_sites_own() -> None:
    site = a_site(origins=("https://www.example.org",))
    body = "https://www.spam.example/x https://www.example.org/chi-siamo http://co.uk spam.example"
    found = blocks.domains_of(site, body=body, author_url="https://me.example.net/")
    assert found == ["me.example.net", "spam.example"]
