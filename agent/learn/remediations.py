"""Runs that are over in, what is known of each remediation by fault and kind of host, and what to do, out."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from agent.quantity import wilson_interval
from agent.records.attempts import Attempt, AttemptStep, ErrorPattern, RemediationTrackRecord, StepRecord

_GOOD = 0.8  # success below which something is to be done
_FEWEST = 5  # runs without which nothing is said
_SLOW_S, _SLOW_SHARE = 30.0, 0.5  # a step that takes so long, and so much of the whole
_RECURRING = 3
_MOST_ERRORS = 5
_DIFFERS = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,}\b|'[^']*'|\"[^\"]*\"|(?<!\w)/[\w./-]+|\d+")


def track_records(attempts: Iterable[Attempt]) -> list[RemediationTrackRecord]:
    """Return the records, by remediation, fault and kind of host."""
    by_key: dict[tuple[str, str, tuple[str, ...]], list[Attempt]] = defaultdict(list)
    for one in attempts:
        by_key[one.remediation, one.fault, one.groups].append(one)
    return [_record(*key, own) for key, own in sorted(by_key.items())]


def step_records(steps: Iterable[AttemptStep]) -> list[StepRecord]:
    """Return what is known of each step, in the order in which they were first seen."""
    by_name: dict[str, list[AttemptStep]] = defaultdict(list)
    for step in steps:
        by_name[step.name].append(step)
    return [
        StepRecord(
            name=name,
            attempts=len(own),
            failed=sum(not one.succeeded for one in own),
            p50_s=quantile([one.seconds for one in own], 0.5),
            p95_s=quantile([one.seconds for one in own], 0.95),
        )
        for name, own in by_name.items()
    ]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the least value that so large a share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def pattern_of(error: str) -> str:
    """Return an error with what differs from case to case masked.

    >>> pattern_of("unit 'a.service' failed with code 203, see /var/log/a.log")
    'unit <*> failed with code <*>, see <*>'
    """
    return _DIFFERS.sub("<*>", error.splitlines()[0] if error else "")


def _record(
    remediation: str, fault: str, groups: tuple[str, ...], own: Sequence[Attempt]
) -> RemediationTrackRecord:
    done = [one.healed for one in own if one.healed is not None]
    low, high = wilson_interval(sum(done), len(done))
    seconds = [one.seconds for one in own]
    steps = step_records(step for one in reversed(own) for step in one.steps)
    errors = _errors(step for one in own for step in one.steps)
    return RemediationTrackRecord(
        remediation=remediation,
        fault=fault,
        groups=groups,
        runs=len(done),
        healed=sum(done),
        low=low,
        high=high,
        worse=sum(one.worse for one in own),
        relapsed=sum(one.relapsed for one in own),
        p50_s=quantile(seconds, 0.5),
        p95_s=quantile(seconds, 0.95),
        last_at=max(one.at for one in own),
        steps=steps,
        errors=errors,
        opportunities=[*_success(done, own), *_slow(steps), *_recurring(errors)],
    )


def _errors(steps: Iterable[AttemptStep]) -> list[ErrorPattern]:
    counts = Counter((one.name, pattern_of(one.error)) for one in steps if one.error)
    return [
        ErrorPattern(step=name, pattern=pattern, count=count)
        for (name, pattern), count in counts.most_common(_MOST_ERRORS)
    ]


def _success(done: Sequence[bool], own: Sequence[Attempt]) -> list[str]:
    if len(done) < _FEWEST or sum(done) / len(done) >= _GOOD:
        return []
    relapsed = sum(one.relapsed for one in own)
    text = f"it helps {sum(done) / len(done):.0%} of the time, {_GOOD:.0%} is good"
    return [f"{text}; {relapsed} times it broke again soon" if relapsed else text]


def _slow(steps: Sequence[StepRecord]) -> list[str]:
    whole = sum(one.p50_s for one in steps)
    return [
        f"step '{one.name}' takes {one.p50_s:.0f} s, {one.p50_s / whole:.0%} of the whole"
        for one in steps
        if len(steps) > 1 and one.attempts >= _FEWEST and one.p50_s >= max(_SLOW_S, _SLOW_SHARE * whole)
    ]


def _recurring(errors: Sequence[ErrorPattern]) -> list[str]:
    return [
        f"step '{one.step}' failed {one.count} times with: {one.pattern}"
        for one in errors
        if one.count >= _RECURRING
    ]
