"""The name of a metric in, its words out, also where they are written together: ``podcpuusage``."""

from __future__ import annotations

import re
from functools import lru_cache

_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_QUANTILE = re.compile(r"p\d{2,4}|\d?\d{2}p")
_LONGEST = 64  # letters of a token that is taken apart


def words_in(text: str) -> frozenset[str]:
    """Return the words of a text that has them between spaces."""
    return frozenset(text.split())


CANCELLED = words_in("cancelled canceled cancel cancellations cancelations 499")
ERRORS = words_in(
    "error errors err errs 5xx 4xx 500 502 503 504 fail failed failing failure failures fault faults "
    "exception exceptions panic panics timeout timeouts reject rejected rejects rejections refused "
    "dropped drops discarded lost loss oom oomkill oomkilled restart restarts retry retries retrans "
    "retransmits retransmitted abort aborted aborts unhealthy unavailable throttle throttles deadlock "
    "deadlocks crash crashes crashed expired invalid"
)
AVAILABILITY = words_in(
    "availability available up success successful successes succeeded healthy ready alive"
)
LATENCY = words_in(
    "latency latencies lat duration durations delay elapsed rt rtt quantile ms millis milliseconds "
    "seconds age lag wait waiting response mrt respond"
)
SATURATION = words_in(
    "cpu mem memory memused rss heap gc swap disk diskio fs filesystem inode inodes iowait steal queue "
    "queued depth pool connections conns threads goroutines fd fds sockets socket saturation "
    "utilization utilisation util usage used throttled throttling pressure load load1 load5 load15 "
    "limit backlog buffer working workingset eviction evictions evicted blocked pending io busy"
)
TRAFFIC = words_in(
    "request requests req reqs rps qps tps throughput workload traffic calls call count total rate ops "
    "messages packets bytes received sent receive transmit transmitted rx tx network net queries "
    "writes reads sec min hits lps volume num"
)
RESOURCES = words_in("cpu mem memory disk io fs filesystem gc network net throttled throttling swap")
LEFT_OVER = words_in("free avail available idle remaining left headroom unused")
OF_ROOM = words_in(
    "mem memory disk fs filesystem inode inodes files cpu swap bytes fd fds heap connections "
    "connection pool threads slots workers"
)
CAPACITY = words_in("limit limits capacity quota max maximum size total")
_OTHERS = words_in(
    "pod pods node nodes container containers server client host service svc app http grpc rpc sql db "
    "jvm kafka redis mysql process system user usr thread file files read write key keys item items "
    "session sessions avg mean median percent percentage pct ratio per second minute current active "
    "open max min average size time ratio set free idle avail count syscall syscalls context switch "
    "switches page pages"
)
_KNOWN = (
    CANCELLED
    | ERRORS
    | AVAILABILITY
    | LATENCY
    | SATURATION
    | TRAFFIC
    | RESOURCES
    | LEFT_OVER
    | OF_ROOM
    | _OTHERS
)
# too short to be told from a part of another word
_NO_PIECE = frozenset(
    {"up", "rt", "ms", "lat", "err", "net", "min", "max", "sec", "num", "per", "age", "set"}
)
_SHORT_PIECES = words_in("io gc fd tx rx db")


@lru_cache(maxsize=65_536)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case, in order; a word that is known stays whole.

    >>> words_of("podServerLatencyP90"), words_of("cpuusagerate_ratio"), words_of("startup_group")
    (('pod', 'server', 'latency', 'p90'), ('cpu', 'usage', 'rate', 'ratio'), ('startup', 'group'))
    """
    tokens = [token.lower() for token in _BOUNDARY.split(name) if token]
    return tuple(word for token in tokens for word in _pieces(token))


def is_quantile(word: str) -> bool:
    """Return whether a word names a quantile: ``p99``."""
    return bool(_QUANTILE.fullmatch(word))


@lru_cache(maxsize=65_536)
def _pieces(token: str) -> tuple[str, ...]:
    """Return a token as the fewest known words that make it up, or whole where none do."""
    if token in _KNOWN or is_quantile(token) or not 5 <= len(token) <= _LONGEST:
        return (token,)
    best: list[tuple[str, ...] | None] = [()] + [None] * len(token)
    for end in range(1, len(token) + 1):
        for start in range(end):
            before = best[start]
            if before is None or not _is_piece(token[start:end]):
                continue
            found = (*before, token[start:end])
            known = best[end]
            if known is None or len(found) < len(known):
                best[end] = found
    return best[-1] or (token,)


def _is_piece(text: str) -> bool:
    if text in _SHORT_PIECES or is_quantile(text):
        return True
    return len(text) > 2 and text in _KNOWN and text not in _NO_PIECE
