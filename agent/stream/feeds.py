"""The settings and the store in, the feeds of logs and events out. Only what is configured is imported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from agent import metrics
from agent.clock import Clock
from agent.collect.logseries import LogSeries
from agent.config.rulefiles import Rulebook
from agent.config.settings import Settings
from agent.config.sources import KafkaSection, SearchSection
from agent.records import Event
from agent.store import Stores
from agent.stream.feed import Feed
from agent.stream.marks import ReadMarks
from agent.stream.outlook import asked_for

_LOOK_EVERY_S = 600.0  # for documents that no reading finds


def make_feeds(
    settings: Settings,
    stores: Stores,
    book: Callable[[], Rulebook],
    series: LogSeries | None,
    hand_on: Callable[[Any], None],
    marks: ReadMarks,
    clock: Clock,
) -> Iterator[Feed]:
    """Yield a feed for each source; what they have kept is handed on."""
    collect = settings.collect
    if collect.search is not None and series is not None:
        yield _search_feed(collect.search, stores, book, series, hand_on, marks, clock)
    if collect.kafka is not None:
        yield _kafka_feed(collect.kafka, stores, hand_on, marks, clock)


def _search_feed(
    section: SearchSection,
    stores: Stores,
    book: Callable[[], Rulebook],
    series: LogSeries,
    hand_on: Callable[[Any], None],
    marks: ReadMarks,
    clock: Clock,
) -> Feed:
    from agent.collect.logcount import Counted, LineCounter
    from agent.collect.logreader import LogReader
    from agent.collect.search import SearchSource

    source = SearchSource(section)
    counter = LineCounter(stores.logs.templates())
    watched: Rulebook | None = None

    def kept(counted: Counted) -> None:
        series.add(counted.counts)
        feed.count(counted.lines)
        for count in counted.counts:
            if count.kind == "pattern":
                hand_on(count)

    reader = LogReader("search", source, stores.logs, counter, section, kept)

    looked_at = -_LOOK_EVERY_S

    def look_for_lost() -> None:
        nonlocal looked_at
        if time.monotonic() - looked_at < _LOOK_EVERY_S:
            return
        looked_at = time.monotonic()
        feed.remark(tell_lost(section, source.without_time()))

    def read() -> int:
        nonlocal watched
        if watched is not book():
            watched = book()
            counter.watch(asked_for(watched).patterns)
        now = clock.now()
        reader.read(now)
        look_for_lost()
        marks.put("log", now)
        series.finish()
        return 0  # counted page by page: the first reading after an outage is long

    feed = Feed("search", read, section.every.total_seconds(), source.close)
    return feed


def tell_lost(section: SearchSection, documents: int) -> str:
    """Return what to say of documents that no reading finds."""
    if not documents:
        return ""
    return (
        f"{documents} documents have no {section.fields.time} and are never read (collect.search.fields.time)"
    )


def _kafka_feed(
    section: KafkaSection,
    stores: Stores,
    hand_on: Callable[[Any], None],
    marks: ReadMarks,
    clock: Clock,
) -> Feed:
    from agent.collect.kafka import KafkaSource

    made: list[KafkaSource] = []
    told: set[int] = set()

    def keep(events: Sequence[Event]) -> int:
        new = stores.events.take(events, clock.now())
        for event in events:
            hand_on(event)
        return new

    def read() -> int:
        if not made:
            made.append(KafkaSource(section, keep))
        began = clock.now()
        new = made[0].read()
        lags = made[0].lag()
        if lags and not any(lags.values()):  # of partitions that others have, others know
            marks.put("event", began)
        _tell_lag(section.topic, told, lags)
        return new

    def close() -> None:
        for source in made:
            source.close()

    return Feed("kafka", read, 0.0, close)


def _tell_lag(topic: str, told: set[int], lags: Mapping[int, int]) -> None:
    """Tell the lag of the partitions that are ours; of one that another agent has now, it tells."""
    for partition in told - lags.keys():
        metrics.KAFKA_LAG.remove(topic, str(partition))
    told.intersection_update(lags)
    for partition, lag in lags.items():
        metrics.KAFKA_LAG.labels(topic, str(partition)).set(lag)
        told.add(partition)
