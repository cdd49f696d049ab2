"""Which targets were scraped and what probes reached in, who is silent and which probers are blind out.

Prometheus says ``up`` of each target and a prober ``probe_success`` of each URL. What a person would make of
them together is worked out here, poll by poll: whether a host is seen at all, which hosts fell silent at the
same time, whether it is the monitoring that sees nobody, and whether a prober reaches nobody although those
it asks are seen otherwise. What such a prober says of others is not passed on.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from agent.collect.base import Answer, Poll, Target
from agent.config.conditions import (
    HOST_BACK,
    HOST_SCRAPED,
    HOST_SEEN,
    HOST_TARGETS,
    MONITORED_HOSTS,
    MONITORING_SEES,
    NETWORK_LOST,
    PROBER_WORKS,
)
from agent.config.targetsignals import MONITORING, NETWORK, TARGET_SIGNALS
from agent.instance import with_host
from agent.records import Doubt

UP, PROBED, PROBE_STATUS = "exporter_up", "http_probe_success", "http_probe_status"
_OWN_HOST = frozenset({"localhost", "127.0.0.1", "::1"})  # of Prometheus: seen whatever the network does
_FEWEST_PROBES, _FEWEST_HOSTS = 3, 2  # of a prober that reaches nobody; with fewer they may all be down
_SEEN_OTHERWISE = 0.5  # of the hosts it asks and Prometheus scrapes
_TOGETHER = 1.5  # scrape intervals; what fails at once is noticed one after another
_INTERVAL_S = 60.0  # between scrapes, where nobody knows
_BACK_S = 3600.0  # for so long it is told that a host came back
_REMEMBERED = 20  # polls from which the interval is read
# what a missing part of an answer changes, whatever is in the rest
_OF_ALL = frozenset({MONITORING_SEES, MONITORED_HOSTS, PROBER_WORKS})
_NO_ANSWER = 99.5  # a status below it is none


@dataclass(slots=True)
class _Host:
    """What is known of a host at one poll."""

    targets: set[Target] = field(default_factory=set)
    probes: set[Target] = field(default_factory=set)
    scraped: bool = False
    probed: bool = False

    @property
    def seen(self) -> bool:
        return self.scraped or self.probed

    @property
    def asked(self) -> set[Target]:
        return self.targets | self.probes


@dataclass(slots=True)
class _Prober:
    """What a job of probes reached at one poll."""

    up: list[bool] = field(default_factory=list)
    answered: dict[str, bool] = field(default_factory=dict)  # by instance
    hosts: set[str] = field(default_factory=set)


class TargetWatch:
    """Adds what follows from targets to polls. Fed with every poll in order, those of history included."""

    def __init__(self) -> None:
        self._silent_since: dict[str, float | None] = {}  # None: it was never seen
        self._seen: set[str] = set()
        self._asked: dict[str, set[Target]] = {}  # by host, when the answer was whole last
        self._back_at: dict[str, float] = {}
        self._probers: set[str] = set()
        self._ages: deque[float] = deque(maxlen=_REMEMBERED)
        self._last_at: float | None = None

    def with_targets(self, poll: Poll, from_probes: Iterable[str] = ()) -> Poll:
        """Return a poll with the signals of TARGET_SIGNALS, and without what blind probers say.

        ``from_probes`` are the signals whose samples probers made. Where targets were not asked for, or had
        no answer, nothing is worked out.
        """
        up = poll.answers.get(UP)
        if up is None:
            why = poll.failed.get(UP)
            return (
                replace(poll, failed={**poll.failed, **dict.fromkeys(TARGET_SIGNALS, why)}) if why else poll
            )
        found = poll.answers.get(PROBED, Answer(0.0, [], []))
        self._learn_pace(poll)
        hosts, probers = self._look(up, found, poll.answers.get(PROBE_STATUS))
        blind = {name for name, prober in probers.items() if _is_blind(prober, hosts)}
        partial = up.partial or found.partial
        unsure: set[str] = set()
        if partial:
            hosts = {name: host for name, host in hosts.items() if self._is_sure(name, host)}
            unsure = (self._seen | self._silent_since.keys()) - hosts.keys()
        else:
            self._asked = {name: host.asked for name, host in hosts.items()}
        self._note_silence(hosts, unsure, poll.at.timestamp())
        made = {
            signal: Answer(poll.at.timestamp(), labels, values, partial)
            for signal, (labels, values) in self._signals(hosts, probers, blind, poll.at.timestamp()).items()
            if not (partial and signal in _OF_ALL)
        }
        failed = dict.fromkeys(_OF_ALL, f"{partial}; it adds up over what may be missing") if partial else {}
        answers = {
            signal: _without(answer, blind) if signal in {PROBED, PROBE_STATUS, *from_probes} else answer
            for signal, answer in poll.answers.items()
        }
        return replace(poll, answers={**answers, **made}, failed={**poll.failed, **failed})

    def _is_sure(self, name: str, host: _Host) -> bool:
        """Return whether what is missing of a partial answer cannot say that a silent host is seen."""
        return host.seen or (name in self._asked and self._asked[name] <= host.asked)

    def _look(
        self, up: Answer, found: Answer, status: Answer | None
    ) -> tuple[dict[str, _Host], dict[str, _Prober]]:
        hosts: dict[str, _Host] = defaultdict(_Host)
        probers: dict[str, _Prober] = defaultdict(_Prober)
        probes = {_target(labels) for labels in found.labels}
        self._probers.update(job for job, _ in probes if job)
        answered = _answered(status)
        for labels, value in zip(found.labels, found.values, strict=True):
            job, instance = _target(labels)
            host = with_host(labels).get("host", "")
            if host:
                hosts[host].probes.add((job, instance))
                hosts[host].probed |= value > 0
            prober = probers[job]
            prober.hosts.add(host)
            reached = value > 0 or (job, instance) in answered
            prober.answered[instance] = prober.answered.get(instance, False) or reached
        for labels, value in zip(up.labels, up.values, strict=True):
            job, instance = _target(labels)
            if (job, instance) in probes or job in self._probers or "://" in instance:
                probers[job].up.append(value > 0)
                self._probers.add(job)
                continue
            host = with_host(labels).get("host", "")
            if host:
                hosts[host].targets.add((job, instance))
                hosts[host].scraped |= value > 0
        return dict(hosts), {job: prober for job, prober in probers.items() if job}

    def _note_silence(self, hosts: Mapping[str, _Host], unsure: set[str], at: float) -> None:
        """Take one look at who is silent; of ``unsure`` hosts what was known stays."""
        known, silent = self._silent_since, [name for name, host in hosts.items() if not host.seen]
        self._silent_since = {
            name: known.get(name, at if name in self._seen else None)
            for name in silent
            if hosts[name].targets
        } | {name: since for name, since in known.items() if name in unsure}
        for name, since in known.items():
            # one scrape that was lost is no absence
            if name in hosts and hosts[name].seen and since is not None and at - since > self._window():
                self._back_at[name] = at
        self._back_at = {name: back for name, back in self._back_at.items() if at - back < _BACK_S}
        self._seen = (self._seen & (hosts.keys() | unsure)) | {
            name for name, host in hosts.items() if host.seen
        }
        self._last_at = at

    def _learn_pace(self, poll: Poll) -> None:
        now = poll.at.timestamp()
        ages = [now - at for at in poll.scraped.values() if at <= now]
        gap = now - self._last_at if self._last_at is not None else 0.0
        if ages:
            self._ages.append(max(ages) + gap)

    def _window(self) -> float:
        """Return a little more than a scrape interval, in seconds."""
        return _TOGETHER * max(self._ages, default=_INTERVAL_S)

    def _lost_together(self) -> int:
        """Return the size of the largest group of hosts that fell silent one shortly after another."""
        times = sorted(since for since in self._silent_since.values() if since is not None)
        window = self._window()
        best = size = 1 if times else 0
        for before, after in pairwise(times):
            size = size + 1 if after - before <= window else 1
            best = max(best, size)
        return best

    def _signals(
        self, hosts: Mapping[str, _Host], probers: Mapping[str, _Prober], blind: set[str], at: float
    ) -> dict[str, tuple[Sequence[Mapping[str, str]], Sequence[float]]]:
        scraped = {name: host for name, host in hosts.items() if host.targets}
        others = [host for name, host in scraped.items() if name not in _OWN_HOST]
        share = sum(host.seen for host in others) / len(others) if others else None
        seen = {name: float(host.seen) for name, host in hosts.items()}
        return {
            HOST_SEEN: _column("host", seen),
            HOST_SCRAPED: _column("host", {name: float(host.scraped) for name, host in scraped.items()}),
            HOST_BACK: _column("host", {name: at - back for name, back in self._back_at.items()}),
            HOST_TARGETS: _column("host", {name: float(len(host.targets)) for name, host in scraped.items()}),
            NETWORK_LOST: _column("scope", {NETWORK: float(self._lost_together())} if others else {}),
            MONITORING_SEES: _column("scope", {MONITORING: share} if share is not None else {}),
            MONITORED_HOSTS: _column("scope", {MONITORING: float(len(others))}),
            PROBER_WORKS: _column("prober", {name: float(name not in blind) for name in probers}),
        }


def _column(label: str, values: Mapping[str, float]) -> tuple[list[dict[str, str]], list[float]]:
    return [{label: name} for name in values], list(values.values())


def _target(labels: Mapping[str, str]) -> Target:
    return labels.get("job", ""), labels.get("instance", "")


def _answered(status: Answer | None) -> set[Target]:
    """Return the probes that got an answer, however bad it was."""
    if status is None:
        return set()
    pairs = zip(status.labels, status.values, strict=True)
    return {_target(labels) for labels, value in pairs if value > _NO_ANSWER}


def _is_blind(prober: _Prober, hosts: Mapping[str, _Host]) -> bool:
    """Return whether it is the prober that is at fault, and not everybody it asks."""
    if prober.up and not any(prober.up):
        return True
    if len(prober.answered) < _FEWEST_PROBES or any(prober.answered.values()):
        return False
    if len(prober.hosts) < _FEWEST_HOSTS:
        return False
    scraped = [host for name in prober.hosts if (host := hosts.get(name)) is not None and host.targets]
    return bool(scraped) and sum(host.scraped for host in scraped) >= _SEEN_OTHERWISE * len(scraped)


def _without(answer: Answer, blind: set[str]) -> Answer:
    """Return an answer without the samples of probers that reach nobody; nothing is known of those."""
    if not blind:
        return answer
    kept = [place for place, labels in enumerate(answer.labels) if labels.get("job", "") not in blind]
    doubts = [Doubt({"job": name}, f"its prober, {name}, reaches nobody") for name in sorted(blind)]
    return replace(
        answer,
        labels=[answer.labels[place] for place in kept],
        values=[answer.values[place] for place in kept],
        doubts=(*answer.doubts, *doubts),
    )
