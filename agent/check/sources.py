"""The sources beside Prometheus asked in turn: does each answer, and hold what the settings expect?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from agent.check.lines import Line, good, missing, wrong
from agent.collect.http import HttpClient
from agent.config import Settings
from agent.config.sources import AlertmanagerSection, SearchSection
from agent.errors import OpsmendError
from agent.records import LogLine
from agent.stream.feeds import tell_lost

_LOOK_BACK = timedelta(hours=1)
_SAMPLE = 50  # lines


def check_sources(settings: Settings) -> Iterator[Line]:
    """Yield how each source beside Prometheus is, and the Alertmanager that is told of anomalies."""
    search, kafka = settings.collect.search, settings.collect.kafka
    if search is not None:
        yield from _check_search(search)
    if kafka is not None:
        from agent.collect.kafkacheck import check_kafka

        name = f"Kafka {','.join(kafka.brokers)}"
        try:
            yield good(name, f"answers; {check_kafka(kafka)}")
        except OpsmendError as error:
            yield wrong(name, str(error))
    if settings.notify.alertmanager is not None:
        yield from _check_alertmanager(settings.notify.alertmanager)


def _check_alertmanager(section: AlertmanagerSection) -> Iterator[Line]:
    name = f"Alertmanager {section.url}"
    client = HttpClient("Alertmanager", "notify.alertmanager", section)
    try:
        reply = client.send("GET", "/api/v2/status")
        if reply.status != 200:
            raise client.refuse(reply, str(reply.json() or ""), "url")
    except OpsmendError as error:
        yield wrong(name, str(error))
    else:
        yield good(name, "answers")
    finally:
        client.close()


def _check_search(section: SearchSection) -> Iterator[Line]:
    from agent.collect.search import SPAN, SearchSource

    source = SearchSource(section.model_copy(update={"page": _SAMPLE}))
    name = f"search engine {section.url}"
    now = datetime.now(UTC)
    try:
        yield good(name, f"answers; it is {source.check()}")
        with source.picture() as picture:
            counts = picture.count(now - _LOOK_BACK, now + SPAN)
            newest = max(counts, default=now - SPAN)  # also where nothing is: whether it can be sorted shows
            sample = next(picture.read(newest, newest), [])
        if lost := tell_lost(section, source.without_time()):
            yield missing(f"logs in {section.index}", lost)
    except OpsmendError as error:
        yield wrong(name, str(error))
        return
    finally:
        source.close()
    yield _logs_line(section, sum(counts.values()), sample)


def _logs_line(section: SearchSection, lines: int, sample: list[LogLine]) -> Line:
    """Say what the settings make of the newest lines."""
    what = f"logs in {section.index}"
    if not lines:
        keys = "collect.search.index, fields.time" + (", filter" if section.filter else "")
        return good(what, f"no lines within the last hour; where there should be some, look at {keys}")
    if not any(line.message for line in sample):
        tried = ", ".join(section.fields.message)
        return wrong(what, f"{lines} lines, none with a text in {tried} (collect.search.fields.message)")
    unknown = [name for name in ("service", "host") if not any(line.labels.get(name) for line in sample)]
    text = f"{lines} lines within the last hour"
    if unknown:
        keys = ", ".join(f"collect.search.fields.{name}" for name in unknown)
        text += f"; no {' and no '.join(unknown)} known of the newest ({keys})"
    return (good, missing, wrong)[len(unknown)](what, text)
