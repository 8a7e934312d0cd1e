"""One canonical form for all the addresses of a page, and no way off the site."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation_service.domain.comments import pages
from moderation_service.domain.comments.pages import InvalidPageError
from tests.support.hostile import HOSTILE_ADDRESSES

PAGE = "https://www.example.org/chi-siamo"
_CHARACTERS = st.lists(
    st.one_of(
        st.sampled_from("aAzéß/?#&=%;:@[]+ .~,2\\\t"),
        st.sampled_from(["utm_", "UTM%5F", "fbclid=", "%e9", "//", "..", "\ud800"]),
        st.characters(),
    ),
    max_size=40,
).map("".join)
_URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "HTTPS"]),
    st.one_of(st.sampled_from(["a.example", "BÜCHER.example", "[::1]", "[fe80::1%25eth0]", "x_y"]), _CHARACTERS),
    st.sampled_from(["", ":", ":80", ":443", ":8443", ":080"]),
    st.one_of(st.just(""), _CHARACTERS.map("/{}".format), _CHARACTERS.map("?{}".format)),
)


@given(_URLS)
def test_the_canonical_form_of_a_canonical_form_is_itself(url: str) -> None:
    try:
        once = pages.canonical(url)
    except InvalidPageError:
        return
    assert pages.canonical(once) == once
    assert once.isascii()
    assert once.isprintable()


@pytest.mark.parametrize(
    "url",
    [
        f"{PAGE}#respond",
        f"{PAGE}?utm_source=mail&utm_medium=x",
        f"{PAGE}?UTM_Source=mail",
        f"{PAGE}?utm%5Fsource=mail",
        f"{PAGE}?fbclid=1",
        f"{PAGE}?gclid=1&gbraid=1&wbraid=1&dclid=1&gad_source=1&gad_campaignid=1",
        f"{PAGE}?msclkid=1&ttclid=1&twclid=1&yclid=1&li_fat_id=1&srsltid=1",
        f"{PAGE}?mc_cid=1&mc_eid=1&_hsenc=1&_hsmi=1&mkt_tok=1&vero_id=1",
        f"{PAGE}?_gl=1&_ga=1&igsh=1&igshid=1&amp=1&amp",
        f"{PAGE}?unapproved=7&moderation-hash=1&cpage=2&comment_receipt=x",
        "https://www.example.org/./x/../chi-siamo",
        "https://www.example.org/%63hi%2Dsiamo",
        f"{PAGE}?replytocom=7#respond",
        f"{PAGE}?",
        f"{PAGE}?&",
        "HTTPS://WWW.Example.ORG/chi-siamo",
        "https://www.example.org:443/chi-siamo",
        "https://www.example.org:/chi-siamo",
    ],
)
def test_addresses_that_show_the_same_page_are_one_page(url: str) -> None:
    assert pages.canonical(url) == PAGE


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("http://a.example", "http://a.example/"),
        ("http://a.example:80", "http://a.example/"),
        ("http://a.example:443/", "http://a.example:443/"),
        ("https://a.example:8443/", "https://a.example:8443/"),
        ("https://a.example/?b=2&utm_x=1&a=1&b=2", "https://a.example/?b=2&a=1&b=2"),
        ("https://a.example/?utmost=1&gclids=2", "https://a.example/?utmost=1&gclids=2"),
        ("https://a.example/A//b/../c;d", "https://a.example/A//c;d"),
        ("https://a.example/%7ea%2f", "https://a.example/~a%2F"),
        ("https://a.example/a/./b/../c", "https://a.example/a/c"),
        ("https://a.example/%2E%2e/../a/..", "https://a.example/"),
        ("https://a.example/%41%zz%%37E?%7e=%2b+", "https://a.example/A%25zz%257E?~=%2B+"),
        ("https://a.example/%e8", "https://a.example/%E8"),
        ("https://a.example/caffe\u0300", "https://a.example/caffe%CC%80"),
        ("https://a.example/caffè?città=Forlì", "https://a.example/caff%C3%A8?citt%C3%A0=Forl%C3%AC"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://例え.example/", "https://xn--r8jz45g.example/"),
        ("https://[FE80:0::A]:443/", "https://[fe80::a]/"),
    ],
)
def test_what_is_no_page_of_its_own_is_dropped_and_all_else_keeps_its_order(url: str, canonical: str) -> None:
    assert pages.canonical(url) == canonical


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chi-siamo",
        "//www.example.org/",
        "ftp://www.example.org/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https:www.example.org",
        "https:///chi-siamo",
        "https://user:secret@www.example.org/",
        "https://www.example.org@evil.example/",
        "https://www.example.org\\@evil.example/",
        "https://www.example.org:65536/",
        "https://www.example.org:x/",
        "https://[::1/",
        "https://[v1.x]/",
        "https://[::1]evil.example/",
        "https://evil.example[::1]/",
        "https://exa mple.org/",
        "https://exa%6dple.org/",
        "https://exa<mple.org/",
        "https://☃.example/",
        "https://bü..example/",
        "https://www.example.org/\ud800",
        "https://www.example.org/?\udfff",
        "https://\ud800/",
    ],
)
def test_anything_but_an_http_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidPageError):
        pages.canonical(url)


@pytest.mark.parametrize(
    "urls",
    [
        ["https://a.example/%e8", "https://a.example/%E8", "https://a.example/è", "https://a.example/e\u0300"],
        ["https://a.example/caff%c3%a8", "https://a.example/caff%C3%A8", "https://a.example/caffe%CC%80"],
        ["https://a.example/?q=Forlì", "https://a.example/?q=Forli%cc%80", "https://a.example/?q=Forl%EC"],
        ["https://a.example/%7Ea", "https://a.example/~a"],
    ],
)
def test_spellings_of_one_address_are_one_page_and_each_keeps_an_address_that_works(urls: list[str]) -> None:
    found = [pages.page("coop", pages.canonical(url)) for url in urls]
    assert len({one.id for one in found}) == 1
    assert [one.url for one in found] == [pages.canonical(url) for url in urls]


def test_a_page_whose_address_was_canonical_before_keeps_its_id() -> None:
    assert pages.page("coop", PAGE).id == "d6d3dbf1-9c15-86e8-da30-e9e69295eaf9"


def test_a_page_is_known_by_its_site_and_address_alone() -> None:
    assert pages.page("coop", PAGE) == pages.page("coop", PAGE)
    assert len({pages.page(site, url).id for site in ("coop", "altro") for url in (PAGE, f"{PAGE}/")}) == 4


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        (PAGE, "https://www.example.org", "/chi-siamo"),
        ("http://a.example:8080/?x", "http://a.example:8080", "/"),
    ],
)
def test_origin_and_path_are_those_of_a_browser(url: str, origin: str, path: str) -> None:
    assert (pages.origin(url), pages.path(url)) == (origin, path)


@pytest.mark.parametrize(
    ("prefix", "path", "is_covered"),
    [
        ("/", "/", True),
        ("/", "/anything/at/all", True),
        ("/blog", "/blog", True),
        ("/blog", "/blog/", True),
        ("/blog", "/blog/a", True),
        ("/blog/", "/blog", True),
        ("/blog/", "/blog/a", True),
        ("/blog", "/blogs", False),
        ("/blog", "/blog-2/a", False),
        ("/blog", "/", False),
        ("/blog", "/a/blog", False),
        ("/blog/a", "/blog", False),
        ("/Blog", "/blog", False),
        ("/blog", "//blog/x", True),
        ("/blog", "/blog//x", True),
        ("//blog/", "/blog/x", True),
        ("/blog/a", "/blog//a", True),
        ("/blog", "/blog/../private", False),
        ("/private", "/blog/../private", True),
        ("/private", "/blog//../../private", True),
        ("/blog", "/blog/%2e%2E/private", False),
        ("/private", "/blog%2F..%2Fprivate", True),
        ("/private", "/blog%2f%2e%2e%2fprivate", True),
        ("/blog", "/blog%5C..%5Cprivate", False),
        ("/blog", "/%62log/x", True),
        ("/blog", "/blog/./x", True),
        ("/blog", "/../blog/x", True),
        ("/blog", "/blog/%252e%252e/private", True),
        ("/über", "/%C3%BCber/x", True),
        ("/caf\u00e9", "/cafe%CC%81", True),
        ("/blog", "/%FF/blog", False),
        ("/caff\u00e9", "/caff%E9/x", True),
        ("/caff%E9", "/caff%C3%A9", True),
    ],
)
def test_a_path_covers_by_whole_segments(prefix: str, path: str, is_covered: bool) -> None:  # noqa: FBT001
    assert pages.covers(prefix, path) is is_covered


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("/grazie", "https://www.example.org/grazie"),
        ("grazie?a=1#fine", "https://www.example.org/grazie?a=1#fine"),
        ("?ok", "https://www.example.org/caff%C3%A8?ok"),
        ("#fine", "https://www.example.org/caff%C3%A8?x=1#fine"),
        ("https://www.example.org:443/città#là", "https://www.example.org/citt%C3%A0#l%C3%A0"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://www.example.org/?utm_source=a", "https://www.example.org/?utm_source=a"),
    ],
)
def test_a_reference_is_read_as_a_browser_on_the_page_reads_it(reference: str, target: str) -> None:
    assert pages.resolve("https://www.example.org/caffè?x=1#respond", reference) == target


@pytest.mark.parametrize("reference", HOSTILE_ADDRESSES)
def test_a_hostile_reference_leads_to_no_other_origin_unseen(reference: str) -> None:
    target = pages.resolve(PAGE, reference)
    if target is None:
        return
    assert target.isascii()
    assert target.isprintable()
    assert "\\" not in target
    origin = pages.origin(pages.canonical(target))
    assert target.startswith(f"{origin}/")
    assert origin == "https://www.example.org" or "evil" in origin


@given(_URLS, _CHARACTERS)
def test_what_is_resolved_is_written_as_its_origin_says(base: str, reference: str) -> None:
    target = pages.resolve(base, reference)
    if target is not None:
        assert target.startswith(f"{pages.origin(pages.canonical(target))}/")
        assert target.isascii()
        assert target.isprintable()
