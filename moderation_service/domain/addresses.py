"""E-mail addresses: one check for authors, moderators and settings alike."""

import idna
from email_validator import EmailNotValidError, validate_email

_PUBLIC = ".example.org"
"""Put behind a local domain, so that all but its being local is checked."""


class InvalidAddressError(ValueError):
    """The text is no deliverable form of an e-mail address."""


def normalise(text: str, *, local: bool = False) -> str:
    """Return the address with its domain in canonical form; raise InvalidAddressError if it is none.

    Syntax follows RFC 5321/5322/6531 as email-validator reads them; no DNS is asked. A domain that is not public
    (a single label, or a name for special use such as `.local`: RFC 6761) is taken only where `local` says so.
    """
    suffix = _PUBLIC if local else ""
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
    return f"{local}@{idna.encode(domain, uts46=True).decode()}" if local.isascii() else address


def needs_smtputf8(address: str) -> bool:
    """Tell whether only a server with SMTPUTF8 (RFC 6531) can take the address."""
    return not on_the_wire(address).isascii()


def mask(address: str) -> str:
    """Shorten an address to what helps to recognise it: `g…@e….org`."""
    local, _, domain = address.rpartition("@")
    host, dot, rest = domain.rpartition(".")
    return f"{local[:1]}…@{(host or rest)[:1]}…{dot}{rest if dot else ''}"


def identity(address: str) -> str:
    """Return what two spellings of one person's address share."""
    return address.casefold()
