"""Addresses: what passes, and what may be shown of them."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.addresses import InvalidAddressError


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


DOMAINS = ["example.com", "EXAMPLE.com", "example.com.", "xn--bcher-kva.example", "localhost", "a.test", "[::1]"]
LABELS = st.text("abZ09-_", min_size=1, max_size=70)
DOTTED = st.lists(LABELS, min_size=1, max_size=5).map(".".join)


@given(
    mailbox=DOTTED | st.text("aZ9._+-'\" @é\n", max_size=70),
    domain=st.sampled_from(DOMAINS) | DOTTED | DOTTED.map(lambda one: f"{one}.example.com"),
)
@example(mailbox="a" * 64, domain="example.com")
@example(mailbox="a" * 65, domain="example.com")
@example(mailbox="a" * 64, domain=".".join(["b" * 61] * 3) + ".com")
@example(mailbox="a" * 65, domain=".".join(["b" * 61] * 3) + ".com")
def test_what_is_remembered_of_domains_changes_no_answer(mailbox: str, domain: str) -> None:
    text = f"{mailbox}@{domain}"
    try:
        expected = validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        with pytest.raises(InvalidAddressError):
            addresses.normalise(text)
    else:
        assert addresses.normalise(text) == expected


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
