"""What Prometheus scrapes in, the exporters that each host lacks and what that hides out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from agent.check.coverage import Coverage
from agent.check.lines import Line, good, missing
from agent.check.prometheus import Scraped
from agent.config import Settings
from agent.config.exporterfile import Exporter

_MOST_NAMED = 8


def arrivals_of(settings: Settings) -> set[str]:
    """Return the kinds of what arrives by itself that the settings take in."""
    found = set()
    if settings.collect.search is not None:
        found.add("log")
    if settings.collect.kafka is not None:
        found.add("event")
    if settings.api.listen is not None and settings.api.tokens_file is not None:
        found.add("alert")
    return found


def check_exporters(
    coverage: Coverage,
    exporters: Mapping[str, Exporter],
    scraped: Scraped,
    hosts: Mapping[str, Collection[str]],
) -> Iterator[Line]:
    """Yield of each exporter where it is missing and what nobody sees there; ``hosts`` are names by host."""
    present = {host: scraped.on(names) for host, names in hosts.items()}
    unserved: list[str] = []
    for id_, exporter in exporters.items():
        having = sorted(host for host, found in present.items() if id_ in found)
        lacking = sorted(set(present) - set(having))
        if exporter.everywhere and lacking:
            yield _lacking(coverage, exporter, lacking, present)
        elif having:
            yield good(f"exporter {id_}", f"on {_named(having)}")
        elif exporter.service and not scraped.exporters[id_]:
            unserved.append(f"{exporter.service} ({id_})")
        elif not exporter.everywhere and not scraped.exporters[id_]:
            hidden = coverage.hidden_by(id_, set().union(*present.values()))
            if hidden:
                yield missing(f"exporter {id_}", f"nowhere: {_hidden(hidden)} ({exporter.get})")
    if unserved:
        yield missing(
            "exporters of services", f"where one runs nobody sees its faults: {', '.join(unserved)}"
        )
    if scraped.unlabelled:
        yield missing(
            "probes",
            f"{_named(scraped.unlabelled)} have no label 'unit': when the probe fails nobody knows which "
            "service to repair",
        )


def _lacking(
    coverage: Coverage, exporter: Exporter, lacking: list[str], present: Mapping[str, set[str]]
) -> Line:
    hidden = sorted({fault for host in lacking for fault in coverage.hidden_by(exporter.id, present[host])})
    cost = _hidden(hidden) if hidden else "no fault depends on it alone"
    return missing(f"exporter {exporter.id}", f"not on {_named(lacking)}: {cost} ({exporter.get})")


def _hidden(faults: list[str]) -> str:
    return f"nobody sees {', '.join(faults)} there"


def _named(names: Collection[str]) -> str:
    ordered = sorted(names)
    shown = ", ".join(ordered[:_MOST_NAMED])
    return shown if len(ordered) <= _MOST_NAMED else f"{shown} and {len(ordered) - _MOST_NAMED} more"
