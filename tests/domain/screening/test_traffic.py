"""What a process counts of a site, and what it takes over from others."""

from moderation_service.domain.screening.alikeness import sketch
from moderation_service.domain.screening.traffic import ALIKE_FROM, SiteTraffic

SPAM = "Make money from home with this simple trick that {} banks do not want you to know about"
HONEST = "The part about the harvest reminded me of my grandparents"
MINUTE, PAGE = 29_000_000, 7


def posted(traffic: SiteTraffic, text: str, network: str, *, minute: int = MINUTE, page: int = PAGE) -> None:
    traffic.add(minute, page, sketch(text), network)


def test_posts_count_within_their_window_on_their_page() -> None:
    traffic = SiteTraffic(10)
    for minute in range(12):
        posted(traffic, HONEST, "here", minute=MINUTE + minute, page=minute % 2)
    assert traffic.on_site(MINUTE + 11) == 10
    assert traffic.on_page(MINUTE + 11, 0) == traffic.on_page(MINUTE + 11, 1) == 5
    assert traffic.on_page(MINUTE + 11, 2) == 0
    assert traffic.in_minutes(MINUTE, MINUTE + 9) == 10
    assert traffic.on_site(MINUTE + 20) == 1
    assert traffic.on_site(MINUTE + 21) == 0


def test_a_text_is_spread_once_much_the_same_came_from_many_networks() -> None:
    traffic = SiteTraffic(10)
    for number in range(3 * ALIKE_FROM):
        posted(traffic, SPAM.format("the"), f"{number % (ALIKE_FROM - 1)}")
    assert not traffic.alike(MINUTE, sketch(SPAM.format("the"))).is_spread
    posted(traffic, SPAM.format("the"), "another")
    found = traffic.alike(MINUTE, sketch(SPAM.format("their")))
    assert found.is_spread
    assert found.posts > 2 * ALIKE_FROM
    assert found.group == sketch(SPAM.format("the")).whole
    honest = traffic.alike(MINUTE, sketch(HONEST))
    assert (honest.group, honest.is_spread) == (sketch(HONEST).whole, False)


def test_copies_use_up_nothing_of_what_page_and_site_may_get() -> None:
    traffic = SiteTraffic(10)
    for number in range(100):
        posted(traffic, SPAM, f"{number}")
    assert traffic.on_site(MINUTE) == traffic.on_page(MINUTE, PAGE) == ALIKE_FROM
    assert traffic.in_minutes(MINUTE, MINUTE) == 100


def test_texts_that_change_little_by_little_stay_in_one_group() -> None:
    traffic = SiteTraffic(10)
    words = f"{SPAM} {HONEST} {SPAM[::-1]}".split()
    groups = set()
    for number in range(20):
        text = " ".join(words)
        groups.add(traffic.alike(MINUTE, sketch(text)).group)
        posted(traffic, text, str(number))
        words[number % len(words)] += "x" if number % 4 == 0 else ""
    assert len(groups) == 1


def test_a_text_is_forgotten_an_hour_after_the_last_one() -> None:
    traffic = SiteTraffic(10)
    for number in range(ALIKE_FROM):
        posted(traffic, SPAM, f"{number}")
    assert traffic.alike(MINUTE + 60, sketch(SPAM)).is_spread
    assert not traffic.alike(MINUTE + 61, sketch(SPAM)).is_spread
    posted(traffic, SPAM, "again", minute=MINUTE + 61)
    assert traffic.alike(MINUTE + 61, sketch(SPAM)).posts == 1


def test_short_texts_are_like_none() -> None:
    traffic = SiteTraffic(10)
    for number in range(50):
        posted(traffic, "grazie!", f"{number}")
    assert not traffic.alike(MINUTE, sketch("Grazie")).is_spread


def test_what_others_report_counts_once_however_often_they_do() -> None:
    one, other = SiteTraffic(10), SiteTraffic(10)
    for number in range(ALIKE_FROM + 1):
        posted(one if number % 2 else other, SPAM, f"{number}")
    for _ in range(3):
        one.hear([other.report(MINUTE)])
        other.hear([one.report(MINUTE)])
    for each in (one, other):
        assert each.on_site(MINUTE) == each.on_page(MINUTE, PAGE) == ALIKE_FROM + 1
        assert each.in_minutes(MINUTE, MINUTE) == ALIKE_FROM + 1
        found = each.alike(MINUTE, sketch(SPAM))
        assert (found.posts, found.is_spread) == (ALIKE_FROM + 1, True)
    assert one.alike(MINUTE, sketch(SPAM)).group == other.alike(MINUTE, sketch(SPAM)).group
    other.hear([])
    assert other.on_site(MINUTE) == ALIKE_FROM / 2 + 0.5
    assert (one.is_changed, other.is_changed) == (False, False)


def test_a_text_is_reported_while_it_comes_repeatedly_and_again_when_it_comes_back() -> None:
    traffic = SiteTraffic(10)

    def heard(minute: int) -> int:
        other = SiteTraffic(10)
        other.hear([traffic.report(minute)])
        return other.alike(minute, sketch(SPAM)).posts

    posted(traffic, SPAM, "a")
    assert heard(MINUTE) == 0
    posted(traffic, SPAM, "b")
    assert heard(MINUTE) == heard(MINUTE + 60) == 2
    assert heard(MINUTE + 61) == 0
    posted(traffic, SPAM, "c", minute=MINUTE + 62)
    assert heard(MINUTE + 62) == 0
    posted(traffic, SPAM, "d", minute=MINUTE + 62)
    assert heard(MINUTE + 62) == 2


def test_memory_and_reports_are_bounded() -> None:
    traffic = SiteTraffic(10)
    for number in range(30_000):
        text = "".join(chr(97 + int(digit)) for digit in str(number))
        posted(traffic, f"{text} a{text} b{text} c{text}", f"{number}", page=number // 2)
    assert len(traffic._texts) == 20_000
    assert len(traffic._pages) == 5_000
    assert len(traffic.report(MINUTE)) < 100_000
    assert traffic.on_site(MINUTE) == 30_000
