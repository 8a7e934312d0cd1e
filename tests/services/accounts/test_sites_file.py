"""The sites file: who moderates what, and every fault with its place."""

import sys
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from moderation_service import cli
from moderation_service.domain.accounts.sites import Akismet, Hook, HookKind, Screening, WebhookKind
from moderation_service.domain.comments.page_rules import OriginsAreOne, PageRules, TrailingSlash
from moderation_service.domain.screening.patterns import Pattern
from moderation_service.domain.screening.rules import Action, Conditions, OptionalField, Rule, Script
from moderation_service.locales import reason_texts
from moderation_service.push import services
from moderation_service.services.accounts import sites_file
from moderation_service.services.accounts.sites_file import SitesFileError
from tests.support.factories import SITES
from tests.support.webhook_receiver import OTHER_SECRET, SECRET

KEY = "sha256:" + "0" * 64
SPOKEN = "choose one of en, de, es, fr, it, or a regional form such as de-AT"


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
        sites_file.parse({"site": list(entries)})
    except SitesFileError as error:
        return error.faults
    return []


def test_the_file_of_the_contract_is_read() -> None:
    [coop, altro] = sites_file.parse(tomllib.loads(SITES))
    assert (coop.id, coop.language, coop.timezone) == ("coop", "it", "Europe/Rome")
    anna, paul = coop.moderators
    assert (anna.language, anna.timezone, anna.paths) == ("it", "Europe/Rome", ("/",))
    assert (paul.language, paul.timezone) == ("en", "Europe/London")
    assert (altro.language, altro.timezone) == ("en", "UTC")
    assert "anna@example.org" not in repr(coop)


def test_a_language_is_known_in_every_spelling_and_with_its_region() -> None:
    people = [a_moderator(language="en-gb"), a_moderator(id="paul", language=None)]
    [site] = sites_file.parse({"site": [a_site(language="DE-at", moderator=people)]})
    assert site.language == "de-AT"
    assert [one.language for one in site.moderators] == ["en-GB", "de-AT"]
    [site] = sites_file.parse({"site": [a_site(language="IT")]})
    assert site.language == "it"


def test_an_origin_is_known_in_every_spelling() -> None:
    found = sites_file.parse({"site": [a_site(origins=["HTTPS://WWW.Example.ORG:443", "https://BÜCHER.example"])]})
    assert found.of_page("https://www.example.org/x") is found.get("coop")
    assert found.of_origin("https://xn--bcher-kva.example") is found.get("coop")


def test_rules_for_pages_are_read_and_have_the_defaults_of_the_contract() -> None:
    [site] = sites_file.parse({"site": [a_site()]})
    assert site.page_rules == PageRules(
        origins_are_one=OriginsAreOne.WWW,
        trailing_slash=TrailingSlash.IGNORE,
        index_files=("index.html", "index.htm", "index.php"),
        ignore_parameters=(),
        keep_parameters=(),
        fragment_routes=False,
    )
    rules = {
        "origins_are_one": "all",
        "trailing_slash": "keep",
        "ignore_parameters": ["*"],
        "keep_parameters": ["p"],
    }
    [site] = sites_file.parse({"site": [a_site(pages=rules | {"index_files": [], "fragment_routes": True})]})
    assert site.page_rules == PageRules(
        origins_are_one=OriginsAreOne.ALL,
        trailing_slash=TrailingSlash.KEEP,
        index_files=(),
        ignore_parameters=("*",),
        keep_parameters=("p",),
        fragment_routes=True,
    )


def test_origins_keep_their_order_and_previews_belong_to_the_site() -> None:
    origins = ["https://b.example", "https://a.example"]
    previews = ["http://localhost:*", "https://*.BÜCHER.example", "https://*.me.github.io"]
    found = sites_file.parse({"site": [a_site(origins=origins, preview_origins=previews)]})
    [site] = found
    assert site.origins == ("https://b.example", "https://a.example")
    assert found.of_origin("https://pr-1.xn--bcher-kva.example") is site
    assert found.of_page("http://localhost:8000/x") is site
    assert found.of_origin("https://evil.example") is None
    assert found.page(site, "http://localhost:8000/x").url == "https://b.example/x"


def test_rules_are_read_with_one_text_or_several_for_a_condition() -> None:
    when = {
        "links_over": 1,
        "words": "Buy  NOW",
        "pattern": ["(?i)pills", "casino$"],
        "domains": ["Spam.Example", "bücher.example"],
        "script": "Cyrillic",
        "path": "/blog",
        "missing": ["author_url"],
        "score_over": 1,
        "page_older_than_days": 30,
        "first_comments": 3,
    }
    entry = {"name": "all", "when": when, "then": "spam"}
    [site] = sites_file.parse({"site": [a_site(rule=[entry])]})
    conditions = Conditions(
        links_over=1,
        words=(" buy now ",),
        patterns=(Pattern("(?i)pills"), Pattern("casino$")),
        domains=frozenset({"spam.example", "xn--bcher-kva.example"}),
        script=Script(("Cyrillic",)),
        paths=("/blog",),
        missing=frozenset({OptionalField.AUTHOR_URL}),
        score_over=1.0,
        page_older_than=timedelta(days=30),
        first_comments=3,
    )
    assert site.rules == (Rule(name="all", when=conditions, then=Action.SPAM),)
    assert [site] == [*sites_file.parse({"site": [a_site(rule=[entry])]})], "a file that is read anew is no other"


def test_faults_of_rules_are_named_with_their_places() -> None:
    def a_rule(**when: Any) -> dict[str, Any]:
        return {"name": f"rule {when}", "when": when, "then": "hold"}

    site = a_site(
        rule=[
            a_rule(pattern="(a+"),
            a_rule(pattern=["fine", "(a{1000}){1000}", r"(a)\1"]),
            a_rule(domains=["spam.example", "https://spam.example"], script=["Klingon"], words="!!"),
            a_rule(),
            a_rule(link_over=1),
            a_rule(links_over=-1, score_over=7, missing="body", path="blog", words=7),
            {"name": "one", "when": {"links_over": 0}, "then": "delete"},
            {"name": "one", "when": {"links_over": 0}, "then": "refuse"},
            {"then": "hold"},
        ]
    )
    unusable = "is no regular expression that can be used here"
    is_no_script = "is not the name of a script in Unicode, such as Cyrillic or Han"
    assert sorted(faults(site)) == [
        f"site[0].rule[0].when.pattern: '(a+' {unusable}: missing ): (a+",
        f"site[0].rule[1].when.pattern[1]: '(a{{1000}}){{1000}}' {unusable}: invalid repetition size: {{1000}}",
        f"site[0].rule[1].when.pattern[2]: '(a)\\\\1' {unusable}: invalid escape sequence: \\1",
        "site[0].rule[2].when.domains[1]: 'https://spam.example' is not a domain, such as example.org",
        f"site[0].rule[2].when.script[0]: 'Klingon' {is_no_script}",
        "site[0].rule[2].when.words: '!!' has no letter or digit",
        "site[0].rule[3].when: needs at least one condition",
        "site[0].rule[4].when.link_over: is not a known condition",
        "site[0].rule[5].when.links_over: must be from 0 to 10,000",
        "site[0].rule[5].when.missing: must be author_email or author_url",
        "site[0].rule[5].when.path: must begin with /",
        "site[0].rule[5].when.score_over: must be a number from 0 to 1",
        "site[0].rule[5].when.words: must be text or a list of texts",
        "site[0].rule[6].then: must be hold, suspect, spam or refuse",
        "site[0].rule[7].name: 'one' is listed twice, first as site[0].rule[6].name",
        "site[0].rule[8].name: is missing",
        "site[0].rule[8].when: is missing",
    ]


@pytest.mark.parametrize(
    ("site", "found"),
    [
        (a_site(id="Co op"), ["site[0].id: must be 1 to 64 of a-z, 0-9, - and _"]),
        (a_site(id=None), ["site[0].id: is missing"]),
        (a_site(id=1), ["site[0].id: must be text"]),
        (a_site(name=" "), ["site[0].name: is missing"]),
        (a_site(name="a\nb"), ["site[0].name: contains a control character"]),
        (a_site(name="a" * 201), ["site[0].name: is too long"]),
        (a_site(origins=[]), ["site[0].origins: needs at least one origin"]),
        (a_site(origins="https://a.example"), ["site[0].origins: must be a list"]),
        (a_site(origins=["a.example"]), ["site[0].origins[0]: is not an http(s) URL"]),
        (
            a_site(origins=["https://a.example", "https://b.example/b"]),
            ["site[0].origins[1]: must be scheme and host only, like https://www.example.org"],
        ),
        (a_site(origins=["https://☃.example"]), ["site[0].origins[0]: has an invalid host name"]),
        (
            a_site(language="Italian"),
            ["site[0].language: must be en, de, es, fr or it, or a regional form such as de-AT"],
        ),
        (
            a_site(language="pt-BR", moderator=[a_moderator(language="nl")]),
            [
                f"site[0].language: 'pt-BR' is not available; {SPOKEN}",
                f"site[0].moderator[0].language: 'nl' is not available; {SPOKEN}",
            ],
        ),
        (
            a_site(language="it-QQ"),
            [f"site[0].language: 'it-QQ' is not available; {SPOKEN}"],
        ),
        (a_site(pages=1), ["site[0].pages: must be a table"]),
        (
            a_site(
                pages={"origins_are_one": "some", "trailing_slash": True, "fragment_routes": "yes", "slash": 1}
            ),
            [
                "site[0].pages.origins_are_one: must be www, all or none",
                "site[0].pages.trailing_slash: must be text",
                "site[0].pages.fragment_routes: must be true or false",
                "site[0].pages.slash: is not a known setting",
            ],
        ),
        (
            a_site(pages={"index_files": ["index.html", "a/b.html", ""]}),
            [
                "site[0].pages.index_files[1]: must be a file's name alone, like index.html",
                "site[0].pages.index_files[2]: is missing",
            ],
        ),
        (
            a_site(pages={"ignore_parameters": ["a=1", "*"], "keep_parameters": ["*"]}),
            [
                "site[0].pages.ignore_parameters[0]: must be a parameter's name alone, without = and &",
                "site[0].pages.keep_parameters[0]: cannot be *, which stands in ignore_parameters only",
            ],
        ),
        (
            a_site(pages={"ignore_parameters": ["ref", "P"], "keep_parameters": ["p"]}),
            ["site[0].pages.ignore_parameters[1]: stands in keep_parameters, too"],
        ),
        (
            a_site(preview_origins=["preview.example", "https://*", "https://a.*.example", "ftp://a.example"]),
            [
                f"site[0].preview_origins[{number}]: must be scheme and host, "
                "with * for the first label or the port, like https://*.preview.example"
                for number in range(4)
            ],
        ),
        (
            a_site(preview_origins=["https://*.github.io", "https://*.co.uk:*", "https://*.Netlify.app"]),
            [
                f"site[0].preview_origins[{number}]: {pattern!r} lets in what others put there; "
                "put a name of your own behind the *"
                for number, pattern in enumerate(
                    ["https://*.github.io", "https://*.co.uk:*", "https://*.Netlify.app"]
                )
            ],
        ),
        (
            a_site(preview_origins=["https://*.a.example", "HTTPS://*.A.example"]),
            [
                (
                    "site[0].preview_origins[1]: 'HTTPS://*.A.example' is listed twice, "
                    "first as site[0].preview_origins[0]"
                )
            ],
        ),
        (a_site(preview_origins=["https://☃.example"]), ["site[0].preview_origins[0]: has an invalid host name"]),
        (a_site(timezone="Rome"), ["site[0].timezone: is not a known time zone; an example is Europe/Rome"]),
        (a_site(timezone="../etc"), ["site[0].timezone: is not a known time zone; an example is Europe/Rome"]),
        (a_site(api_keys=["secret"]), ["site[0].api_keys[0]: must be sha256: and 64 hexadecimal digits"]),
        (a_site(api_keys=[KEY, KEY]), ["site[0].api_keys[1]: is listed twice, first as site[0].api_keys[0]"]),
        (a_site(moderator=[]), ["site[0].moderator: needs at least one moderator"]),
        (a_site(moderators=[]), ["site[0].moderators: is not a known setting"]),
        (
            a_site(wordpress_pages={"due": "https://www.example.org/"}),
            ['site[0].wordpress_pages.due.key: must be the number of a WordPress page, such as "2"'],
        ),
        (
            a_site(wordpress_pages={"2": "https://evil.example/"}),
            ["site[0].wordpress_pages.2: 'https://evil.example/' is on no origin of the site"],
        ),
        (a_site(wordpress_pages={"2": "/chi-siamo"}), ["site[0].wordpress_pages.2.value: is not an http(s) URL"]),
        (a_site(wordpress_pages=["2"]), ["site[0].wordpress_pages: must be a table"]),
        (
            a_site(fields={"author_email": "perhaps", "name": "hidden"}),
            [
                "site[0].fields.author_email: must be required, optional or hidden",
                "site[0].fields.name: is not a known setting",
            ],
        ),
        (a_site(fields="optional"), ["site[0].fields: must be a table"]),
        (a_site(close_after_days=-1), ["site[0].close_after_days: must be from 0 to 36,500"]),
        (a_site(close_after_days=True), ["site[0].close_after_days: must be a whole number"]),
        (a_site(contact="redazione"), ["site[0].contact: is not an e-mail address: 'redazione'"]),
        (a_site(rules_url="regole"), ["site[0].rules_url: is not an http(s) URL"]),
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


HOOK, SIGNED_BY = "http://127.0.0.1:9000/check", "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_services_outside_are_read_with_their_secrets(tmp_path: Path) -> None:
    for name, secret in (("akismet", "the key"), ("hook", SIGNED_BY)):
        (tmp_path / name).write_text(f"{secret}\n", encoding="utf-8")
    screening = {
        "akismet": {"key_file": f"{tmp_path}/akismet"},
        "hook": {"url": HOOK, "secret_file": f"{tmp_path}/hook"},
    }
    [site, other] = sites_file.parse(
        {
            "site": [
                a_site(screening=screening),
                a_site(
                    id="blog",
                    origins=["https://blog.example.org"],
                    screening={"hook": {"url": HOOK, "kind": "openai", "model": "small"}},
                ),
            ]
        }
    )
    assert site.screening.akismet == Akismet(endpoint="https://rest.akismet.com/1.1/", key="the key")
    assert site.screening.hook == Hook(url=HOOK, kind=HookKind.SIGNED, secret=SIGNED_BY)
    assert other.screening.hook == Hook(url=HOOK, kind=HookKind.OPENAI, secret="", model="small")
    assert (site.screening.asks_outside, Screening().asks_outside) == (True, False)
    for secret in ("the key", SIGNED_BY):
        assert secret not in repr(site)


@pytest.mark.parametrize(
    ("screening", "found"),
    [
        ({"akismet": {}}, "akismet.key: is missing, or key_file: the service knows the site by it"),
        ({"akismet": {"key": "a", "key_file": "b"}}, "akismet.key: stands beside key_file; choose one of them"),
        (
            {"akismet": {"key_file": "/nowhere"}},
            "akismet.key_file: /nowhere cannot be read: No such file or directory",
        ),
        ({"akismet": {"key_file": "/dev/null"}}, "akismet.key_file: /dev/null is empty"),
        ({"hook": {"url": HOOK}}, "hook.secret: is missing, or secret_file: what is asked is signed by it"),
        (
            {"hook": {"url": HOOK, "secret": "x"}},
            "hook.secret: must be whsec_ and 24 to 64 random bytes in base64",
        ),
        ({"hook": {"url": HOOK, "kind": "openai"}}, "hook.model: is missing: it names the model that is asked"),
        ({"hook": {"url": HOOK, "kind": "x"}}, "hook.kind: must be signed or openai"),
    ],
)
def test_a_service_outside_that_cannot_be_asked_is_named(screening: dict[str, Any], found: str) -> None:
    assert faults(a_site(screening=screening)) == [f"site[0].screening.{found}"]


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
        sites_file.load(file)
    assert any(found.startswith(fault) for found in raised.value.faults)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SitesFileError) as raised:
        sites_file.load(tmp_path / "nothing.toml")
    assert raised.value.faults == [f"{tmp_path}/nothing.toml cannot be read: No such file or directory"]


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
    assert f"{file}: site[0].timezone: is not a known time zone; an example is Europe/Rome" in lines
    assert f"{file}: site[1].moderator[0].email: is not an e-mail address: 'olga'" in lines
    assert len(lines) == 7


@pytest.mark.parametrize("email", ["anna@nas.local", "anna@mail.test", "anna@box.home.arpa", "anna@mailhost"])
def test_a_moderator_may_have_a_local_address_where_the_setting_says_so(email: str) -> None:
    site = a_site(moderator=[a_moderator(email=email)])
    assert faults(site) == [
        f"site[0].moderator[0].email: has no public domain: {email!r}; MODERATION_LOCAL_ADDRESSES=on allows it"
    ]
    [found] = sites_file.parse({"site": [site]}, local_addresses=True)
    assert found.moderators[0].email == email


def test_answers_to_mail_may_have_an_address_of_the_site() -> None:
    [site] = sites_file.parse({"site": [a_site(reply_to="redazione@bücher.example.org")]})
    assert site.reply_to == "redazione@bücher.example.org"
    [without] = sites_file.parse({"site": [a_site()]})
    assert without.reply_to is None


def a_webhook(**changed: Any) -> dict[str, Any]:
    return {"id": "mirror", "url": "https://mirror.example.org/hook", "secret": SECRET} | changed


def test_webhooks_are_read_with_their_secrets_and_say_none(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(f"{SECRET}\n", encoding="utf-8")
    second.write_text(f"{OTHER_SECRET}\n", encoding="utf-8")
    from_files = a_webhook(id="files", secret_file=[str(first), str(second)])
    del from_files["secret"]
    hook = {"id": "build", "url": "https://x.example/secret-path", "kind": "build_hook", "debounce": 5}
    [site] = sites_file.parse({"site": [a_site(webhook=[a_webhook(), from_files, hook])]})
    mirror, files, build = site.webhooks
    assert (mirror.secrets, mirror.kind, mirror.allow_private) == ((SECRET,), WebhookKind.EVENTS, False)
    assert sorted(mirror.events) == ["erased", "published", "updated", "withdrawn"]
    assert mirror.debounce.total_seconds() == 60
    assert files.secrets == (SECRET, OTHER_SECRET)
    assert (build.secrets, build.kind, build.debounce.total_seconds()) == ((), WebhookKind.BUILD_HOOK, 5)
    for secret in (SECRET, OTHER_SECRET, "secret-path"):
        assert secret not in repr(site)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"url": "ftp://x.example"}, "url: is not an http(s) URL"),
        ({"secret": "whsec_short"}, "secret[0]: must be whsec_ and 24 to 64 random bytes in base64"),
        ({"secret": [SECRET, "no prefix"]}, "secret[1]: must be whsec_ and 24 to 64 random bytes in base64"),
        ({"secret": [SECRET] * 3}, "secret: must be one, or a list of two"),
        ({"secret": []}, "secret: must be one, or a list of two"),
        ({"secret_file": "/somewhere"}, "secret: stands beside secret_file; choose one of them"),
        ({"events": []}, "events: needs at least one event"),
        ({"events": ["approved"]}, "events[0]: must be published, updated, withdrawn or erased"),
        ({"kind": "push"}, "kind: must be events or build_hook"),
        ({"debounce": -1}, "debounce: must be from 0 to 14,400"),
        ({"allow_private": "yes"}, "allow_private: must be true or false"),
        ({"colour": "red"}, "colour: is not a known setting"),
    ],
)
def test_each_fault_of_a_webhook_is_named_with_its_place(changed: dict[str, Any], fault: str) -> None:
    assert faults(a_site(webhook=[a_webhook(**changed)])) == [f"site[0].webhook[0].{fault}"]


def test_webhooks_without_a_secret_or_with_a_file_that_holds_none_are_named(tmp_path: Path) -> None:
    unsigned = {name: value for name, value in a_webhook().items() if name != "secret"}
    place = "site[0].webhook[0].secret"
    assert faults(a_site(webhook=[unsigned])) == [f"{place}: is missing, or secret_file: events are signed by it"]
    missing, wrong = tmp_path / "missing", tmp_path / "wrong"
    wrong.write_bytes(b"\xff")
    assert faults(a_site(webhook=[unsigned | {"secret_file": str(missing)}])) == [
        f"{place}_file: {missing} cannot be read: No such file or directory"
    ]
    assert faults(a_site(webhook=[unsigned | {"secret_file": str(wrong)}])) == [
        f"{place}_file: {wrong} must hold whsec_ and 24 to 64 random bytes in base64"
    ]
    assert faults(a_site(webhook=[a_webhook(), a_webhook()])) == ["site[0].webhook: 'mirror' is listed twice"]


def test_reasons_are_checked_and_stand_beside_the_built_in_ones() -> None:
    content = tomllib.loads(SITES)
    site = content["site"][0]
    site["reason"] = [
        {"code": "insult", "text": {"it": "Niente insulti."}},
        {"code": "spoiler", "text": {"en": "x"}},
    ]
    found = sites_file.parse(content).get("coop")
    assert found is not None
    codes = [one.code for one in found.reasons]
    assert codes == ["off_topic", "insult", "personal_data", "advertising", "illegal", "spoiler", "other"]
    assert reason_texts.sentence("it", "it", found.reasons, "insult") == "Niente insulti."
    assert dict(reason_texts.choices("fr", "it", found.reasons))["spoiler"] == "x"
    site["reason"] = [
        {"code": "A b", "text": {"it": "x"}},
        {"code": "twice", "text": {"pt": "x"}},
        {"code": "twice", "text": {}},
    ]
    with pytest.raises(SitesFileError) as raised:
        sites_file.parse(content)
    places = sorted(one.partition(":")[0] for one in raised.value.faults)
    assert [one.removeprefix("site[0].") for one in places] == [
        "reason",
        "reason[0].code",
        "reason[1].text.pt.key",
        "reason[2].text",
    ]


def with_push(**changed: Any) -> dict[str, Any]:
    return a_site(moderator=[a_moderator() | changed])


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"push": "ntfy://host/topic"}, "push: must be a list"),
        ({"push": ["ntfy://host/topic"], "push_file": "/x"}, "push: stands beside push_file; choose one of them"),
        ({"push": ["no url"]}, "push[0]: is not a URL of Apprise, which begins like ntfy:// or tgram://"),
        ({"push": ["ntfy://host/topic", "smoke://a/b"]}, "push[1]: Apprise knows no service smoke://"),
        (
            {"push": ["tgram://short"]},
            "push[0]: Apprise cannot read what stands behind tgram://, or something is missing there",
        ),
        ({"push": ["ntfy://host/topic"] * 11}, "push: must be no more than 10 of them"),
    ],
)
def test_each_fault_of_push_is_named_with_its_place_and_without_the_url(
    changed: dict[str, Any], fault: str
) -> None:
    assert faults(with_push(**changed)) == [f"site[0].moderator[0].{fault}"]


def test_a_file_for_push_holds_a_url_in_each_line(tmp_path: Path) -> None:
    file = tmp_path / "push"
    file.write_text("# a phone\nntfy://host/secret-topic\n\nntfy://host/other\n", encoding="utf-8")
    content = with_push(push_file=str(file))
    [site] = sites_file.parse({"site": [content]})
    assert site.moderators[0].push == ("ntfy://host/secret-topic", "ntfy://host/other")
    assert "secret-topic" not in repr(site)
    assert not site.push_text
    assert site.escalate_after is None
    place = "site[0].moderator[0].push_file"
    file.write_text("smoke://secret-topic\n", encoding="utf-8")
    assert faults(content) == [f"{place}: URL 1: Apprise knows no service smoke://"]
    file.write_text("\n", encoding="utf-8")
    assert faults(content) == [f"{place}: {file} holds no URL"]
    file.unlink()
    assert faults(content) == [f"{place}: {file} cannot be read: No such file or directory"]


def test_push_without_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.setattr(services, "_library", services._library.__wrapped__)
    assert faults(with_push(push=["ntfy://host/topic"])) == [
        "site[0].moderator[0].push[0]: needs the package apprise: install moderation-service[push]"
    ]
