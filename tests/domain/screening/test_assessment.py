"""What is weighed before a human looks."""

import pytest

from moderation_service.domain.screening import assessment as screening
from moderation_service.domain.screening.assessment import Assessment, Finding, Reason, Verdict


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
        ("Giuliana", "Scrivetemi: Giuliana@Example.com.", ("address_in_text",)),
        ("Giuliana", "mailto:giuliana%40example.com", ("address_in_text",)),
        ("Giuliana", "giu\u200bliana\uff20example.com", ("address_in_text",)),
        ("Giuliana", "annagiuliana@example.com o giuliana@example.com.br", ()),
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
    found = screening.by_appearance(
        author_name=name,
        author_email="giuliana@example.com",
        body=body,
        moderator_names=("Anna Bianchi", "Jürg", "X"),
    )
    assert tuple(one.code for one in found.reasons) == reasons
    assert (screening.sum_up([found]).score > 0) is bool(set(reasons) - {"address_in_text"})
    is_held = any(one.startswith("address_in_") for one in reasons)
    assert screening.sum_up([found]).verdict is (
        Verdict.SUSPECT
        if screening.sum_up([found]).score >= screening.PROBABLE_SPAM
        else Verdict.HOLD
        if is_held
        else Verdict.PENDING
    )


def test_a_tag_does_not_hide_an_author_s_address_nor_does_a_web_address() -> None:
    for name, url, code in (
        ("giuliana@example.com", None, "address_in_name"),
        ("Giuliana", "https://blog.example/?me=giuliana%40example.com", "address_in_text"),
    ):
        found = screening.by_appearance(
            author_name=name, author_email="giuliana+blog@example.com", author_url=url, body="ciao"
        )
        assert [one.code for one in found.reasons] == [code]
        assert screening.after_work(screening.sum_up([found])).verdict is Verdict.HOLD


@pytest.mark.parametrize(
    ("name", "is_marked"),
    [
        ("Al", True),
        (" al ", True),
        ("A\u200bl", True),
        ("\u0410l", True),
        ("Al Bianchi", False),
        ("Marco Al-Fayed", False),
        ("Alba", False),
        ("Jo", True),
        ("J\u043e", True),
        ("Jo March", False),
        ("Lo Presti", False),
        ("Joanna", False),
        ("Am", True),
        ("I am Giuliana", False),
        ("M", True),
        ("M. Rossi", False),
        ("Ben", True),
        ("Ben (moderation)", True),
        ("B\u0435n the mod", True),
        ("Be\u2060n of us", True),
        ("Benedetta", False),
        ("Reuben", False),
        ("", False),
        ("\u200b", False),
    ],
)
def test_a_short_name_of_a_moderator_marks_only_who_bears_the_whole_of_it(name: str, *, is_marked: bool) -> None:
    for names in (("Al", "Jo", "Am", "M", "Ben"), ("\u200b", "M", "Ben", "Am", "Jo", "Al")):
        found = screening.by_appearance(
            author_name=name, author_email="giuliana@example.com", body="ciao", moderator_names=names
        )
        assert [one.code for one in found.reasons] == (["moderator_name"] if is_marked else [])


def test_the_most_severe_finding_holds_and_all_reasons_stay() -> None:
    one, other = Reason("many_links", 3), Reason("rule", detail="new here")
    found = screening.sum_up(
        [
            Finding((one,), probability=120),
            Finding((other,), Verdict.HOLD),
            screening.NOTHING,
            Finding(probability=80),
        ]
    )
    assert found == Assessment((one, other), Verdict.HOLD, 120)
    assert (found.score, found.is_suspect, found.suspicion) == (3, False, 120)


@pytest.mark.parametrize(
    ("points", "verdict", "expected"),
    [
        (4, Verdict.PENDING, Verdict.PENDING),
        (5, Verdict.PENDING, Verdict.SUSPECT),
        (5, Verdict.HOLD, Verdict.SUSPECT),
        (9, Verdict.SPAM, Verdict.SPAM),
        (9, Verdict.REFUSED, Verdict.REFUSED),
    ],
)
def test_points_make_a_suspect_and_never_more(points: int, verdict: Verdict, expected: Verdict) -> None:
    assert screening.sum_up([Finding((Reason("any", points),), verdict)]).verdict is expected


def test_every_suspect_stands_behind_everybody_else() -> None:
    places = [
        screening.HARMLESS,
        Assessment(probability=1),
        Assessment((Reason("any", 4),)),
        Assessment(probability=999),
        Assessment((Reason("any", 5),), Verdict.SUSPECT, 0),
        Assessment((Reason("any", 50),), Verdict.SUSPECT),
    ]
    assert [one.suspicion for one in places] == sorted(one.suspicion for one in places)
    assert [one.suspicion >= screening.SUSPECT_FROM for one in places] == [False] * 4 + [True] * 2
