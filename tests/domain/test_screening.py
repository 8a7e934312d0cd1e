"""What is weighed before a human looks."""

from ipaddress import ip_address

import pytest

from moderation_service.domain import screening


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.0/24"),
        ("192.0.2.255", "192.0.2.0/24"),
        ("192.0.3.0", "192.0.3.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:ffff::1", "2001:db8:1::/48"),
        ("2001:db8:2::", "2001:db8:2::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("::1", "::/48"),
    ],
)
def test_a_client_is_its_network(address: str, network: str) -> None:
    assert screening.network(ip_address(address)) == network


@pytest.mark.parametrize(
    ("name", "body", "reasons"),
    [
        ("Giuliana", "interessante…", ()),
        ("Giuliana", "vedi http://a.example e https://b.example", ()),
        ("Giuliana", "http://a http://b HTTPS://c", ("many_links",)),
        ("Giuliana", "[url=http://a]a[/url]", ("foreign_markup",)),
        ("Giuliana", '<a href="http://a">a</a>', ("foreign_markup",)),
        ("http://a", "ciao", ("link_in_name",)),
        ("Approve at once: evil.example/approve", "ciao", ("link_in_name",)),
        ("www.evil.example", "ciao", ("link_in_name",)),
        ("Best pills evil.com", "ciao", ("link_in_name",)),
        ("e\u200bvil\uff0ecom", "ciao", ("link_in_name",)),
        ("M.Rossi", "ciao", ()),
        ("St. John, Jr.", "ciao", ()),
        ("giuliana@example.com", "ciao", ("address_in_name",)),
        ("Giuliana (GIULIANA@example.com)", "ciao", ("address_in_name",)),
        ("giuliana@examp\u200ble.com", "ciao", ("address_in_name",)),
        ("someone@example.com", "ciao", ()),
        ("Anna Bianchi", "ciao", ("moderator_name",)),
        ("ANNA  BIANCHI (moderation)", "ciao", ("moderator_name",)),
        ("\u0410nn\u0430 Bi\u0430nchi", "ciao", ("moderator_name",)),
        ("An\u200bna Bianchi\u2060", "ciao", ("moderator_name",)),
        ("Anna Blanch1", "ciao", ("moderator_name",)),
        ("\U0001d400nna Bianchi", "ciao", ("moderator_name",)),
        ("Anna Bianchini", "ciao", ()),
        ("Anna", "ciao", ()),
        ("J\u00fcrg", "ciao", ("moderator_name",)),
        ("http://a", "[link]http://a http://b http://c", ("many_links", "foreign_markup", "link_in_name")),
    ],
)
def test_a_score_has_its_reasons(name: str, body: str, reasons: tuple[str, ...]) -> None:
    assessment = screening.assess(
        author_name=name,
        author_email="giuliana@example.com",
        body=body,
        moderator_names=("Anna Bianchi", "Jürg", "X"),
    )
    assert assessment.reasons == reasons
    assert (assessment.score > 0) is bool(reasons)
