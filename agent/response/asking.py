"""A plan that people have to approve in; the right that they gave out, or the question put to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.clock import Clock
from agent.config.policyfile import PolicyFile
from agent.decide import same_work
from agent.decide.policy import may
from agent.reasons import Reason
from agent.records import (
    Approval,
    Ask,
    Incident,
    Option,
    Person,
    RunRequest,
    count_voices,
)
from agent.response.escalation import APPROVAL, Escalation
from agent.response.previews import Previews
from agent.response.transitions import ACTOR, log_transition, standing_with, transition
from agent.store import Stores, ask_approval, drop_messages, need_voices


class Asking:
    """Asks people, and knows what their answers are worth at the moment they are used."""

    def __init__(
        self,
        *,
        stores: Stores,
        policy: Callable[[], PolicyFile],
        previews: Previews,
        escalation: Escalation,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._policy = policy
        self._previews = previews
        self._escalation = escalation
        self._clock = clock

    def right_for(
        self,
        incident: Incident,
        ask: Ask,
        newest: Approval | None,
        request: RunRequest | None,
        options: tuple[Option, ...],
    ) -> Approval | None:
        """Return the right to carry out a plan, or None: people are asked, or are being asked already.

        How many voices it takes, and whose, is asked of the policy now, whatever it said before.
        """
        mine = _of(newest, request)
        if mine is None or mine.state not in ("pending", "approved") or not same_work(mine.plan, ask.plan):
            self._ask_anew(incident, ask, newest, request, options)
            return None
        enough = count_voices(mine.votes, self._may_approve) >= ask.voices
        if mine.state == "approved" and enough:
            return mine
        if mine.state == "approved" or mine.needed != ask.voices:
            self._ask_for_others(incident, ask, mine, enough, request, options)
        else:
            self._move(incident, ask, request, options)
        return None

    def refusal(self, newest: Approval | None, request: RunRequest) -> tuple[Reason, str] | None:
        """Return why a person's request may not be carried out any more: somebody said no, or nobody yes."""
        mine = _of(newest, request)
        if mine is not None and mine.state == "denied":
            return Reason.DENIED, mine.said
        if mine is not None and mine.state == "expired":
            return Reason.APPROVAL_EXPIRED, ""
        return None

    def _ask_anew(
        self,
        incident: Incident,
        ask: Ask,
        newest: Approval | None,
        request: RunRequest | None,
        options: tuple[Option, ...],
    ) -> None:
        now = self._clock.now()
        with self._stores.transaction() as connection:
            approval_id = ask_approval(
                connection,
                incident.id,
                ask.plan,
                needed=ask.voices,
                asker=request.person.name if request else ACTOR,
                now=now,
                expires_at=now + self._policy().approval.expires,
                seen=newest,
                request_id=request.id if request else None,
            )
            moved = self._tell(connection, incident, ask, request, options)
        log_transition(incident, moved)
        self._previews.begin(approval_id, ask.plan)

    def _ask_for_others(
        self,
        incident: Incident,
        ask: Ask,
        approval: Approval,
        enough: bool,
        request: RunRequest | None,
        options: tuple[Option, ...],
    ) -> None:
        """The policy wants other voices, or another number of them, than when it was asked."""
        with self._stores.transaction() as connection:
            need_voices(connection, approval, ask.voices, enough, self._clock.now())
            moved = self._tell(connection, incident, ask, request, options)
        log_transition(incident, moved)

    def _move(
        self, incident: Incident, ask: Ask, request: RunRequest | None, options: tuple[Option, ...]
    ) -> None:
        state, reason, detail = standing_with(incident, ask, request)
        now = self._clock.now()
        with self._stores.transaction() as connection:
            moved = transition(connection, incident, state, reason, detail, now, seen=True, options=options)
        log_transition(incident, moved)

    def _tell(
        self,
        connection: Any,
        incident: Incident,
        ask: Ask,
        request: RunRequest | None,
        options: tuple[Option, ...],
    ) -> Incident:
        now = self._clock.now()
        state, reason, detail = standing_with(incident, ask, request)
        drop_messages(connection, incident.id, APPROVAL)
        messages = self._escalation.asked(now)
        return transition(
            connection,
            incident,
            state,
            reason,
            detail,
            now,
            seen=True,
            options=options,
            messages=messages,
        )

    def _may_approve(self, person: Person) -> bool:
        return may(self._policy(), person, "approve")


def _of(newest: Approval | None, request: RunRequest | None) -> Approval | None:
    """Return the newest approval if it is about a person's request, or about none where there is none."""
    request_id = request.id if request is not None else None
    return newest if newest is not None and newest.request_id == request_id else None
