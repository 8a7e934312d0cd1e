"""E-mail addresses: one check for authors, moderators and settings alike."""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

import idna
from email_validator import EmailNotValidError, validate_email

AUTHOR = "author address"
"""The purpose of the keyed hash by which an author's comments are found."""

_PUBLIC = ".example.org"
"""Put behind a local domain, so that all but its being local is checked."""

_DOMAINS_REMEMBERED = 1_024

_PLAIN_LOCAL_PART = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*", re.ASCII)
"""A subset of RFC 5322's dot-atom that everybody takes as it is."""
_LONGEST_LOCAL_PART = 64
_LONGEST_PLAIN = 254
"""RFC 5321, 4.5.3.1.1, and the longest address that its limit on a path leaves (erratum 1690 of RFC 3696)."""


class InvalidAddressError(ValueError):
    """The text is no deliverable form of an e-mail address."""


def normalise(text: str, *, local: bool = False) -> str:
    """Return the address with its domain in canonical form; raise InvalidAddressError if it is none.

    Syntax follows RFC 5321/5322/6531 as email-validator reads them; no DNS is asked. A domain that is not public
    (a single label, or a name for special use such as `.local`: RFC 6761) is taken only where `local` says so.
    """
    suffix = _PUBLIC if local else ""
    mailbox, _, domain = text.rpartition("@")
    if (
        len(mailbox) <= _LONGEST_LOCAL_PART
        and len(text) + len(suffix) <= _LONGEST_PLAIN
        and domain.isascii()
        and _PLAIN_LOCAL_PART.fullmatch(mailbox)
    ):
        return f"{mailbox}@{_of_domain(domain, suffix)}"
    return _checked(text, suffix)


@lru_cache(_DOMAINS_REMEMBERED)
def _of_domain(domain: str, suffix: str) -> str:
    """Return a domain in canonical form: most addresses share a few, and its check is most of an address's."""
    return _checked(f"a@{domain}", suffix).removeprefix("a@")


def _checked(text: str, suffix: str) -> str:
    try:
        return validate_email(text + suffix, check_deliverability=False).normalized.removesuffix(suffix)
    except EmailNotValidError as error:
        raise InvalidAddressError from error


def has_public_domain(address: str) -> bool:
    """Tell whether an address that is one could be reached from everywhere."""
    try:
        normalise(address)
    except InvalidAddressError:
        return False
    return True


def on_the_wire(address: str) -> str:
    """Return the form that most servers take: the domain in ASCII, unless the local part needs SMTPUTF8 anyway."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{_in_ascii(domain)}" if local.isascii() else address


@lru_cache(_DOMAINS_REMEMBERED)
def _in_ascii(domain: str) -> str:
    return idna.encode(domain, uts46=True).decode()


def mask(address: str) -> str:
    """Shorten an address to what helps to recognise it: `g…@e….org`."""
    local, _, domain = address.rpartition("@")
    host, dot, rest = domain.rpartition(".")
    return f"{local[:1]}…@{(host or rest)[:1]}…{dot}{rest if dot else ''}"


def identity(address: str) -> str:
    """Return what two spellings of one person's address share."""
    return address.casefold()


def stands_in(text: str, address: str) -> bool:
    """Tell whether a text holds an address, with its tag (`name+tag@…`) or without, in whatever capitals.

    Characters that cannot be seen, full-width ones and percent-encoding hide nothing. An address that is part of a
    longer one is not found: `anna@example.org` is not in `joanna@example.org`.
    """
    if not address or ("@" not in text and "%40" not in text and text.isascii()):
        return False
    found = _plain(text)
    mailbox, _, domain = identity(address).rpartition("@")
    spelled = {f"{mailbox}@{domain}", f"{mailbox.partition('+')[0]}@{domain}"}
    return any(
        one in found and re.search(rf"(?<![\w.+-]){re.escape(one)}(?![\w-]|\.\w)", found) is not None
        for one in spelled
    )


def _plain(text: str) -> str:
    decoded = unquote(text) if "%" in text else text
    if not decoded.isascii():
        seen = unicodedata.normalize("NFKC", decoded)
        decoded = "".join(one for one in seen if unicodedata.category(one) != "Cf")
    return identity(decoded)
