"""One host on which every exporter works that any signal asks: what its queries name is there.

Made from the queries themselves: each selector gets a series that fits its matchers. What must not be like
all others (a limit that is not reached, a count that is 0) stands in ``VALUES``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import promql_parser

from agent.config.promql import with_rate_interval
from agent.config.rulefiles import Signal

INSTANCE, JOB = "srv1:9100", "prometheus"
_COUNTERS = (
    "_total",
    "_sum",
    "_count",
    "_bucket",
    "_memory_bytes",
    "_slow_queries",
    "_questions",
    "_xact_commit",
)
_COUNTERS += ("_xact_rollback", "_OutSegs")
_OFFSETS_S = (3600, 10_800, 21_600, 43_200, 84_600, 86_400, 601_200, 604_800)
VALUES = {
    "rabbitmq_queue_consumers": 2.0,
    "node_filesystem_readonly": 0.0,
    "node_hwmon_temp_max_celsius": 90.0,
    "redis_rdb_changes_since_last_save": 5.0,
    "kafka_consumergroup_lag": 20_000.0,
    "rabbitmq_queue_messages_ready": 5_000.0,
    "rabbitmq_connections": 900.0,
    "pg_replication_lag_seconds": 400.0,
    "pg_stat_user_tables_n_live_tup": 200_000.0,
    "pg_stat_user_tables_n_dead_tup": 90_000.0,
    "pg_stat_user_tables_n_mod_since_analyze": 90_000.0,
}
# every label that joins or entities ask for; what a matcher says replaces it
_LABELS = {
    "name": "shop.timer", "device": "sda", "mountpoint": "/", "groupname": "shop", "cpu": "0", "unit": "",
    "datname": "shop", "relname": "orders", "slot_name": "standby", "cluster": "logs", "queue": "orders",
    "topic": "orders", "consumergroup": "billing", "proxy": "web", "server": "w1", "chip": "coretemp",
    "sensor": "temp1", "master": "bond0", "peer": "mq2", "rule_group": "node", "config": "node",
    "interval": "15s", "host": "shop", "le": "1",
}  # fmt: skip


def exposition(signals: Iterable[Signal], now: float) -> str:
    """Return the samples of the last week as OpenMetrics text, times in seconds."""
    series: dict[str, set[str]] = {}
    for signal in signals:
        for selector in _selectors(signal.query):
            series.setdefault(selector.name, set()).add(_labels(selector, signal))
    lines = []
    for name in sorted(series):
        for labels in sorted(series[name]):
            lines += [f"{name}{{{labels}}} {value!r} {at:.0f}" for at, value in _samples(name, now)]
    return "\n".join([*lines, "# EOF", ""])


def _selectors(query: str) -> list[promql_parser.VectorSelector]:
    found = []

    def look(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector) and node.name:
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(with_rate_interval(query)), look)
    return found


def _labels(selector: promql_parser.VectorSelector, signal: Signal) -> str:
    asked = set(re.findall(r"\w+", signal.query + signal.entity))
    labels = {name: value for name, value in _LABELS.items() if name in asked}
    labels |= {"instance": INSTANCE, "job": JOB}
    for one in selector.matchers.matchers:
        if one.op == promql_parser.MatchOp.Equal:
            labels[one.name] = one.value
        elif one.op == promql_parser.MatchOp.Re:
            labels[one.name] = _example(one.value)
    return ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if value)


def _example(pattern: str) -> str:
    """Return a text that a simple pattern fits, as those of the stock signals are."""
    text = re.sub(r"\(([^()|]*)[^()]*\)", r"\1", pattern).split("|")[0]
    text = text.replace("\\.", "\0").replace(".+", "x").replace(".*", "").replace(".", "x").replace("\0", ".")
    assert re.fullmatch(pattern, text), (pattern, text)
    return text


def _samples(name: str, now: float) -> Iterator[tuple[float, float]]:
    for ago in sorted(_ages(), reverse=True):
        if name.endswith(_COUNTERS):
            yield now - ago, 1e7 - 2 * ago
        elif name.endswith("_last_trigger_seconds"):
            yield now - ago, (now - ago) // 3600 * 3600  # it comes every hour
        else:
            yield now - ago, VALUES.get(name, 1.0)


def _ages() -> set[float]:
    recent = {float(age) for age in range(0, 1800, 30)}
    past = {float(age) for age in range(1800, 26 * 3600, 1800)}
    return recent | past | {float(offset + age) for offset in _OFFSETS_S for age in range(0, 1800, 240)}
