"""Symptoms that somebody reports in, a diagnosis out, with what the agent sees itself. Nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.clock import Clock
from agent.collect.logcount import LineCounter
from agent.collect.overlay import with_reported
from agent.config.conditions import LogCondition, leaves
from agent.config.rulefiles import Rulebook
from agent.diagnose.live.support import with_support
from agent.instance import with_host
from agent.pipeline import Pipeline, Snapshot
from agent.placeholders import fill
from agent.records import Alert, Anomaly, Arrivals, Candidate, Event, Held, LogCount, LogLine, Symptom
from agent.records.reports import ReportedSymptom


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedDiagnosis:
    """What the symptoms mean: faults, the surest first, and what would be one if more were known."""

    candidates: Sequence[Candidate]
    held: Sequence[Held]


class ReportedSymptoms:
    """Diagnoses what is reported as what is polled is diagnosed, by the same rules, cases and models."""

    def __init__(self, pipeline: Pipeline, book: Callable[[], Rulebook], clock: Clock) -> None:
        self._pipeline = pipeline
        self._book = book
        self._clock = clock

    def diagnose(self, reported: Sequence[ReportedSymptom], about: Mapping[str, str]) -> ReportedDiagnosis:
        """Return what the symptoms mean. ``about`` are labels of what they are about, such as a host.

        The names of signals are known. Raises StoreUnavailable.
        """
        told = [_complete(one, about) for one in reported]
        hosts = {host for one in told if (host := one.labels.get("host"))} | _host(about)
        seen = self._pipeline.snapshot(hosts)
        book, now = self._book(), self._clock.now()
        vote = seen.voter.vote(
            with_reported(seen.frame, told, book.signals, now),
            [*seen.anomalies, *(_anomaly(one, book) for one in told if one.kind == "anomaly")],
            [*seen.alerts, *(_alert(number, one) for number, one in enumerate(told) if one.kind == "alert")],
            _with_arrivals(seen, told, book),
            expected=seen.expected,
        )
        found = with_support(seen.ensemble.vote(vote.candidates), seen.anomalies)
        mine = [one for one in found if _is_about(one, told, about)]
        held = [one for one in vote.held if any(host in one.entity for host in hosts)]
        return ReportedDiagnosis(
            candidates=sorted(mine, key=lambda one: (-one.confidence, one.fault, one.entity)), held=held
        )


def _host(about: Mapping[str, str]) -> set[str]:
    host = with_host(dict(about)).get("host")
    return {host} if host else set()


def _complete(one: ReportedSymptom, about: Mapping[str, str]) -> ReportedSymptom:
    """Return a symptom with the labels of what it is about, where it does not say them itself."""
    return replace(one, labels=with_host({**about, **one.labels}))


def _anomaly(one: ReportedSymptom, book: Rulebook) -> Anomaly:
    nan = float("nan")
    return Anomaly(
        entity=fill(book.signals[one.name].entity, {**dict.fromkeys(one.labels, ""), **one.labels}),
        signal=one.name,
        labels=one.labels,
        kind=one.anomaly,
        score=1.0,
        confidence=1.0,
        opened_at=one.since,
        since=one.since,
        observed=nan if one.value is None else one.value,
        expected_low=nan,
        expected_high=nan,
    )


def _alert(number: int, one: ReportedSymptom) -> Alert:
    return Alert(
        fingerprint=f"reported {number}",
        name=one.name,
        labels={"alertname": one.name, **one.labels},
        annotations={},
        starts_at=one.since,
        received_at=one.since,
    )


def _with_arrivals(seen: Snapshot, told: Sequence[ReportedSymptom], book: Rulebook) -> Arrivals:
    arrivals = seen.arrivals
    events = [
        Event(id=f"reported {number}", kind=one.name, at=one.since, message="", labels=one.labels)
        for number, one in enumerate(told)
        if one.kind == "event"
    ]
    counts = [*arrivals.counts, *_counted([one for one in told if one.kind == "log"], book)]
    return replace(
        arrivals,
        counts=sorted(counts, key=lambda one: one.at),
        events=sorted([*arrivals.events, *events], key=lambda one: one.at),
    )


def _counted(told: Sequence[ReportedSymptom], book: Rulebook) -> Iterable[LogCount]:
    """Return what is counted of reported lines, as collection counts those that it reads."""
    if not told:
        return ()
    wanted = (leaf for rule in book.rules.values() for leaf in leaves(rule.when))
    counter = LineCounter(patterns={leaf.log for leaf in wanted if isinstance(leaf, LogCondition)})
    lines = [
        LogLine(id="", at=one.since, message=one.name, labels=one.labels)
        for one in told
        for _ in range(one.lines)
    ]
    # the kinds of lines that are new or rare are not known of a log that somebody else reads
    return [one for one in counter.count(lines).counts if one.kind == "pattern"]


def _is_about(one: Candidate, told: Sequence[ReportedSymptom], about: Mapping[str, str]) -> bool:
    """Return whether a candidate rests on what was reported, or is on what it is about."""
    for symptom in one.symptoms:
        alike = [reported for reported in told if _may_be(reported, symptom)]
        if any(_agree(reported.labels, symptom.labels) for reported in alike):
            return True
    return _agree(with_host(dict(about)), one.labels)


def _may_be(reported: ReportedSymptom, symptom: Symptom) -> bool:
    return reported.name == symptom.source or reported.kind == symptom.kind == "log"


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether labels that both have are the same, and there is one."""
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[name] == other[name] for name in shared)
