"""By what an e-mail address could be recognised, wherever bytes of the service are."""

import hashlib
import quopri
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import quote


def found(content: bytes, addresses: Iterable[str]) -> list[bytes]:
    """All traces of addresses in some bytes; what is text is looked for in any capitals."""
    lowered = content.lower()
    return [
        *(one for one in _texts(tuple(addresses)) if one in lowered),
        *(one for one in _codes(tuple(addresses)) if one in content),
    ]


@cache
def _texts(addresses: tuple[str, ...]) -> frozenset[bytes]:
    """Addresses, their local parts with tag and without, their domains, and digests in hexadecimal; lowered."""
    return frozenset(text.lower().encode() for address in addresses for text in _spelled(address))


def _spelled(address: str) -> Iterator[str]:
    local, _, domain = address.rpartition("@")
    yield from (address, local, local.partition("+")[0], domain)
    yield quote(address, safe="")
    yield quopri.encodestring(address.encode(), quotetabs=True).decode().strip().replace("@", "=40")
    yield from (address.replace("@", escaped) for escaped in ("&#64;", "&#x40;", "&commat;", "\\u0040", "=40"))
    for digest in _digests(address):
        yield digest.hex()


@cache
def _codes(addresses: tuple[str, ...]) -> frozenset[bytes]:
    """Digests as bytes and in base64, and addresses in base64 wherever they begin in what is encoded."""
    return frozenset(code for address in addresses for code in _encoded(address))


def _encoded(address: str) -> Iterator[bytes]:
    for spelling in (address, address.lower(), address.upper()):
        for before in range(3):
            of_all = b64encode(b"\0" * before + spelling.encode())
            yield of_all[0 if before == 0 else before + 1 : len(of_all) // 4 * 4 - 4]
    for digest in _digests(address):
        yield digest
        yield b64encode(digest).rstrip(b"=")
        yield urlsafe_b64encode(digest).rstrip(b"=")


def _digests(address: str) -> Iterator[bytes]:
    for spelling in {address, address.lower(), address.upper()}:
        for name in ("md5", "sha1", "sha256"):
            yield hashlib.new(name, spelling.encode(), usedforsecurity=False).digest()
