"""Every configured source asked in turn: does it answer, and does it hold what the settings expect?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.config import Settings
from agent.config.rulefiles import Rulebook
from agent.config.sources import SearchSection
from agent.errors import OpsmendError
from agent.records import LogLine
from agent.wiring import make_source

_LOOK_BACK = timedelta(hours=1)
_SAMPLE = 50  # lines


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at, and how it is."""

    what: str
    good: bool
    text: str


def check_sources(settings: Settings, book: Rulebook | None) -> Iterator[Line]:
    """Yield how each source is."""
    yield from _check_prometheus(settings, book)
    search, kafka = settings.collect.search, settings.collect.kafka
    if search is not None:
        yield from _check_search(search)
    if kafka is not None:
        from agent.collect.kafkacheck import check_kafka

        name = f"Kafka {','.join(kafka.brokers)}"
        try:
            yield Line(name, True, f"answers; {check_kafka(kafka)}")
        except OpsmendError as error:
            yield Line(name, False, str(error))


def _check_prometheus(settings: Settings, book: Rulebook | None) -> Iterator[Line]:
    source = make_source(settings)
    name = f"Prometheus {settings.collect.prometheus.url}"
    try:
        source.now()
        if book is None:
            yield Line(name, True, "answers")
            return
        poll = source.poll({id_: one.query for id_, one in book.signals.items()})
    except OpsmendError as error:
        yield Line(name, False, str(error))
        return
    finally:
        source.close()
    series = sum(len(answer.values) for answer in poll.answers.values())
    yield Line(name, True, f"answers; {series} series for {len(poll.answers)} signals")
    for id_, why in sorted(poll.failed.items()):
        yield Line(f"signal {id_}", False, why)
    silent = sorted(id_ for id_, answer in poll.answers.items() if not answer.values)
    if silent:
        yield Line("signals", True, f"no series yet for {', '.join(silent)}")


def _check_search(section: SearchSection) -> Iterator[Line]:
    from agent.collect.search import SPAN, SearchSource

    source = SearchSource(section.model_copy(update={"page": _SAMPLE}))
    name = f"search engine {section.url}"
    now = datetime.now(UTC)
    try:
        yield Line(name, True, f"answers; it is {source.check()}")
        with source.picture() as picture:
            counts = picture.count(now - _LOOK_BACK, now + SPAN)
            sample = next(picture.read(max(counts), max(counts)), []) if counts else []
    except OpsmendError as error:
        yield Line(name, False, str(error))
        return
    finally:
        source.close()
    yield _logs_line(section, sum(counts.values()), sample)


def _logs_line(section: SearchSection, lines: int, sample: list[LogLine]) -> Line:
    """Say what the settings make of the newest lines."""
    what = f"logs in {section.index}"
    if not lines:
        keys = "collect.search.index, fields.time" + (", filter" if section.filter else "")
        return Line(what, True, f"no lines within the last hour; where there should be some, look at {keys}")
    if not any(line.message for line in sample):
        tried = ", ".join(section.fields.message)
        return Line(
            what, False, f"{lines} lines, none with a text in {tried} (collect.search.fields.message)"
        )
    missing = [name for name in ("service", "host") if not any(line.labels.get(name) for line in sample)]
    text = f"{lines} lines within the last hour"
    if missing:
        keys = ", ".join(f"collect.search.fields.{name}" for name in missing)
        text += f"; no {' and no '.join(missing)} known of the newest ({keys})"
    return Line(what, len(missing) < 2, text)
