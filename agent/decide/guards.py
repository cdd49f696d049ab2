"""A plan in, what forbids it now out: every guard fails closed and is asked again as the run begins.

The guards stand in one tuple, in the order in which they are asked; the first that objects decides. What
goes away by itself says when, as far as that is known. All of them look at the store and the policy
alone, so a restart forgets nothing, and what is under way counts as what is not yet known to have helped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from agent.config.policyfile import PolicyFile, RemediationRule
from agent.config.remediationfile import RemediationFile
from agent.config.scalars import format_duration
from agent.decide.ordering import same_kind
from agent.decide.policy import find_window
from agent.reasons import Reason
from agent.records import Forbidden, Harm, HostNames, InventoryHost, NotNow, Pause, Plan, Trial
from agent.records.autonomy import AutonomyStep
from agent.records.forecasts import Remaining

_DAY = timedelta(days=1)
_FORECAST_AGE = timedelta(minutes=15)  # it is made anew every five; an older one was not confirmed
_OF_ALL = frozenset({"all", "ungrouped"})


class History(Protocol):
    """What the guards ask of the past. A machine is named by its identity."""

    def last_start(self, plan: Plan, identity: str, leaving_out: Collection[int] = ()) -> datetime | None:
        """Return when what a plan does was last started on this machine for this fault of the same thing."""

    def starts_since(self, remediation: str, identity: str, since: datetime) -> Sequence[datetime]:
        """Return when this remediation was started on this machine since then, oldest first."""

    def touched_since(self, since: datetime) -> Mapping[str, datetime]:
        """Return the machines on which anything was started since then, with when it last was."""

    def busy_hosts(self) -> frozenset[str]:
        """Return the machines that a run has to itself until it is judged."""

    def troubled_hosts(self) -> frozenset[str]:
        """Return what is called the host of an incident that is not over."""

    def openings_since(self, since: datetime) -> Sequence[datetime]:
        """Return when incidents were opened since then, oldest first."""

    def recoveries_since(self, fault: str, entity: str, since: datetime) -> int:
        """Return how often this fault on this entity was healed since then."""

    def trials(self, remediation: str) -> Sequence[Trial]:
        """Return the newest runs of a remediation that are under way or said something, newest first."""

    def autonomy(self, remediation: str, fault: str) -> Sequence[AutonomyStep]:
        """Return the steps of a remediation's autonomy for a fault, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything a guard may look at.

    ``repeats`` are runs that a crash interrupted and that may be started again: they cool nothing down.
    ``harm`` is whether anybody suffers; None where a person asks, who knows why.
    ``foreseen`` is how long it takes until the fault is there; None where it is, or where a person asks.
    """

    plan: Plan
    file: RemediationFile
    rule: RemediationRule
    policy: PolicyFile
    hosts: Mapping[str, InventoryHost]
    history: History
    pauses: Sequence[Pause]
    now: datetime
    override_cooldown: bool = False
    repeats: Collection[int] = ()
    harm: Harm | None = None
    foreseen: Remaining | None = None


Objection = NotNow | Forbidden


def find_objection(question: Question) -> Objection | None:
    """Return the first guard's objection, or None when all agree."""
    return next((objection for guard in GUARDS if (objection := guard(question))), None)


def _harm(q: Question) -> Objection | None:
    """Leave alone what hurts nobody: what interrupts or takes away has a cost, and needs a gain."""
    is_required = q.rule.harm == "required" or (q.rule.harm is None and q.file.risk != "low")
    if not is_required or q.harm is None or q.harm.seen:
        return None
    known = bool(q.harm.unseen) and not q.harm.unknown
    return _not_now(q, Reason.NO_HARM if known else Reason.HARM_UNKNOWN, q.harm.text, None)


def _too_early(q: Question) -> Objection | None:
    """Leave alone what has more time than the remediation asks for: until then it may turn out otherwise."""
    if q.foreseen is None:
        return None
    window = q.file.prevents.get(q.plan.fault)
    if window is None:
        detail = f"{q.plan.remediation} says nothing of preventing {q.plan.fault}"
        return Forbidden(reason=Reason.NO_PREVENTION, detail=detail)
    if not timedelta(0) <= q.now - q.foreseen.at <= _FORECAST_AGE:
        detail = f"it was last foreseen at {q.foreseen.at:%Y-%m-%d %H:%M:%S} UTC"
        return _not_now(q, Reason.FORECAST_OLD, detail, None)
    left = q.foreseen.low_at(q.now)
    if left >= window:
        lasts, asked = (
            format_duration(timedelta(minutes=round(span / timedelta(minutes=1)))) for span in (left, window)
        )
        detail = f"it lasts {lasts} at least, and {q.plan.remediation} is for the last {asked}"
        return _not_now(q, Reason.TOO_EARLY, detail, q.now + left - window)
    return None


def _pause(q: Question) -> Objection | None:
    holding = [one for one in q.pauses if one.scope.holds(q.plan)]
    if not holding:
        return None
    ends = [one.until for one in holding]
    until = None if None in ends else max(end for end in ends if end is not None)
    return _not_now(q, Reason.PAUSED, str(holding[0]), until)


def _window(q: Question) -> Objection | None:
    found = find_window(q.policy, q.plan, q.file, q.hosts, q.now)
    if found is None:
        return None
    window, end = found
    return _not_now(q, Reason.MAINTENANCE_WINDOW, f"{window.id}, until {end:%Y-%m-%d %H:%M} UTC", end)


def _storm(q: Question) -> Objection | None:
    storm = q.policy.guards.storm
    opened = q.history.openings_since(q.now - storm.within)
    if len(opened) < storm.incidents:
        return None
    detail = f"{storm.incidents} incidents or more were opened in {format_duration(storm.within)}"
    return _not_now(q, Reason.STORM, detail, opened[-storm.incidents] + storm.within)


def _flapping(q: Question) -> Objection | None:
    flapping = q.policy.guards.flapping
    count = q.history.recoveries_since(q.plan.fault, q.plan.entity, q.now - flapping.within)
    if count < flapping.times:
        return None
    what = f"{q.plan.fault} on {q.plan.entity}"
    detail = f"{what} was healed {count} times in {format_duration(flapping.within)}"
    return Forbidden(reason=Reason.FLAPPING, detail=detail)


def _circuit(q: Question) -> Objection | None:
    circuit = q.policy.guards.circuit
    alike = [
        one
        for one in q.history.trials(q.plan.remediation)
        if circuit.pooled or (one.fault == q.plan.fault and same_kind(one.groups, q.plan.groups))
    ]
    under_way = [one for one in alike if one.under_way]
    failed = _failures_in_a_row(alike)
    if len(failed) + len(under_way) < circuit.failures:
        return None
    if len(failed) < circuit.failures:
        detail = (
            f"{q.plan.remediation}: {len(failed)} runs did not help and {len(under_way)} are not judged yet, "
            f"of {circuit.failures} that may fail"
        )
        return _not_now(q, Reason.CIRCUIT_OPEN, detail, None)
    reset_at = failed[0] + circuit.reset
    if q.now < reset_at:
        detail = f"the last {len(failed)} runs of {q.plan.remediation} did not help"
        return _not_now(q, Reason.CIRCUIT_OPEN, detail, reset_at)
    if under_way:
        detail = f"one run of {q.plan.remediation} tries whether it helps again"
        return _not_now(q, Reason.CIRCUIT_OPEN, detail, None)
    return None


def _canary(q: Question) -> Objection | None:
    if not q.rule.canary:
        return None
    trials = [one for one in q.history.trials(q.plan.remediation) if one.fault == q.plan.fault]
    trying = [one for one in trials if one.under_way and one.machines.isdisjoint(q.plan.machines)]
    if not trying or _is_proved(q, trials):
        return None
    hosts = ", ".join(sorted(trying[-1].machines))
    detail = f"{q.plan.remediation} is tried for {q.plan.fault} on {hosts} first, by run {trying[-1].run_id}"
    return _not_now(q, Reason.CANARY, detail, None)


def _cooldown(q: Question) -> Objection | None:
    if q.override_cooldown:
        return None
    for host in q.plan.hosts:
        machine = q.plan.machine(host)
        last = q.history.last_start(q.plan, machine, q.repeats)
        if last is not None and q.now - last < q.file.limits.cooldown:
            until = last + q.file.limits.cooldown
            detail = (
                f"{q.plan.remediation} last started on {host} for this at {last:%H:%M:%S} UTC, "
                f"it cools down until {until:%H:%M:%S} UTC"
            )
            return _not_now(q, Reason.COOLDOWN, detail, until)
    return None


def _daily_limit(q: Question) -> Objection | None:
    most = q.file.limits.per_day
    for host in q.plan.hosts:
        starts = q.history.starts_since(q.plan.remediation, q.plan.machine(host), q.now - _DAY)
        if len(starts) >= most:
            detail = f"{q.plan.remediation} may run {most} times on {host} in 24 hours, and did"
            return _not_now(q, Reason.DAILY_LIMIT, detail, starts[-most] + _DAY)
    return None


def _blast_radius(q: Question) -> Objection | None:
    blast = q.policy.guards.blast_radius
    mine = set(q.plan.machines)
    touched = q.history.touched_since(q.now - blast.within)
    others = sorted(at for machine, at in touched.items() if machine not in mine)
    too_many = len(others) + len(mine) - blast.hosts
    if too_many <= 0:
        return None
    detail = f"more than {blast.hosts} hosts would be touched in {format_duration(blast.within)}"
    if too_many > len(others):
        return Forbidden(reason=Reason.BLAST_RADIUS, detail=detail)
    return _not_now(q, Reason.BLAST_RADIUS, detail, others[too_many - 1] + blast.within)


def _healthy_share(q: Question) -> Objection | None:
    called, busy = q.history.troubled_hosts(), q.history.busy_hosts()
    names = HostNames(q.hosts.values())
    troubled = {host.name for label in called for host in names.meant_by(label)}
    troubled |= {name for name, host in q.hosts.items() if host.identity in busy}
    for group in sorted({name for host in q.plan.hosts for name in q.hosts[host].groups} - _OF_ALL):
        others = {name for name, host in q.hosts.items() if group in host.groups} - set(q.plan.touched)
        if not others:
            continue
        share = len(others - troubled) / len(others)
        if share < q.rule.minimum_healthy:
            detail = (
                f"{len(others & troubled)} of the {len(others)} other hosts of {group} are in trouble, "
                f"{q.rule.minimum_healthy:.0%} have to be well"
            )
            return _not_now(q, Reason.HEALTHY_SHARE, detail, None)
    return None


def _host_busy(q: Question) -> Objection | None:
    busy = q.history.busy_hosts()
    names = [host for host in q.plan.touched if q.plan.machine(host) in busy]
    if not names:
        return None
    return _not_now(q, Reason.HOST_BUSY, f"{', '.join(names)} has a run that is not judged yet", None)


GUARDS: tuple[Callable[[Question], Objection | None], ...] = (
    _pause,
    _window,
    _storm,
    _flapping,
    _circuit,
    _canary,
    _cooldown,
    _daily_limit,
    _blast_radius,
    _healthy_share,
    _host_busy,
    _harm,
    _too_early,
)


def _not_now(q: Question, reason: Reason, detail: str, until: datetime | None) -> NotNow:
    return NotNow(reason=reason, detail=detail, until=until, plan=q.plan)


def _failures_in_a_row(trials: Sequence[Trial]) -> list[datetime]:
    """Return when the runs were judged that did not help since the last one that did, newest first."""
    judged = [(one.judged_at, one.healed) for one in trials if not one.under_way and one.judged_at]
    judged.sort(key=lambda one: one[0], reverse=True)
    failed = []
    for at, healed in judged:
        if healed:
            break
        failed.append(at)
    return failed


def _is_proved(q: Question, trials: Sequence[Trial]) -> bool:
    """Return whether the remediation as it is now healed this fault of late, and did not fail since."""
    judged = [(one.judged_at, one) for one in trials if not one.under_way and one.judged_at]
    if not judged:
        return False
    at, last = max(judged, key=lambda one: one[0])
    proved_for = q.policy.guards.canary.proved_for
    return bool(last.healed) and last.digest == q.plan.digest and q.now - at < proved_for
