"""Name, labels and metadata of a metric in, what it measures and which direction is bad out.

The words are those of Prometheus' naming practice, OpenTelemetry's semantic conventions and the common
exporters. What no word fits is ``other``: a change of it counts, but proves less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

from agent.meaning.metadata import NO_METADATA, metadata_of
from agent.meaning.words import (
    AVAILABILITY,
    CANCELLED,
    CAPACITY,
    ERRORS,
    LATENCY,
    LEFT_OVER,
    OF_ROOM,
    RESOURCES,
    SATURATION,
    TRAFFIC,
    is_quantile,
    words_in,
    words_of,
)
from agent.records.evidence import Meaning
from agent.records.metadata import Metadata, MetricMetadata


class MetricRole(StrEnum):
    """What a series measures."""

    ERRORS = "errors"
    AVAILABILITY = "availability"
    LATENCY = "latency"
    TRAFFIC = "traffic"
    SATURATION = "saturation"
    OTHER = "other"


_BAD = {
    MetricRole.ERRORS: "high",
    MetricRole.AVAILABILITY: "low",
    MetricRole.LATENCY: "high",
    MetricRole.SATURATION: "high",
    MetricRole.TRAFFIC: "both",
    MetricRole.OTHER: "both",
}
_PER = re.compile(r"(?:^|_)per_(?!sec|min|hour|second|minute)[a-z]+$")
# a moment, a build, a setting: that it changes is no trouble by itself
_NO_MEASURE = re.compile(
    r"(?:_timestamp|_timestamp_seconds|_created|_info|"
    r"(?:^|_)(?:start|boot|build|creation|modification|expiry|last\w*)_time(?:_seconds)?|^node_time_seconds)$"
)
_COUNTED = frozenset({"total", "count", "num", "number"})
_SHARES = frozenset({"ratio", "rate", "pct", "percent", "percentage", "share", "availability"})
_PAGE_FAULTS = words_in("pgfault pgfaults pgmajfault pgmajfaults pagefaults minflt majflt")
_MAJOR = frozenset({"major", "pgmajfault", "pgmajfaults", "majflt"})
_KINDS = ("mode", "state", "type", "kind", "failure_type")  # labels that say of what a series is a part
_REPLICAS = frozenset({"replica", "replicas"})
_KEPT = words_in("key keys item items session sessions entry entries object objects")
_HOW_MUCH = RESOURCES | CAPACITY | {"bytes", "node", "container", "spec", "machine", "host", "cores"}
_LOOSE_LATENCY = frozenset({"seconds", "ms", "millis", "milliseconds", "wait", "waiting", "response"})
_TIME_UNITS = frozenset({"s", "seconds", "second", "milliseconds", "ms", "microseconds", "us"})
# what a label says of how a request ended, in the words of HTTP, gRPC, Micrometer and Envoy
_OUTCOMES = words_in(
    "code status status_code response_code http_status http_status_code http_response_status_code "
    "grpc_code grpc_status grpc_response_status rpc_grpc_status_code outcome result exit"
)
_BAD_OUTCOME = re.compile(
    r"5(?:\d\d|xx)|server_?error|errors?|fail(?:ed|ure)?|unavailable|internal|deadline_?exceeded|timeout|"
    r"unknown|aborted|data_?loss|resource_?exhausted|exception",
    re.IGNORECASE,
)
_PER_REQUEST = re.compile(r"(?:seconds|milliseconds|duration|latency|time|delay|ms|size|bytes)_count$")
_COUNTED_NAME = re.compile(r"_(?:total|count|sum|bucket)$")


def meaning_of(name: str, labels: Mapping[str, str], metadata: Metadata = NO_METADATA) -> Meaning:
    """Return role and bad direction (``high``, ``low`` or ``both``) of a series.

    >>> meaning_of("istio_requests_total", {"response_code": "503"})
    Meaning(role='errors', bad='high')
    >>> meaning_of("node_filesystem_avail_bytes", {}), meaning_of("cpu_seconds_total", {"mode": "idle"})
    (Meaning(role='saturation', bad='low'), Meaning(role='saturation', bad='low'))
    """
    known, part = metadata_of(name, metadata)
    role, room = _read(name, known, part)
    if role in (MetricRole.TRAFFIC, MetricRole.LATENCY) and _is_count(name, known, part):
        for label in _OUTCOMES & labels.keys():
            if _BAD_OUTCOME.fullmatch(labels[label]) and not name.endswith("_sum"):
                return Meaning(MetricRole.ERRORS.value, "high")
    if any(labels.get(label) in _PAGE_FAULTS for label in _KINDS):
        return Meaning(MetricRole.OTHER.value, "both")
    if role is MetricRole.SATURATION and any(labels.get(label) in LEFT_OVER for label in _KINDS):
        room = True
    return Meaning(role.value, "low" if room else _BAD[role])


@lru_cache(maxsize=65_536)
def _read(name: str, known: MetricMetadata, part: str) -> tuple[MetricRole, bool]:
    """Return a role, and whether it is what is left of a resource."""
    if part == "_bucket" or name.endswith("_bucket") or _NO_MEASURE.search(name):
        return MetricRole.OTHER, False
    if part == "_count" or _PER_REQUEST.search(name):
        return MetricRole.TRAFFIC, False
    words = frozenset(words_of(_PER.sub("", name)))
    role, room = _of_words(words, known)
    if role is MetricRole.OTHER and known.help:
        said = frozenset(words_of(known.help.partition(".")[0]))
        role, room = _of_words(said - {"total", "number", "count", "time", "rate"}, known)
    if role is MetricRole.OTHER and known.type in ("histogram", "summary") and known.unit in _TIME_UNITS:
        return MetricRole.LATENCY, False
    return role, room


def _of_words(words: frozenset[str], known: MetricMetadata) -> tuple[MetricRole, bool]:
    stems = words | {word.rstrip("0123456789") for word in words}
    if stems & _PAGE_FAULTS or (stems & {"page", "pages"} and stems & {"fault", "faults"}):
        return (MetricRole.SATURATION if stems & _MAJOR else MetricRole.OTHER), False
    if "expired" in stems and stems & _KEPT:
        return MetricRole.TRAFFIC, False
    if stems & CANCELLED:  # the caller gave up (gRPC CANCELLED, HTTP 499): the callee is the victim of it
        return MetricRole.TRAFFIC, False
    if stems & ERRORS:
        return MetricRole.ERRORS, False
    room = bool(stems & LEFT_OVER) and bool(stems & OF_ROOM)
    if stems & AVAILABILITY and stems & _REPLICAS:
        return MetricRole.OTHER, False  # fewer of them are wanted where a workload is scaled down
    if stems & AVAILABILITY and not room:
        counted = known.type == "counter" or (stems & _COUNTED and not stems & _SHARES)
        return (MetricRole.TRAFFIC if counted else MetricRole.AVAILABILITY), False
    resource = stems & RESOURCES
    if stems & (LATENCY - (_LOOSE_LATENCY if resource else frozenset())) or any(map(is_quantile, words)):
        return MetricRole.LATENCY, False
    if room:
        return MetricRole.SATURATION, True
    if resource and stems & CAPACITY and known.type != "counter" and stems <= _HOW_MUCH:
        return MetricRole.OTHER, False  # how much there is, not how much is used
    if stems & SATURATION:
        return MetricRole.SATURATION, False
    return (MetricRole.TRAFFIC if stems & TRAFFIC else MetricRole.OTHER), False


def _is_count(name: str, known: MetricMetadata, part: str) -> bool:
    return known.type == "counter" or part == "_count" or bool(_COUNTED_NAME.search(name))


def is_share(name: str) -> bool:
    """Return whether a metric's name says that it is a share of a whole: 0..1 or percent."""
    return bool(
        frozenset(words_of(name))
        & {"ratio", "pct", "percent", "percentage", "utilization", "utilisation", "used", "full"}
    )


def bad_direction(role: MetricRole) -> int:
    """Return 1 when more is bad, -1 when less is bad, 0 when both are a change."""
    return {"high": 1, "low": -1, "both": 0}[_BAD[role]]
