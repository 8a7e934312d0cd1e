"""Addresses: what passes, and what may be shown of them."""

import pytest

from moderation_service.domain import addresses
from moderation_service.domain.addresses import InvalidAddressError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("giuliana@example.com", "giuliana@example.com"),
        ("Giuliana@EXAMPLE.com", "Giuliana@example.com"),
        ("giuliana+commenti@example.co.uk", "giuliana+commenti@example.co.uk"),
        ("用户@例え.example", "用户@例え.example"),
        ("a@xn--bcher-kva.example", "a@bücher.example"),
        ("o'neill@example.com", "o'neill@example.com"),
    ],
)
def test_an_address_is_kept_as_written_and_its_domain_in_one_form(text: str, address: str) -> None:
    assert addresses.normalise(text) == address
    assert addresses.normalise(address) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "a", "a@", "@b.example", "a@b", "a b@example.com", "a@exa mple.com", "a@@example.com",
        "a@example..com", ".a@example.com", "a.@example.com", "a@-example.com", "a@[127.0.0.1]", "<a@example.com>",
        "A <a@example.com>", "a@example.com,b@example.com", "a@example.com\nBcc: b@example.com", "a\0@example.com",
        "a@localhost",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddressError):
        addresses.normalise(text)


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("giuliana@example.org", "g…@e….org"),
        ("g@e.org", "g…@e….org"),
        ("giuliana@mail.example.co.uk", "g…@m….uk"),
        ("用户@例え.example", "用…@例….example"),
        ("root@localhost", "r…@l…"),
    ],
)
def test_a_masked_address_helps_only_who_knows_it(address: str, masked: str) -> None:
    assert addresses.mask(address) == masked


def test_two_spellings_of_one_address_are_one_person() -> None:
    assert addresses.identity("Anna@Example.org") == addresses.identity("anna@example.ORG")
