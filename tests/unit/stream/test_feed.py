"""Feeds: slower while a source fails, quick again when it answers, and never chatty."""

import logging

from agent.errors import SourceUnreachable
from agent.stream.feed import Feed


class Source:
    """Answers what it is told to: a number of records, or an error."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def read(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_failures_slow_a_feed_down_and_success_makes_it_quick_again():
    down = [SourceUnreachable("down")] * 8
    feed = Feed("test", Source(*down, 3, SourceUnreachable("down")).read, every_s=2.0)
    pauses = [feed.turn() for _ in range(10)]
    longest = [0.5, 1, 2, 4, 8, 8, 8, 8]
    assert all(0.75 * most <= pause <= most for pause, most in zip(pauses[:8], longest, strict=True))
    assert pauses[8] == 2.0
    assert pauses[9] <= 0.5


def test_the_same_trouble_is_said_once_and_its_end_too(caplog):
    logging.getLogger("opsmend").propagate = True
    same = SourceUnreachable("down (collect.x.url)")
    feed = Feed("test", Source(same, same, same, SourceUnreachable("401"), 1, 1).read, every_s=0.0)
    with caplog.at_level(logging.INFO):
        for _ in range(6):
            feed.turn()
    assert [record.getMessage() for record in caplog.records] == [
        "source cannot be read for now",
        "source cannot be read for now",
        "source answers again",
    ]
    assert feed.trouble is None
    assert feed.records == 2


def test_an_unforeseen_error_does_not_end_the_feed():
    feed = Feed("test", Source(ZeroDivisionError("oops"), 5).read, every_s=1.0)
    feed.turn()
    assert "oops" in feed.trouble
    feed.turn()
    assert feed.records == 5
