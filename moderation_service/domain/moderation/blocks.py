"""Whom and what a site takes no comments from: addresses, client networks, domains and words."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from moderation_service.domain import clocks
from moderation_service.domain.accounts import addresses, public_suffixes
from moderation_service.domain.accounts.addresses import InvalidAddressError
from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments import hosts, whole_words
from moderation_service.domain.comments.whole_words import WholeWord
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.decisions import Actor
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.domain.screening.networks import network_hashes

REASON = "blocked"
"""The code of the reason for which screening refuses what is blocked."""

WORD_CHARACTERS = 200
REASON_CHARACTERS = 500
_WIDEST = {4: 8, 6: 19}
"""The shortest prefix of a network, by the version of the protocol: wider ones are whole continents."""


class BlockKind(StrEnum):
    """By what a block recognises a comment."""

    ADDRESS = "address"
    """The e-mail address that its author typed."""
    NETWORK = "network"
    """The client network that it came from."""
    DOMAIN = "domain"
    """A domain that it leads to, or one within that."""
    WORD = "word"
    """A word or a phrase in its text or its author's name."""


class UnblockableError(ValueError):
    """What was to be blocked is nothing of its kind, or too much of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of one site, which holds until `ends_at`, or until it is lifted where that is None.

    `value` is the address, the network, the domain or the word; None for the network of a comment, of which only
    `value_hash` is known. That is a keyed hash, of addresses and networks alone. `reason` is for moderators.
    """

    id: str
    site_id: str
    kind: BlockKind
    value: str | None = field(repr=False)
    value_hash: str | None = field(repr=False)
    reason: str | None
    actor: Actor
    created_at: datetime
    ends_at: datetime | None

    def is_over(self, now: datetime) -> bool:
        """Tell whether it has ended; one that was made in the future, by a wrong clock, was made just now."""
        return self.ends_at is not None and clocks.age(self.created_at, now) >= self.ends_at - self.created_at


def read(kind: BlockKind, text: str, site: Site) -> str:
    """Return what is to be blocked at a site as it is stored; raise UnblockableError for what cannot be.

    A domain on which the site itself stands cannot be, nor one below which a registry gives out names.
    """
    if kind is BlockKind.ADDRESS:
        return _address(text)
    if kind is BlockKind.NETWORK:
        return _network(text)
    if kind is BlockKind.DOMAIN:
        return _domain(text, site)
    word = " ".join(text.split())
    if not whole_words.has_letters(word) or len(word) > WORD_CHARACTERS:
        raise UnblockableError
    return word


def key(kind: BlockKind, value: str) -> str:
    """Return what two spellings of the same thing share."""
    if kind is BlockKind.ADDRESS:
        return addresses.identity(value)
    return whole_words.folded(value) if kind is BlockKind.WORD else value


def value_hashes(keys: KeyRing, site_id: str, kind: BlockKind, value: str) -> tuple[str, ...]:
    """Return the keyed hashes of an address or a network under every listed key, of nothing else."""
    if kind is BlockKind.ADDRESS:
        return keys.keyed_hashes(addresses.AUTHOR, addresses.identity(value))
    return network_hashes(keys, site_id, value) if kind is BlockKind.NETWORK else ()


def domains_of(site: Site, *, body: str, author_url: str | None) -> list[str]:
    """Return the domains to which a comment leads and that can be blocked, in order."""
    found = hosts.hosts_of(f"{body}\n{author_url or ''}")
    return sorted({one for host in found if _is_domain(one := hosts.without_www(host), site)})


class Blocklist:
    """The blocks of one site, arranged so that a comment is held against all of them at once."""

    def __init__(self, blocks: Iterable[Block], *, now: datetime) -> None:
        """Take those that have not ended."""
        self._hashed: dict[str, list[Block]] = {}
        self._networks: list[tuple[IPv4Network | IPv6Network, Block]] = []
        self._domains: dict[str, list[Block]] = {}
        self._words: list[tuple[WholeWord, Block]] = []
        self._has_addresses = self._has_hashed_networks = False
        for one in blocks:
            if not one.is_over(now):
                self._add(one)

    def find(self, candidate: Candidate, keys: KeyRing) -> Block | None:
        """Return a block that holds for a comment, None where there is none; hashes are made only if needed."""
        return (
            self._of_author(candidate, keys)
            or self._of_network(candidate, keys)
            or self._of_domain(candidate)
            or self._of_word(candidate)
        )

    def _add(self, block: Block) -> None:
        if block.kind is BlockKind.NETWORK and block.value is not None:
            self._networks.append((ip_network(block.value), block))
        elif block.kind in (BlockKind.ADDRESS, BlockKind.NETWORK) and block.value_hash is not None:
            self._hashed.setdefault(block.value_hash, []).append(block)
            self._has_addresses |= block.kind is BlockKind.ADDRESS
            self._has_hashed_networks |= block.kind is BlockKind.NETWORK
        elif block.kind is BlockKind.DOMAIN and block.value is not None:
            self._domains.setdefault(block.value, []).append(block)
        elif block.kind is BlockKind.WORD and block.value is not None:
            self._words.append((WholeWord.of(block.value), block))

    def _of_author(self, candidate: Candidate, keys: KeyRing) -> Block | None:
        if not self._has_addresses or candidate.author_email is None:
            return None
        hashes = value_hashes(keys, candidate.site.id, BlockKind.ADDRESS, candidate.author_email)
        return self._of_hashes(hashes, candidate.at)

    def _of_network(self, candidate: Candidate, keys: KeyRing) -> Block | None:
        address = candidate.client_address
        if address is None:
            return None
        found = (block for network, block in self._networks if address in network)
        if (block := _holding(found, candidate.at)) is not None or not self._has_hashed_networks:
            return block
        hashes = value_hashes(keys, candidate.site.id, BlockKind.NETWORK, candidate.network)
        return self._of_hashes(hashes, candidate.at)

    def _of_hashes(self, hashes: Iterable[str], at: datetime) -> Block | None:
        return _holding((block for one in hashes for block in self._hashed.get(one, ())), at)

    def _of_domain(self, candidate: Candidate) -> Block | None:
        if not self._domains:
            return None
        named = hosts.hosts_of(f"{candidate.body}\n{candidate.author_url or ''}")
        domains = (domain for host in named for domain in hosts.with_parents(host))
        return _holding((block for one in domains for block in self._domains.get(one, ())), candidate.at)

    def _of_word(self, candidate: Candidate) -> Block | None:
        if not self._words:
            return None
        text = whole_words.folded(f"{candidate.author_name}\n{candidate.body}")
        return _holding((block for word, block in self._words if word.is_in(text)), candidate.at)


def _holding(blocks: Iterable[Block], at: datetime) -> Block | None:
    return next((one for one in blocks if not one.is_over(at)), None)


def _address(text: str) -> str:
    try:
        return addresses.normalise(text.strip(), local=True)
    except InvalidAddressError as error:
        raise UnblockableError from error


def _network(text: str) -> str:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise UnblockableError from error
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise UnblockableError
    if network.prefixlen < _WIDEST[network.version]:
        raise UnblockableError
    return str(network)


def _domain(text: str, site: Site) -> str:
    """Read a domain, also from a whole address of the web."""
    text = text.strip()
    host = text.partition("://")[2] if "://" in text else text
    domain = hosts.canonical(host.partition("/")[0].partition(":")[0].removeprefix("*."))
    if hosts.hosts_of(domain) != {domain} or not _is_domain(domain, site):
        raise UnblockableError
    return domain


def _is_domain(domain: str, site: Site) -> bool:
    if public_suffixes.is_of_registry(domain):
        return False
    return not any(domain in hosts.with_parents(urlsplit(one).hostname or "") for one in site.origins)
