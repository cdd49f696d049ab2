"""An incident that waits for a decision in; a run begun, people asked, told or called, or a wait out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from agent import metrics
from agent.clock import Clock
from agent.decide import Circumstances, Decided, Decider
from agent.errors import RunError
from agent.log import Logger
from agent.reasons import Reason
from agent.records import (
    Approval,
    Ask,
    Forbidden,
    Incident,
    IncidentState,
    NotNow,
    Plan,
    Proceed,
    Run,
    RunRequest,
    Unfit,
)
from agent.response.asking import Asking
from agent.response.escalation import APPROVAL, STORM, WAITING, Escalation
from agent.response.outcomes import Outcomes
from agent.response.past import Past
from agent.response.transitions import ACTOR, log_transition, standing_with, transition
from agent.store import (
    History,
    Message,
    Stores,
    answer_request,
    begin_run,
    drop_messages,
    pauses_in_force,
    told_targets,
    use_approval,
    withdraw_approvals,
)

log = Logger("response")

_STORM_SILENCE = timedelta(minutes=30)
_LONG_S = 3600.0  # a wait that people hear of even when nothing critical waits
# waits that somebody has chosen, who need not hear that they are long
_CHOSEN = (Reason.PAUSED, Reason.MAINTENANCE_WINDOW, Reason.MODE_OBSERVE, Reason.NO_DIAGNOSIS)
# findings that are told instead of treated
_TOLD = (Reason.NO_HARM, Reason.HARM_UNKNOWN)
# waits of which nobody needs to hear at once: runs at work, and polls, end them within minutes
_BRIEF = (
    Reason.HOST_BUSY,
    Reason.PARALLEL_LIMIT,
    Reason.CANARY,
    Reason.AWAITING_FRAME,
    Reason.MODE_OBSERVE,
    Reason.NO_DIAGNOSIS,
)


class _Held(Exception):
    """A guard objects in the transaction that would have begun the run."""

    def __init__(self, answer: NotNow | Forbidden) -> None:
        super().__init__(answer.reason.text)
        self.answer = answer


class Deciding:
    """Asks the decider about incidents, and acts on its answers. Called under the responder's lock."""

    def __init__(
        self,
        *,
        stores: Stores,
        decider: Decider,
        outcomes: Outcomes,
        asking: Asking,
        escalation: Escalation,
        past: Past,
        may_override: Callable[[RunRequest], bool],
        is_critical: Callable[[Incident], bool],
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._decider = decider
        self._outcomes = outcomes
        self._asking = asking
        self._escalation = escalation
        self._past = past
        self._may_override = may_override
        self._is_critical = is_critical
        self._clock = clock
        self._waiting_for: dict[int, frozenset[str]] = {}  # the machines that an incident's next run needs
        self._held_since_s: dict[int, float] = {}

    def decide(self, incident: Incident, request: RunRequest | None) -> None:
        """Move an incident on for which nothing is under way.

        While a person's request is open it is what is decided about. Raises ConflictError when somebody
        changed the incident meanwhile.
        """
        if request is None and self._only_waits_for_room(incident):
            return
        self._waiting_for.pop(incident.id, None)
        runs = self._stores.runs.of_incident(incident.id)
        approval = self._stores.approvals.newest(incident.id)
        ended = self._past.for_people(runs, approval) if request is None else None
        if ended is not None:
            self.escalate(incident, *ended)
            return
        waits = self._past.waits(incident, runs)
        if waits is not None:
            self._object(incident, waits, request, None)
            return
        refusal = self._asking.refusal(approval, request) if request is not None else None
        if refusal is not None:
            self._refuse(incident, Forbidden(reason=refusal[0], detail=refusal[1]), request, None)
            return
        self._act(incident, self._ask_decider(incident, runs, approval, request), approval, request)

    def escalate(
        self, incident: Incident, reason: Reason, detail: str, decided: Decided | None = None
    ) -> None:
        """Give an incident to people, and call them when it is news."""
        fresh = incident.state is not IncidentState.ESCALATED
        now = self._clock.now()
        with self._stores.transaction() as connection:
            moved = transition(
                connection,
                incident,
                IncidentState.ESCALATED,
                reason,
                detail,
                now,
                seen=True,
                options=decided.decision.options if decided else (),
                messages=self._escalation.given(incident, now) if fresh else (),
            )
        log_transition(incident, moved)

    def forget_others(self, active: set[int]) -> None:
        """Drop what is remembered of incidents that are over."""
        self._waiting_for = {id_: hosts for id_, hosts in self._waiting_for.items() if id_ in active}
        self._held_since_s = {id_: at for id_, at in self._held_since_s.items() if id_ in active}
        self._past.forget_others(active)

    def _ask_decider(
        self,
        incident: Incident,
        runs: Sequence[Run],
        approval: Approval | None,
        request: RunRequest | None,
    ) -> Decided:
        now = self._clock.now()
        return self._decider.decide(
            incident,
            Circumstances(
                now=now,
                pauses=self._stores.pauses.in_force(now),
                tried=self._past.tried(runs) if request is None else (),
                standing=_standing(approval),
                wanted=request.remediation if request else None,
                override_cooldown=request is not None and self._may_override(request),
                repeats=self._past.repeats(runs),
            ),
        )

    def _act(
        self,
        incident: Incident,
        decided: Decided,
        approval: Approval | None,
        request: RunRequest | None,
    ) -> None:
        answer, options = decided.decision.answer, decided.decision.options
        if incident.reason is not answer.reason:
            metrics.DECISIONS.labels(type(answer).__name__.lower(), answer.reason.value).inc()
        match answer:
            case Proceed():
                self._begin(incident, decided, answer.plan, answer.reason, answer.detail, None, request)
            case Ask():
                right = self._asking.right_for(incident, answer, approval, request, options)
                if right is not None:
                    plan = answer.plan
                    self._begin(incident, decided, plan, Reason.APPROVED, right.said, right, request)
            case NotNow() | Forbidden():
                self._object(incident, answer, request, decided)
            case Unfit():
                self._refuse(incident, answer, request, decided)

    def _object(
        self,
        incident: Incident,
        answer: NotNow | Forbidden,
        request: RunRequest | None,
        decided: Decided | None,
    ) -> None:
        if isinstance(answer, NotNow):
            self._hold(incident, answer, request, decided)
        else:
            self._refuse(incident, answer, request, decided)

    def _begin(
        self,
        incident: Incident,
        decided: Decided,
        plan: Plan,
        reason: Reason,
        detail: str,
        right: Approval | None,
        request: RunRequest | None,
    ) -> None:
        """Write the intent with all it rests on, once more asked of the guards, and have it carried out."""
        objection = self._not_ready(plan)
        if objection is not None:
            self._hold(incident, objection, request, decided)
            return
        try:
            run, moved = self._write_intent(incident, decided, plan, reason, detail, right, request)
        except _Held as error:
            self._object(incident, error.answer, request, decided)
            return
        self._held_since_s.pop(incident.id, None)
        log.info(
            "remediation chosen",
            incident=incident.id,
            run=run.id,
            fault=plan.fault,
            entity=plan.entity,
            confidence=plan.confidence,
            remediation=plan.remediation,
            reason=reason,
        )
        log_transition(incident, moved)
        self._outcomes.start(run)

    def _write_intent(
        self,
        incident: Incident,
        decided: Decided,
        plan: Plan,
        reason: Reason,
        detail: str,
        right: Approval | None,
        request: RunRequest | None,
    ) -> tuple[Run, Incident]:
        """Lock the hosts, use up the right, answer the request and move the incident on, or do nothing."""
        now, actor = self._clock.now(), _actor(right, request)
        intent = Run(incident_id=incident.id, plan=plan, created_at=now, actor=actor)
        with self._stores.transaction() as connection:
            pauses = pauses_in_force(connection, now)
            held = decided.object_again(History.within(connection), pauses, now)
            if held is not None:
                raise _Held(held)
            run = begin_run(connection, intent, actor)
            if right is not None:
                use_approval(connection, right, run.id, now)
            withdraw_approvals(connection, incident.id, now)
            if request is not None:
                answer_request(connection, request, "started", f"run {run.id}", now, run.id)
            drop_messages(connection, incident.id, APPROVAL)
            moved = transition(
                connection,
                incident,
                IncidentState.REMEDIATING,
                reason,
                detail,
                now,
                actor=actor,
                seen=True,
                options=decided.decision.options,
            )
        return run, moved

    def _not_ready(self, plan: Plan) -> NotNow | None:
        """Return why a plan that may run cannot begin at this moment."""
        if self._outcomes.full:
            return NotNow(reason=Reason.PARALLEL_LIMIT, plan=plan)
        try:
            changed = self._decider.changed(plan)
        except RunError as error:
            return NotNow(reason=Reason.INVENTORY_UNAVAILABLE, detail=str(error), plan=plan)
        if isinstance(changed, Unfit):
            return NotNow(reason=changed.reason, detail=changed.detail, plan=plan)
        return changed

    def _hold(
        self, incident: Incident, answer: NotNow, request: RunRequest | None, decided: Decided | None
    ) -> None:
        """Let an incident wait; people hear of it once where that matters."""
        if answer.reason is Reason.HOST_BUSY and answer.plan is not None and request is None:
            self._waiting_for[incident.id] = frozenset(answer.plan.machines)
        since_s = self._held_since_s.setdefault(incident.id, self._clock.monotonic())
        state, reason, detail = standing_with(incident, answer, request)
        with self._stores.transaction() as connection:
            moved = transition(
                connection,
                incident,
                state,
                reason,
                detail,
                self._clock.now(),
                seen=True,
                waits_until=answer.until,
                options=decided.decision.options if decided else (),
                messages=self._messages_while_held(connection, incident, answer, since_s),
            )
        log_transition(incident, moved)

    def _messages_while_held(
        self, connection: Any, incident: Incident, answer: NotNow, since_s: float
    ) -> list[Message]:
        if answer.reason is Reason.STORM:
            last = self._stores.notifications.last(STORM)
            silent = last is not None and self._clock.now() - last <= _STORM_SILENCE
            return [] if silent else self._escalation.told(STORM)
        critical = answer.reason not in _BRIEF and self._is_critical(incident)
        long = answer.reason not in _CHOSEN and self._clock.monotonic() - since_s >= _LONG_S
        instead = answer.reason in _TOLD
        if not (critical or long or instead) or told_targets(connection, incident.id, WAITING):
            return []
        return self._escalation.told(WAITING, incident)

    def _refuse(
        self,
        incident: Incident,
        answer: Unfit | Forbidden,
        request: RunRequest | None,
        decided: Decided | None,
    ) -> None:
        """Answer a request with a no; what the agent would have done by itself goes to people."""
        if request is None:
            self.escalate(incident, answer.reason, answer.detail, decided)
            return
        text = f"{answer.reason.text}: {answer.detail}" if answer.detail else answer.reason.text
        with self._stores.transaction() as connection:
            answer_request(connection, request, "refused", text, self._clock.now())
        log.info("request refused", incident=incident.id, by=request.person.name, why=text)

    def _only_waits_for_room(self, incident: Incident) -> bool:
        """Return whether a decision would be the same: in a burst they cost more than the runs leave."""
        if incident.state is not IncidentState.HELD:
            return False
        if incident.reason is Reason.PARALLEL_LIMIT:
            return self._outcomes.full
        hosts = self._waiting_for.get(incident.id, frozenset())
        waits = incident.reason is Reason.HOST_BUSY and bool(hosts)
        return waits and not hosts.isdisjoint(self._stores.history.busy_hosts())


def _standing(approval: Approval | None) -> Plan | None:
    """Return the plan that people are being asked about by the agent, or have said yes to."""
    if approval is None or approval.request_id is not None:
        return None
    return approval.plan if approval.state in ("pending", "approved") else None


def _actor(right: Approval | None, request: RunRequest | None) -> str:
    """Return by whose word a run begins."""
    if request is not None:
        return request.person.name
    if right is not None:
        return ", ".join(vote.person.name for vote in right.votes if vote.yes)
    return ACTOR
