"""Prometheus asked once: does it answer, which hosts does it see, and by which exporters?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.check.lines import Line, good, wrong
from agent.collect import Poll, PrometheusSource
from agent.config import Settings
from agent.config.exporterfile import Exporter
from agent.config.rulefiles import Rulebook
from agent.errors import OpsmendError
from agent.instance import host_of, with_host
from agent.wiring import make_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Scraped:
    """Which hosts a Prometheus has samples of, and on which of them each exporter works.

    ``unlabelled`` are probed targets of which nobody knows which unit is behind them.
    """

    hosts: frozenset[str] = frozenset()
    exporters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unlabelled: tuple[str, ...] = ()

    def on(self, names: Collection[str]) -> set[str]:
        """Return the exporters that work on a host that is called by any of these names."""
        return {id_ for id_, hosts in self.exporters.items() if hosts & frozenset(names)}


def look_at_prometheus(
    settings: Settings, book: Rulebook, exporters: Mapping[str, Exporter]
) -> tuple[Sequence[Line], Scraped | None]:
    """Return how it is, and what it sees, None where it does not answer."""
    source = make_source(settings)
    name = f"Prometheus {settings.collect.prometheus.url}"
    try:
        poll = source.poll({id_: one.query for id_, one in book.signals.items()})
        scraped = _look_at_targets(source, exporters, poll)
    except OpsmendError as error:
        return [wrong(name, str(error))], None
    finally:
        source.close()
    return list(_lines(name, poll)), scraped


def _lines(name: str, poll: Poll) -> Iterator[Line]:
    series = sum(len(answer.values) for answer in poll.answers.values())
    yield good(name, f"answers; {series} series for {len(poll.answers)} signals")
    for id_, why in sorted(poll.failed.items()):
        yield wrong(f"signal {id_}", why)


def _look_at_targets(source: PrometheusSource, exporters: Mapping[str, Exporter], poll: Poll) -> Scraped:
    """Raise SourceError when it does not answer."""
    working = {
        id_: frozenset(_hosts(source, f"group by (instance) ({one.present})"))
        for id_, one in exporters.items()
    }
    # samples that are pushed come from hosts that have no "up"
    sampled = {with_host(labels).get("host", "") for one in poll.answers.values() for labels in one.labels}
    unlabelled = source.query('group by (instance) (probe_success{unit=""})')
    return Scraped(
        hosts=frozenset({*_hosts(source, "group by (instance) (up)"), *sampled} - {""}),
        exporters=working,
        unlabelled=tuple(sorted(labels.get("instance", "") for labels in unlabelled.labels)),
    )


def _hosts(source: PrometheusSource, query: str) -> set[str]:
    return {host_of(labels.get("instance", "")) for labels in source.query(query).labels} - {""}
