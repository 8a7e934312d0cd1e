from moderation_service.web.stream.event_log import EventLog
from moderation_service.web.stream.events import Event


def event(number: int, comment: str = "", size: int = 10) -> Event:
    return Event(number, comment or f"comment-{number}", b"x" * size)


def numbers(log: EventLog, after: int, largest: int = 1_000) -> list[int]:
    return [one.number for one in log.after(after, largest=largest)]


def test_readers_go_on_each_from_its_own_place() -> None:
    log = EventLog(4, "era")
    assert numbers(log, 4) == []
    log.add([event(5), event(7)], newest=8, epoch="era")
    log.add([event(9)], newest=9, epoch="later")
    assert [numbers(log, after) for after in (4, 5, 6, 8, 9, 12)] == [[5, 7, 9], [7, 9], [7, 9], [9], [], []]
    assert (log.floor, log.newest, log.epoch) == (4, 9, "later")


def test_a_piece_ends_before_it_is_too_large_but_has_one_event() -> None:
    log = EventLog(0, "era")
    log.add([event(number) for number in range(1, 6)], newest=5, epoch="era")
    assert numbers(log, 0, largest=25) == [1, 2]
    assert numbers(log, 2, largest=3) == [3]


def test_nobody_is_sent_a_state_that_has_passed() -> None:
    log = EventLog(0, "era")
    log.add([event(1, "a"), event(2, "b")], newest=2, epoch="era")
    log.add([event(3, "a")], newest=3, epoch="era")
    assert numbers(log, 0) == [2, 3]
    assert log.floor == 0


def test_the_oldest_leave_where_there_are_too_many_bytes() -> None:
    log = EventLog(0, "era", most_bytes=30)
    log.add([event(number) for number in range(1, 4)], newest=3, epoch="era")
    assert log.floor == 0
    log.add([event(4), event(6)], newest=7, epoch="era")
    assert (log.floor, numbers(log, log.floor)) == (2, [3, 4, 6])
    log.add([event(8, size=100)], newest=8, epoch="era")
    assert (log.floor, log.newest, numbers(log, 8)) == (8, 8, [])
