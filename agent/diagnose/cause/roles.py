"""The name and labels of a series in, its role out: what it measures, and which direction is bad.

A signal of the rule files says its role; a metric of a stranger's file has only its name. The words
below are those of Prometheus' naming practice, OpenTelemetry's semantic conventions and the common
exporters. What no word fits is ``other``: a change of it counts, but proves less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache


class MetricRole(StrEnum):
    """What a series measures."""

    ERRORS = "errors"
    AVAILABILITY = "availability"
    LATENCY = "latency"
    TRAFFIC = "traffic"
    SATURATION = "saturation"
    OTHER = "other"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+")
_PER = re.compile(r"(?:^|_)per_(?!sec|min|hour|second|minute)[a-z]+$")
_COUNTER = re.compile(r"[_\-.:](?:total|count|sum|bucket)$")
# in the order they are tried: "http_request_errors_total" is about errors, not traffic
_WORDS: tuple[tuple[MetricRole, frozenset[str]], ...] = (
    (
        # the caller gave up (gRPC CANCELLED, HTTP 499): the callee is the victim of it
        MetricRole.TRAFFIC,
        _words("cancelled canceled cancel cancellations 499"),
    ),
    (
        MetricRole.ERRORS,
        _words(
            "error errors err errs 5xx 4xx 500 502 503 504 fail failed failure failures fault faults "
            "exception exceptions panic panics timeout timeouts reject rejected rejects refused "
            "dropped drops discarded lost loss oom oomkill restart restarts retry retries retrans "
            "retransmits abort aborted unhealthy throttle throttles deadlock deadlocks crash crashes "
            "expired invalid"
        ),
    ),
    (
        MetricRole.AVAILABILITY,
        _words("availability available up success successful healthy ready alive"),
    ),
    (
        MetricRole.LATENCY,
        _words(
            "latency lat duration delay elapsed rt rtt p50 p75 p90 p95 p99 p999 quantile ms millis "
            "seconds age lag wait response mrt respond"
        ),
    ),
    (
        MetricRole.SATURATION,
        _words(
            "cpu mem memory rss heap gc swap disk fs filesystem inode inodes iowait queue queued "
            "depth pool connections conns threads goroutines fd fds sockets socket saturation "
            "utilization utilisation usage used throttled throttling pressure load load1 load5 limit "
            "backlog buffer memused working evictions blocked pending diskio io"
        ),
    ),
    (
        MetricRole.TRAFFIC,
        _words(
            "request requests req reqs rps qps tps throughput workload traffic calls count total rate "
            "ops messages packets bytes received sent receive transmit rx tx network net queries "
            "writes reads sec min hits lps volume num"
        ),
    ),
)
# "cpu_usage_seconds_total", "disk_io_time_seconds": seconds of a resource are no latency
_RESOURCE = _words("cpu mem memory disk io fs filesystem gc network net throttled throttling")
_LOOSE_LATENCY = _words("seconds ms millis wait response")


@lru_cache(maxsize=65_536)
def role_of(name: str) -> MetricRole:
    """Return the role that a metric's name tells.

    >>> role_of("http_requests_failed_total").value, role_of("container_cpu_usage_seconds_total").value
    ('errors', 'saturation')
    """
    words = [word.lower() for word in _BOUNDARY.split(_PER.sub("", name)) if word]
    known = set(words) | {word.rstrip("0123456789") for word in words}
    resource = known & _RESOURCE
    for role, vocabulary in _WORDS:
        found = known & vocabulary
        if role is MetricRole.LATENCY and resource:
            found -= _LOOSE_LATENCY
        if found:
            return role
    return MetricRole.OTHER


# what a label says of how a request ended, in the words of HTTP, gRPC, Micrometer and Envoy
_OUTCOMES = _words(
    "code status status_code response_code http_status http_status_code http_response_status_code "
    "grpc_code grpc_status grpc_response_status rpc_grpc_status_code outcome result exit"
)
_BAD_OUTCOME = re.compile(
    r"5(?:\d\d|xx)|server_?error|errors?|fail(?:ed|ure)?|unavailable|internal|deadline_?exceeded|timeout|"
    r"unknown|aborted|data_?loss|resource_?exhausted|exception",
    re.IGNORECASE,
)
_PER_REQUEST = re.compile(r"(?:seconds|milliseconds|duration|latency|time|delay|ms|size|bytes)_count$")
_LEFT_OVER = _words("free avail available idle remaining left headroom unused")
_OF_ROOM = _words(
    "mem memory disk fs filesystem inode inodes files cpu swap bytes fd fds heap connections connection pool "
    "threads slots workers"
)


def role_of_series(name: str, labels: Mapping[str, str]) -> MetricRole:
    """Return the role that a name tells together with its labels.

    What is counted of an outcome that is bad are errors, whatever its name says; the count of a summary
    is traffic.

    >>> role_of_series("istio_requests_total", {"response_code": "503"}).value
    'errors'
    """
    if name.endswith("_bucket"):
        return MetricRole.OTHER
    role = role_of(name)
    if role in (MetricRole.TRAFFIC, MetricRole.LATENCY) and is_counter(name):
        for label in _OUTCOMES & labels.keys():
            if _BAD_OUTCOME.fullmatch(labels[label]) and not name.endswith("_sum"):
                return MetricRole.ERRORS
    if role is MetricRole.LATENCY and _PER_REQUEST.search(name):
        return MetricRole.TRAFFIC
    return MetricRole.SATURATION if role is MetricRole.AVAILABILITY and is_room(name) else role


@lru_cache(maxsize=65_536)
def is_room(name: str) -> bool:
    """Return whether a metric measures what is left of a resource, so that less of it is bad.

    >>> is_room("node_filesystem_avail_bytes"), is_room("node_filesystem_size_bytes")
    (True, False)
    """
    words = {word.lower() for word in _BOUNDARY.split(name) if word}
    return bool(words & _LEFT_OVER) and bool(words & _OF_ROOM)


def bad_direction(role: MetricRole) -> int:
    """Return 1 when more is bad, -1 when less is bad, 0 when both are a change."""
    if role is MetricRole.AVAILABILITY:
        return -1
    return 1 if role in (MetricRole.ERRORS, MetricRole.LATENCY, MetricRole.SATURATION) else 0


def is_share(name: str) -> bool:
    """Return whether a metric's name says that it is a share of a whole: 0..1 or percent."""
    words = {word.lower() for word in _BOUNDARY.split(name)}
    return bool(
        words & {"ratio", "pct", "percent", "percentage", "utilization", "utilisation", "used", "full"}
    )


def is_counter(name: str) -> bool:
    """Return whether a metric is named as a counter, which only its increase says anything of."""
    return bool(_COUNTER.search(name))
