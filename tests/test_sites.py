"""The sites file: who moderates what, and every fault with its place."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from moderation_service import cli, sites
from moderation_service.sites import SitesFileError
from tests.factories import SITES

KEY = "sha256:" + "0" * 64
SPOKEN = "there are en, de, es, fr, it and regional forms"


def a_moderator(**changed: Any) -> dict[str, Any]:
    return {"id": "anna", "name": "Anna", "email": "anna@example.org"} | changed


def a_site(**changed: Any) -> dict[str, Any]:
    return {
        "id": "coop",
        "name": "Coop",
        "origins": ["https://www.example.org"],
        "moderator": [a_moderator()],
    } | changed


def faults(*entries: Any) -> list[str]:
    """What is wrong with a file of these sites."""
    try:
        sites.parse({"site": list(entries)})
    except SitesFileError as error:
        return error.faults
    return []


def test_the_file_of_the_contract_is_read() -> None:
    [coop, altro] = sites.parse(tomllib.loads(SITES))
    assert (coop.id, coop.language, coop.timezone) == ("coop", "it", "Europe/Rome")
    anna, paul = coop.moderators
    assert (anna.language, anna.timezone, anna.paths) == ("it", "Europe/Rome", ("/",))
    assert (paul.language, paul.timezone) == ("en", "Europe/London")
    assert (altro.language, altro.timezone) == ("en", "UTC")
    assert "anna@example.org" not in repr(coop)


def test_a_language_is_known_in_every_spelling_and_with_its_region() -> None:
    people = [a_moderator(language="en-gb"), a_moderator(id="paul", language=None)]
    [site] = sites.parse({"site": [a_site(language="DE-at", moderator=people)]})
    assert site.language == "de-AT"
    assert [one.language for one in site.moderators] == ["en-GB", "de-AT"]
    [site] = sites.parse({"site": [a_site(language="IT")]})
    assert site.language == "it"


def test_an_origin_is_known_in_every_spelling() -> None:
    found = sites.parse({"site": [a_site(origins=["HTTPS://WWW.Example.ORG:443", "https://BÜCHER.example"])]})
    assert found.of_page("https://www.example.org/x") is found.get("coop")
    assert found.of_origin("https://xn--bcher-kva.example") is found.get("coop")


@pytest.mark.parametrize(
    ("site", "found"),
    [
        (a_site(id="Co op"), ["site[0].id: must be 1 to 64 of a-z, 0-9, - and _"]),
        (a_site(id=None), ["site[0].id: is missing"]),
        (a_site(id=1), ["site[0].id: must be text"]),
        (a_site(name=" "), ["site[0].name: is missing"]),
        (a_site(name="a\nb"), ["site[0].name: holds a control character"]),
        (a_site(name="a" * 201), ["site[0].name: is too long"]),
        (a_site(origins=[]), ["site[0].origins: needs at least one origin"]),
        (a_site(origins="https://a.example"), ["site[0].origins: must be a list"]),
        (a_site(origins=["a.example"]), ["site[0].origins[0]: is no http(s) URL"]),
        (
            a_site(origins=["https://a.example", "https://b.example/b"]),
            ["site[0].origins[1]: must be scheme and host only, like https://www.example.org"],
        ),
        (a_site(origins=["https://☃.example"]), ["site[0].origins[0]: has a host that is no name"]),
        (
            a_site(language="Italian"),
            ["site[0].language: must be a language like it or en, or a regional form like de-AT"],
        ),
        (
            a_site(language="pt", moderator=[a_moderator(language="nl")]),
            [
                f"site[0].language: 'pt' is not spoken here; {SPOKEN}",
                f"site[0].moderator[0].language: 'nl' is not spoken here; {SPOKEN}",
            ],
        ),
        (
            a_site(language="it-QQ"),
            [f"site[0].language: 'it-QQ' is not spoken here; {SPOKEN}"],
        ),
        (a_site(timezone="Rome"), ["site[0].timezone: is no known time zone; an example is Europe/Rome"]),
        (a_site(timezone="../etc"), ["site[0].timezone: is no known time zone; an example is Europe/Rome"]),
        (a_site(api_keys=["secret"]), ["site[0].api_keys[0]: must be sha256: and 64 hexadecimal digits"]),
        (a_site(api_keys=[KEY, KEY]), ["site[0].api_keys[1]: is listed twice, first as site[0].api_keys[0]"]),
        (a_site(moderator=[]), ["site[0].moderator: needs at least one moderator"]),
        (a_site(moderators=[]), ["site[0].moderators: is no known setting"]),
        (a_site(reply_to="redazione"), ["site[0].reply_to: is not an e-mail address: 'redazione'"]),
        (
            a_site(reply_to="jörg@example.org"),
            ["site[0].reply_to: 'jörg@example.org' has letters before the @ that not every mail server takes"],
        ),
        (
            a_site(moderator=[a_moderator(email="anna")]),
            ["site[0].moderator[0].email: is not an e-mail address: 'anna'"],
        ),
        (a_site(moderator=[a_moderator(), a_moderator()]), ["site[0].moderator: 'anna' is listed twice"]),
        (a_site(moderator=[a_moderator(paths=["blog"])]), ["site[0].moderator[0].paths[0]: must begin with /"]),
        (a_site(moderator=[a_moderator(paths=[])]), ["site[0].moderator[0].paths: needs at least one path"]),
        (a_site(moderator=[1]), ["site[0].moderator[0]: must be a table"]),
        (1, ["site[0]: must be a table"]),
    ],
)
def test_a_fault_is_named_with_its_place(site: Any, found: list[str]) -> None:
    assert faults(site) == found


def test_a_site_without_moderators_is_refused() -> None:
    site = a_site()
    del site["moderator"]
    assert faults(site) == ["site[0].moderator: needs at least one [[site.moderator]]"]


def test_an_id_an_origin_and_a_key_belong_to_one_site() -> None:
    one = a_site(api_keys=[KEY], origins=["https://www.example.org"])
    other = a_site(api_keys=[KEY], origins=["HTTPS://www.EXAMPLE.org:443"])
    assert faults(one, other) == [
        "site: id 'coop' is listed twice",
        "site[1].origins[0]: 'HTTPS://www.EXAMPLE.org:443' is listed twice, first as site[0].origins[0]",
        "site[1].api_keys[0]: is listed twice, first as site[0].api_keys[0]",
    ]


def test_all_faults_are_named_at_once() -> None:
    found = faults(
        a_site(id="A", origins=["x"], moderator=[a_moderator(email="x"), a_moderator(email="y")]),
        a_site(name="", origins=["https://www.example.org"]),
        a_site(id="altro", origins=["https://www.example.org"]),
    )
    places = [fault.partition(":")[0] for fault in found]
    assert sorted(places) == [
        "site[0].id",
        "site[0].moderator",
        "site[0].moderator[0].email",
        "site[0].moderator[1].email",
        "site[0].origins[0]",
        "site[1].name",
        "site[2].origins[0]",
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "site: needs at least one [[site]]"),
        (b"site = []", "site: needs at least one [[site]]"),
        (b"site = 1", "site: must be a list"),
        (b"[[sites]]", "site: needs at least one [[site]]"),
        (b"[[site]", "is not valid TOML"),
        (b"\xff\xfe", "is not valid TOML"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    file = tmp_path / "sites.toml"
    file.write_bytes(content)
    with pytest.raises(SitesFileError) as raised:
        sites.load(file)
    assert any(found.startswith(fault) for found in raised.value.faults)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SitesFileError) as raised:
        sites.load(tmp_path / "nothing.toml")
    assert raised.value.faults == ["cannot be read: No such file or directory"]


def test_check_names_the_faults_of_settings_and_sites_together(tmp_path: Path) -> None:
    file = tmp_path / "sites.toml"
    file.write_text(SITES.replace("olga@example.com", "olga").replace("Europe/Rome", "Rome"), encoding="utf-8")
    ran = CliRunner().invoke(cli.main, ["check"], env={"MODERATION_SITES": str(file), "MODERATION_LISTEN": "8080"})
    assert ran.exit_code == 1
    lines = ran.output.splitlines()
    for variable in ("PUBLIC_URL", "SECRET_KEYS", "SMTP_URL", "MAIL_FROM"):
        assert f"MODERATION_{variable} is required" in lines
    fault = "must be host:port like 127.0.0.1:8080, unix:/path/of/socket, or fd://3; it is '8080'"
    assert f"MODERATION_LISTEN {fault}" in lines
    assert f"{file}: site[0].timezone: is no known time zone; an example is Europe/Rome" in lines
    assert f"{file}: site[1].moderator[0].email: is not an e-mail address: 'olga'" in lines
    assert len(lines) == 7


@pytest.mark.parametrize("email", ["anna@nas.local", "anna@mail.test", "anna@box.home.arpa", "anna@mailhost"])
def test_a_moderator_may_have_a_local_address_where_the_setting_says_so(email: str) -> None:
    site = a_site(moderator=[a_moderator(email=email)])
    assert faults(site) == [
        f"site[0].moderator[0].email: has no public domain: {email!r}; MODERATION_LOCAL_ADDRESSES=on allows it"
    ]
    [found] = sites.parse({"site": [site]}, local_addresses=True)
    assert found.moderators[0].email == email


def test_answers_to_mail_may_have_an_address_of_the_site() -> None:
    [site] = sites.parse({"site": [a_site(reply_to="redazione@bücher.example.org")]})
    assert site.reply_to == "redazione@bücher.example.org"
    [without] = sites.parse({"site": [a_site()]})
    assert without.reply_to is None
