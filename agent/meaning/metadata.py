"""Prometheus' metadata in, as ``/api/v1/metadata`` answers it: type, unit and help of each metric out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.records.metadata import Metadata, MetricMetadata, MetricType

_TYPES: Mapping[str, MetricType] = {
    "counter": "counter",
    "gauge": "gauge",
    "histogram": "histogram",
    "gaugehistogram": "histogram",
    "summary": "summary",
}
_PARTS = ("_bucket", "_count", "_sum", "_created")
_SAID = frozenset({"seconds", "bytes", "ratio"})
_LONGEST = 500  # characters of a help that are read
_MOST = 100_000  # metrics


NO_METADATA: Metadata = {}
_NOTHING = MetricMetadata()


def read_metadata(content: Any) -> dict[str, MetricMetadata]:
    """Return the metadata in the body of an answer, or in its ``data``; what is odd is left out.

    Targets may differ about a metric; then nothing is known of its type.
    """
    data = content.get("data", content) if isinstance(content, Mapping) else {}
    found: dict[str, MetricMetadata] = {}
    for name, entries in list(data.items())[:_MOST] if isinstance(data, Mapping) else ():
        said = [one for one in entries if isinstance(one, Mapping)] if isinstance(entries, list) else []
        if not said:
            continue
        types = {_TYPES.get(str(one.get("type", "")), "unknown") for one in said}
        found[str(name)] = MetricMetadata(
            next(iter(types)) if len(types) == 1 else "unknown",
            str(said[0].get("unit", "") or "")[:64],
            str(said[0].get("help", "") or "")[:_LONGEST],
        )
    return found


def unit_of(name: str, metadata: Metadata) -> str:
    """Return a unit (``seconds``, ``bytes`` or ``ratio``) as far as metadata or the name says it.

    >>> unit_of("http_request_duration_seconds_sum", {}), unit_of("up", {})
    ('seconds', '')
    """
    known, _ = metadata_of(name, metadata)
    words = name.removesuffix("_total").removesuffix("_sum").split("_")
    said = known.unit or next((word for word in reversed(words[-2:]) if word in _SAID), "")
    return said if not name.endswith(("_count", "_bucket")) and said in _SAID else ""


def metadata_of(name: str, metadata: Metadata) -> tuple[MetricMetadata, str]:
    """Return what is known of a metric, and which part of a histogram or summary it is, such as ``_sum``.

    OpenMetrics names a counter's family without its ``_total``.
    """
    known = metadata.get(name) or metadata.get(name.removesuffix("_total"))
    if known is not None:
        return known, ""
    for part in _PARTS:
        if name.endswith(part):
            family = metadata.get(name.removesuffix(part))
            if family is not None and family.type in ("histogram", "summary"):
                return family, part
    return _NOTHING, ""
