"""E-mail addresses: one check for authors, moderators and settings alike."""

from email_validator import EmailNotValidError, validate_email


class InvalidAddressError(ValueError):
    """The text is no deliverable form of an e-mail address."""


def normalise(text: str) -> str:
    """Return the address with its domain in canonical form; raise InvalidAddressError if it is none.

    Syntax follows RFC 5321/5322/6531 as email-validator reads them; no DNS is asked.
    """
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidAddressError from error


def mask(address: str) -> str:
    """Shorten an address to what helps to recognise it: `g…@e….org`."""
    local, _, domain = address.rpartition("@")
    host, dot, rest = domain.rpartition(".")
    return f"{local[:1]}…@{(host or rest)[:1]}…{dot}{rest if dot else ''}"


def identity(address: str) -> str:
    """Return what two spellings of one person's address share."""
    return address.casefold()
