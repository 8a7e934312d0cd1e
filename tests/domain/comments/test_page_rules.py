"""Which addresses of a site are one page, by the rules that the site chooses."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain.comments import page_rules, pages
from moderation_service.domain.comments.page_rules import OriginsAreOne, PageRules, SitePages, TrailingSlash
from moderation_service.domain.comments.pages import InvalidPageError

WWW = "https://www.example.org"
ORIGINS = (WWW, "http://www.example.org", "https://example.org", "https://blog.example.org")
KEEP = TrailingSlash.KEEP


def site(origins: tuple[str, ...] = ORIGINS, *, previews: tuple[str, ...] = (), **rules: Any) -> SitePages:
    return SitePages("coop", origins, PageRules(**rules), previews=previews)


_SEGMENTS = st.lists(
    st.sampled_from(
        ["a", "b", "index.html", "INDEX.html", "index.php", "", ".", "..", "%7Ea", "è", "e\u0300", "%e8"]
    ),
    max_size=5,
).map("/".join)
_QUERIES = st.lists(
    st.sampled_from(["p=1", "p=2", "ref=x", "REF=y", "utm_id=3", "s=%41", "%73=A", ""]), max_size=4
)
_FRAGMENTS = st.sampled_from(["", "#/", "#!/", "#/a", "#/a/", "#!/a?x=1", "#respond", "#/è/../b"])
_URLS = st.builds(
    lambda origin, path, query, fragment: f"{origin}/{path}{'?' if query else ''}{'&'.join(query)}{fragment}",
    st.sampled_from([*ORIGINS, "https://old.example.com", "https://WWW.example.org:443"]),
    _SEGMENTS,
    _QUERIES,
    _FRAGMENTS,
)
_RULES = st.builds(
    PageRules,
    origins_are_one=st.sampled_from(OriginsAreOne),
    trailing_slash=st.sampled_from(TrailingSlash),
    index_files=st.lists(st.sampled_from(["index.html", "index.php", "è"]), unique=True).map(tuple),
    ignore_parameters=st.lists(st.sampled_from(["ref", "S", "*"]), unique=True).map(tuple),
    keep_parameters=st.sampled_from([(), ("p",)]),
    fragment_routes=st.booleans(),
)


@given(_URLS, _RULES)
def test_the_address_of_a_page_leads_to_the_same_page(url: str, rules: PageRules) -> None:
    found = SitePages("coop", ORIGINS, rules)
    page = found.page(url)
    assert found.page(page.url) == page
    assert pages.canonical(page.url, keep_route=rules.fragment_routes) == page.url


@given(_URLS, _RULES)
def test_addresses_that_are_equal_after_rfc_3986_are_one_page(url: str, rules: PageRules) -> None:
    found = SitePages("coop", ORIGINS, rules)
    canonical = pages.canonical(url, keep_route=True)
    assert found.page(canonical) == found.page(url)
    spelled = canonical.replace("/a", "/%61").replace("%C3", "%c3")
    assert found.page(spelled).id == found.page(url).id


@given(_URLS)
def test_with_every_rule_off_only_equal_addresses_are_one_page(url: str) -> None:
    strict = site(origins_are_one=OriginsAreOne.NONE, trailing_slash=KEEP, index_files=())
    canonical = pages.canonical(url)
    assert strict.page(url).id == pages.page("coop", canonical).id
    assert strict.page(url).url == canonical


@pytest.mark.parametrize(
    ("rules", "urls"),
    [
        ({}, [f"{WWW}/a", f"{WWW}/a/", f"{WWW}/a/index.html", f"{WWW}/a/index.htm", f"{WWW}/a/index.php"]),
        ({}, [f"{WWW}/", WWW, f"{WWW}/index.html", f"{WWW}/?utm_source=x"]),
        ({}, [f"{WWW}/a", "http://www.example.org/a", "https://example.org/a"]),
        ({"trailing_slash": KEEP}, [f"{WWW}/a/", f"{WWW}/a/index.html"]),
        ({"index_files": ("Übersicht.html",)}, [f"{WWW}/a", f"{WWW}/a/%C3%9Cbersicht.html"]),
        ({"origins_are_one": OriginsAreOne.ALL}, [f"{one}/a" for one in ORIGINS]),
        ({"ignore_parameters": ("Ref",)}, [f"{WWW}/a?p=1", f"{WWW}/a?ref=2&p=1", f"{WWW}/a?p=1&REF="]),
        ({"ignore_parameters": ("*",)}, [f"{WWW}/a", f"{WWW}/a?p=1&x"]),
        ({"ignore_parameters": ("*",), "keep_parameters": ("p",)}, [f"{WWW}/a?p=1", f"{WWW}/a?x=2&p=1"]),
        ({"fragment_routes": True}, [f"{WWW}/a#/b", f"{WWW}/a#/b/", f"{WWW}/a/#/%62"]),
        ({"fragment_routes": True}, [f"{WWW}/a", f"{WWW}/a#/", f"{WWW}/a#!/", f"{WWW}/a#respond"]),
    ],
)
def test_two_spellings_are_one_page(rules: dict[str, Any], urls: list[str]) -> None:
    assert len({site(**rules).page(url).id for url in urls}) == 1


@pytest.mark.parametrize(
    ("rules", "urls"),
    [
        ({}, [f"{WWW}/a", f"{WWW}/A", f"{WWW}/a/index.xhtml", f"{WWW}/a/Index.html", f"{WWW}/a?p=1"]),
        (
            {},
            [f"{WWW}/a", "https://blog.example.org/a", "https://example.org:8443/a", "https://old.example.com/a"],
        ),
        ({"trailing_slash": KEEP}, [f"{WWW}/a", f"{WWW}/a/", f"{WWW}/a//"]),
        ({"index_files": ()}, [f"{WWW}/a", f"{WWW}/a/index.html"]),
        ({"origins_are_one": OriginsAreOne.NONE}, [f"{one}/a" for one in ORIGINS]),
        ({"ignore_parameters": ("*",), "keep_parameters": ("p",)}, [f"{WWW}/a?p=1", f"{WWW}/a?p=2", f"{WWW}/a"]),
        ({"fragment_routes": True}, [f"{WWW}/a", f"{WWW}/a#/b", f"{WWW}/a#!/b", f"{WWW}/a#/b?x=1"]),
        ({"fragment_routes": True, "trailing_slash": KEEP}, [f"{WWW}/a#/b", f"{WWW}/a#/b/", f"{WWW}/a#/"]),
    ],
)
def test_what_a_rule_keeps_apart_are_pages_of_their_own(rules: dict[str, Any], urls: list[str]) -> None:
    assert len({site(**rules).page(url).id for url in urls}) == len(urls)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (f"{WWW}/a/index.html", f"{WWW}/a/index.html"),
        (f"{WWW}/a/", f"{WWW}/a/"),
        ("http://www.example.org/a/?ref=1&p=2#respond", f"{WWW}/a/?p=2"),
        ("https://example.org/a#/b/", f"{WWW}/a#/b/"),
        ("https://blog.example.org/a", "https://blog.example.org/a"),
        ("http://localhost:3000/a/", f"{WWW}/a/"),
        ("https://pr-7.preview.example/a", f"{WWW}/a"),
        ("https://x.pr-7.preview.example/a", "https://x.pr-7.preview.example/a"),
    ],
)
def test_a_pages_address_is_the_one_that_was_met_on_the_preferred_origin(url: str, address: str) -> None:
    found = site(
        ignore_parameters=("ref",),
        fragment_routes=True,
        previews=("http://localhost:*", "https://*.preview.example"),
    )
    assert found.page(url).url == address


def test_a_page_without_a_slash_keeps_the_id_that_it_always_had() -> None:
    assert site().page(f"{WWW}/chi-siamo").id == "d6d3dbf1-9c15-86e8-da30-e9e69295eaf9"


def test_what_changes_pages_changes_the_fingerprint() -> None:
    found = [
        site(),
        site(ORIGINS[:3]),
        site(ORIGINS[::-1]),
        site(trailing_slash=KEEP),
        site(index_files=()),
        site(ignore_parameters=("a",)),
        site(keep_parameters=("a",)),
        site(fragment_routes=True),
        site(previews=("http://localhost:*",)),
    ]
    assert len({one.fingerprint for one in found}) == len(found)
    assert site().fingerprint == site().fingerprint


def test_what_is_no_address_is_no_page() -> None:
    with pytest.raises(InvalidPageError):
        site().page("chi-siamo")


@pytest.mark.parametrize(
    ("pattern", "origin", "is_one"),
    [
        ("http://localhost:*", "http://localhost:3000", True),
        ("http://localhost:*", "http://localhost", True),
        ("http://localhost:*", "https://localhost:3000", False),
        ("http://localhost:*", "http://localhost.evil.example", False),
        ("https://*.preview.example", "https://a.preview.example", True),
        ("https://*.preview.example", "https://preview.example", False),
        ("https://*.preview.example", "https://a.b.preview.example", False),
        ("https://*.preview.example", "https://a.preview.example:8443", False),
        ("https://*.preview.example", "https://evilpreview.example", False),
        ("https://*.preview.example:*", "https://a.preview.example:8443", True),
        ("http://[::1]:*", "http://[::1]:3000", True),
        ("https://try.example.org", "https://try.example.org", True),
    ],
)
def test_a_pattern_stands_for_one_label_or_a_port(pattern: str, origin: str, is_one: bool) -> None:  # noqa: FBT001
    assert page_rules.matches(pattern, origin) is is_one
