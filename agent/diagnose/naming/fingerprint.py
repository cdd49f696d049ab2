"""What is known of one entity in, its fingerprint out: features that mean the same in every system.

A feature is a trouble (``errors``), a resource that runs short (``short:memory``) or is used up
(``full:disk``), what the logs say (``log:no_space``), a change right before (``change:deploy``), a
signal of the rule files that a rule's symptom rests on (``signal:unit_failed``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from agent.diagnose.cause.graph import FAILING, Trouble
from agent.diagnose.cause.rootcause import RootCauseAnalysis, changes_before, freshness
from agent.records import Symptom
from agent.records.cases import Fingerprint
from agent.records.probes import ProbeAnswer

_RESOURCES: Mapping[str, frozenset[str]] = {
    "cpu": frozenset({"cpu", "load", "load1", "load5", "runqueue"}),
    "memory": frozenset({"mem", "memory", "rss", "heap", "swap", "working", "gc"}),
    "disk": frozenset({"disk", "fs", "filesystem", "volume", "diskio", "io", "iowait"}),
    "inodes": frozenset({"inode", "inodes"}),
    "files": frozenset({"fd", "fds", "files", "descriptors"}),
    "connections": frozenset({"connections", "conns", "pool", "sockets", "socket", "connection"}),
    "queue": frozenset({"queue", "queued", "backlog", "pending", "buffer", "depth", "lag"}),
    "threads": frozenset({"threads", "goroutines", "processes", "pids"}),
    "network": frozenset({"network", "net", "retrans", "retransmits", "packets", "loss"}),
    "quota": frozenset({"throttle", "throttled", "throttles", "throttling", "capacity", "quota", "limit"}),
    "panics": frozenset({"panic", "panics", "crash", "crashes", "restart", "restarts", "oom", "oomkill"}),
}
_LOG_WORDS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "no_space": r"no space left|disk (?:is )?full|enospc|disk quota exceeded|read-only file system",
        "no_memory": r"out of memory|oom[- ]?kill|cannot allocate memory|outofmemory|memorypressure",
        "no_files": r"too many open files|emfile|enfile|file descriptor",
        "port_taken": r"address already in use|eaddrinuse|port .{0,20}in use",
        "stale_lock": r"lock (?:file )?(?:exists|held)|pid ?file|already running|could not lock",
        "certificate": r"certificate|x509|tls handshake|ssl.{0,20}expired",
        "config": r"invalid config|unknown directive|syntax error|parse error|parse_exception|unknown field|"
        r"no mapping found|misconfigur|missing (?:key|option|setting|env)",
        "schema": r"relation .{0,80}does not exist|no such (?:table|column)|unknown column|migration",
        "crash": r"\bpanic\b|segfault|segmentation fault|nil pointer|nullpointer|traceback|unhandled|"
        r"core dumped",
        "bad_input": r"validation error|out of range|malformed|cannot (?:parse|decode|deserialize)|poison",
        "refused": r"connection refused|econnrefused|no route to host",
        "timeout": r"timed? ?out|deadline exceeded|slow (?:query|request)",
        "throttled": r"throttl|rate limit|too many requests|provisionedthroughput|quota",
        "overload": r"overload|shedding|saturated|queue (?:is )?full|at capacity|pool exhausted|"
        r"no free connection",
        "denied": r"permission denied|access denied|unauthori[sz]ed|forbidden",
        "not_found": r"not found|no such (?:file|host|key)|missing",
    }.items()
}
_SERVING = (*FAILING, Trouble.SURGE)
_CHANGES = {"deploy": "deploy", "release": "deploy", "rollout": "deploy", "flag": "flag", "config": "config"}
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+")


def fingerprint_of(analysis: RootCauseAnalysis, entity: str) -> Fingerprint:
    """Return the fingerprint of one entity of an analysis."""
    features: dict[str, float] = {}
    graph, deviations = analysis.graph, analysis.deviations

    def see(feature: str, clarity: float) -> None:
        if clarity > 0.05:
            features[feature] = round(float(max(features.get(feature, 0.0), min(1.0, clarity))), 3)

    own = [(trouble, node) for (owner, trouble), node in graph.nodes.items() if owner == entity]
    worst = max((node.severity for _, node in own), default=1.0)
    for trouble, node in own:
        # how far a number went is no part of what kind of trouble it is: notable is half, clear is one
        see(trouble.value, 0.3 + 1.5 * node.severity)
        for row in node.rows[:8]:
            if trouble in (Trouble.SATURATION, Trouble.ERRORS, Trouble.OTHER):
                for kind in _resources(deviations.table.names[row]):
                    see(f"short:{kind}", 0.2 + 0.8 * float(deviations.severity[row]) / worst)
                    see(f"full:{kind}", 1.0 if deviations.full[row] else 0.0)
        if trouble in FAILING:
            passed = sum(link.share for link in graph.links.get((entity, trouble), ()))
            see("victim", passed)
    if own and not any(trouble in graph.measured.get(entity, ()) for trouble in _SERVING):
        see("only_resources", 1.0)
    if entity in graph.vanished:
        see("vanished", 1.0)
    _see_logs(analysis, entity, see)
    for event in changes_before(entity, analysis.observed, deviations):
        see(f"change:{_CHANGES.get(event.kind, 'other')}", 0.3 + freshness(analysis, event))
    return features


def _see_logs(analysis: RootCauseAnalysis, entity: str, see: object) -> None:
    assert callable(see)
    complaints = analysis.logs.complaints.get(entity, ())
    new = [one for one in complaints if one.since > one.before]
    total = sum(one.since for one in new)
    for one in new:
        for name, pattern in _LOG_WORDS.items():
            if pattern.search(one.text):
                see(f"log:{name}", 0.5 + 0.5 * one.since / total)


def fingerprint_of_symptoms(symptoms: Iterable[Symptom]) -> Fingerprint:
    """Return the fingerprint of a live incident: the signals and alerts its symptoms rest on."""
    return {f"signal:{symptom.source}": 1.0 for symptom in symptoms}


def features_of_symptoms(symptoms: Iterable[Symptom]) -> Fingerprint:
    """Return what a trained model sees of a live incident: its fingerprint, and what the symptoms are like.

    That is of what kind each is where it is no plain threshold (``anomaly:latency_p95``), and which was there
    first (``first:disk_free_ratio``) where several were not there at once.
    """
    seen = list(symptoms)
    features = {**fingerprint_of_symptoms(seen)}
    features.update({f"{one.kind}:{one.source}": 1.0 for one in seen if one.kind != "threshold"})
    if len({one.since for one in seen}) > 1:
        began = min(one.since for one in seen)
        features.update({f"first:{one.source}": 1.0 for one in seen if one.since == began})
    return features


_PROBED: Mapping[str, str] = {"space": "full:disk", "inodes": "full:inodes"}
_WORDS_OF_PROBES = ("journal", "unit")
_SAID_BY_PROBE = 0.7  # a journal tells of older troubles as well


def fingerprint_of_probes(answers: Iterable[ProbeAnswer]) -> Fingerprint:
    """Return what a host's own answers add to its fingerprint: only what is out of order."""
    features: dict[str, float] = {}
    for answer in answers:
        for finding in answer.findings:
            if answer.probe in _PROBED:
                features[_PROBED[answer.probe]] = 1.0
            elif answer.probe == "certificate":
                features["log:certificate"] = 1.0
            elif answer.probe == "processes":
                kind = "memory" if "memory" in finding else "cpu"
                features[f"short:{kind}"] = 1.0
            elif answer.probe in _WORDS_OF_PROBES:
                for name, pattern in _LOG_WORDS.items():
                    if pattern.search(finding):
                        features[f"log:{name}"] = _SAID_BY_PROBE
    return features


def _resources(name: str) -> list[str]:
    words = {word.lower() for word in _WORD.split(name)}
    return [kind for kind, vocabulary in _RESOURCES.items() if words & vocabulary]


def similarity(one: Fingerprint, other: Fingerprint) -> float:
    """Return 0..1: what two fingerprints have in common of what either has (weighted Jaccard)."""
    shared = either = 0.0
    for feature in one.keys() | other.keys():
        a, b = one.get(feature, 0.0), other.get(feature, 0.0)
        weight = weight_of(feature)
        shared += weight * min(a, b)
        either += weight * max(a, b)
    return shared / either if either else 0.0


def weight_of(feature: str) -> float:
    """Return how telling a feature is: every second fault shows errors, few show a full disk."""
    group = feature.partition(":")[0]
    return {"full": 1.5, "log": 1.5, "signal": 1.5, "short": 1.0, "change": 0.7, "vanished": 1.5}.get(
        group, 0.5
    )
