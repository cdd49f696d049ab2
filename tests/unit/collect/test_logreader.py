"""Lines of a log are found whatever the clock does, and many writers cost a bounded number of rows."""

from contextlib import contextmanager
from datetime import timedelta

from agent.collect.logcount import LineCounter
from agent.collect.logreader import LogReader
from agent.config.sources import SearchSection
from agent.records import LogLine
from agent.store.logs import LogStore
from tests.make import NOW

SECTION = SearchSection(url="http://127.0.0.1:1", history="10m", late="5m")
SPAN = timedelta(seconds=10)


class Lines:
    """A log source that holds some lines."""

    def __init__(self, *moments):
        self.moments = list(moments)

    @contextmanager
    def picture(self):
        yield self

    def count(self, start, end):
        spans = [_floor(at) for at in self.moments if start <= at < end]
        return {span: spans.count(span) for span in spans}

    def read(self, span, since):
        found = [at for at in self.moments if max(span, since) <= at < span + SPAN]
        yield [LogLine(id=str(at), at=at, message="m", labels={"host": "web1"}) for at in found]


def _floor(at):
    return at.replace(second=at.second // 10 * 10, microsecond=0)


def test_a_clock_that_was_set_back_loses_no_line_and_counts_none_twice(database, caplog):
    lines = Lines(NOW - timedelta(minutes=1))
    reader = LogReader("search", lines, LogStore(database), LineCounter(), SECTION)
    ahead = NOW + timedelta(hours=1)
    lines.moments.append(ahead - timedelta(minutes=1))
    assert reader.read(ahead) == 1
    assert reader.read(ahead) == 0
    lines.moments.append(NOW + timedelta(seconds=5))
    assert reader.read(NOW + timedelta(seconds=10)) == 2
    assert "set back" in caplog.text
    lines.moments.append(NOW + timedelta(seconds=15))
    assert reader.read(NOW + timedelta(seconds=20)) == 1
    assert reader.read(ahead + timedelta(minutes=1)) == 0


def test_a_field_that_differs_from_line_to_line_fills_no_store():
    counter = LineCounter()
    rows = set()
    for page in range(30):
        lines = [
            LogLine(id="", at=NOW + SPAN * (page // 10), message="m", labels={"service": f"s{page}-{n}"})
            for n in range(500)
        ]
        counted = counter.count(lines)
        assert sum(one.lines for one in counted.counts) == len(lines)
        rows |= {(one.at, one.key, one.labels["service"]) for one in counted.counts}
    assert len({service for _, _, service in rows}) == 2001
    later = LogLine(id="", at=NOW + timedelta(hours=2), message="m", labels={"service": "shop"})
    assert counter.count([later]).counts[0].labels == {"service": "shop"}
