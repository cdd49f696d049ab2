"""What steps of a remediation took and how they failed in, what its file could say instead out.

A suggestion needs figures: so many attempts as the constants here say, all of the files as they are now.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.config.remediationfile import RemediationFile, Step
from agent.config.scalars import format_duration
from agent.learn.remediations import quantile
from agent.quantity import wilson_interval
from agent.records.attempts import Attempt, AttemptStep
from agent.records.changes import Edit, NoChange, SuggestedChange

FILE = "remediation.yml"
FEWEST_TRIES = 20
"""Attempts of a step, done or timed out, without which no time limit is suggested."""
FEWEST_DONE = 10
"""Those of them that came to their end by themselves."""
FEWEST_FOLLOWED = 5
"""Failures that another attempt followed soon, without which nothing is said of retries."""
FEWEST_USELESS = 10
"""Further attempts that all failed, without which none are taken away."""
RECURRING = 3

_NEAR, _WITHIN_REACH = 0.8, 0.5  # of the limit
_ROOM_ABOVE, _ROOM_BELOW = 2.0, 3.0  # times the 95th percentile
_SHORTEST_S = 30.0
_SOON = timedelta(minutes=15)  # after it another run is no retry any more
_MOST_RETRIES = 3
_LONGEST_DELAY_S = 60.0
_LADDER_S = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1200, 1800, 2700, 3600)


@dataclass(frozen=True, slots=True)
class _Tries:
    """The attempts of one step. ``followed`` says of failures whether the next attempt soon after helped."""

    all: Sequence[AttemptStep]
    followed: Sequence[bool]
    waited_s: Sequence[float]
    unhelped: int  # runs that ended with a failure of the step
    in_run: Sequence[bool]  # further attempts in the same run


def step_changes(file: RemediationFile, attempts: Sequence[Attempt]) -> Iterator[SuggestedChange | NoChange]:
    """Yield what to change of the steps, and what could be better without enough to go by.

    ``attempts`` are runs of these very files, in any order.
    """
    runs = sorted(attempts, key=lambda one: one.run_id)
    for number, step in enumerate(file.steps):
        tries = _tries(step.name, runs)
        yield from _limit(number, step, tries)
        yield from _retries(number, step, tries, file.idempotent)


def _tries(name: str, runs: Sequence[Attempt]) -> _Tries:
    own = [(run, [one for one in run.steps if one.name == name and one.tells]) for run in runs]
    followed: list[tuple[bool, float]] = []
    in_run: list[bool] = []
    last: dict[tuple[str, tuple[str, ...]], AttemptStep] = {}
    unhelped = 0
    for run, steps in own:
        if not steps:
            continue
        before = last.pop((run.fault, run.hosts), None)
        for one in steps:
            if before is not None and (waited := _between(before, one)) is not None:
                followed.append((one.succeeded, waited))
            if one.number > 1:
                in_run.append(one.succeeded)
            before = None if one.succeeded else one
        if before is not None:
            unhelped += 1
            last[run.fault, run.hosts] = before
    return _Tries(
        all=[one for _, steps in own for one in steps],
        followed=[good for good, _ in followed],
        waited_s=[waited for good, waited in followed if good],
        unhelped=unhelped,
        in_run=in_run,
    )


def _between(before: AttemptStep, after: AttemptStep) -> float | None:
    """Return for how many seconds nothing was tried, None where it was not soon or is not known."""
    if before.began is None or after.began is None:
        return None
    waited = (after.began - before.began).total_seconds() - before.seconds
    return max(waited, 0.0) if waited <= _SOON.total_seconds() else None


def _limit(number: int, step: Step, tries: _Tries) -> Iterator[SuggestedChange | NoChange]:
    done = [one.seconds for one in tries.all if one.succeeded]
    hung = sum(one.timed_out for one in tries.all)
    limit = step.timeout.total_seconds()
    p95 = quantile(done, 0.95) if done else 0.0
    about = f"the time limit of step '{step.name}'"
    near = bool(done) and (p95 >= _NEAR * limit or (hung >= RECURRING and p95 >= _WITHIN_REACH * limit))
    if not near and hung < RECURRING:
        return
    if len(done) + hung < FEWEST_TRIES or len(done) < FEWEST_DONE:
        why = (
            f"{len(done)} attempts came to their end and {hung} to the limit; it takes {FEWEST_TRIES}, "
            f"{FEWEST_DONE} of them to their end"
        )
        yield NoChange(about=about, why=why)
        return
    if near:
        better = _rounded_up(_ROOM_ABOVE * p95)
        fits = better > limit
    else:
        better = _rounded_up(max(_ROOM_BELOW * p95, 1.5 * max(done), _SHORTEST_S))
        fits = better <= limit / 2
    figures = (
        f"{len(done)} attempts took {_s(quantile(done, 0.5))} (p50), {_s(p95)} (p95), {_s(max(done))} at the "
        f"most; {hung} ran into the limit of {_s(limit)}"
    )
    if not fits:
        yield NoChange(about=about, why=f"{figures}: another one would change little")
        return
    new = format_duration(timedelta(seconds=better))
    helps = "what takes long may end" if near else "what hangs is ended sooner"
    yield SuggestedChange(
        what=f"step '{step.name}': time limit {new} instead of {_s(limit)}",
        why=f"{figures}; so {helps}",
        edits=(Edit(FILE, ("steps", number, "timeout"), new),),
    )


def _retries(
    number: int, step: Step, tries: _Tries, may_repeat: bool
) -> Iterator[SuggestedChange | NoChange]:
    useless = len(tries.in_run)
    if step.retries and useless >= FEWEST_USELESS and not any(tries.in_run):
        spent = quantile([one.seconds for one in tries.all if one.number > 1], 0.5)
        yield SuggestedChange(
            what=f"step '{step.name}': no retries instead of {step.retries}",
            why=f"{useless} further attempts helped not once, and took {_s(spent)} each (p50)",
            edits=(Edit(FILE, ("steps", number, "retries"), 0),),
        )
        return
    if tries.unhelped < RECURRING:
        return
    about = f"retries of step '{step.name}'"
    helped, count = sum(tries.followed), len(tries.followed)
    low, high = wilson_interval(helped, count)
    figures = f"of {count} failures that another attempt followed soon it helped {helped} times"
    if count < FEWEST_FOLLOWED:
        why = f"{tries.unhelped} runs ended with it, and {figures}; it takes {FEWEST_FOLLOWED}"
    elif low < _WITHIN_REACH:
        why = f"{figures} ({low:.0%} to {high:.0%}): too seldom"
    elif not may_repeat:
        why = f"{figures}, but 'idempotent: false' says that it must not be done twice"
    elif step.retries >= _MOST_RETRIES:
        why = f"there are {step.retries} already"
    else:
        yield _one_more(number, step, tries, f"{figures} ({low:.0%} to {high:.0%})")
        return
    yield NoChange(about=about, why=why)


def _one_more(number: int, step: Step, tries: _Tries, figures: str) -> SuggestedChange:
    waited = quantile(tries.waited_s, 0.5)
    delay = _rounded_up(min(waited, _LONGEST_DELAY_S))
    retries = Edit(FILE, ("steps", number, "retries"), step.retries + 1)
    what = f"step '{step.name}': {retries.value} retries instead of {step.retries}"
    if waited < 1 or delay <= step.delay.total_seconds():
        return SuggestedChange(what=what, why=figures, edits=(retries,))
    new = format_duration(timedelta(seconds=delay))
    return SuggestedChange(
        what=f"{what}, {new} before each",
        why=f"{figures}; what helped came {_s(waited)} later (p50)",
        edits=(retries, Edit(FILE, ("steps", number, "delay"), new)),
    )


def _rounded_up(seconds: float) -> float:
    return next((one for one in _LADDER_S if one >= seconds), math.ceil(seconds / 3600) * 3600)


def _s(seconds: float) -> str:
    return format_duration(timedelta(seconds=round(seconds, 1 if seconds < 10 else 0)))
