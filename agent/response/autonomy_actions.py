"""What people say about the autonomy of remediations: one rung up or down, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection

from agent.cleantext import clean
from agent.clock import Clock
from agent.errors import NotFoundError, RefusedError
from agent.records.autonomy import LADDER, AutonomyStep, Rung, rung_after
from agent.records.people import Person
from agent.response.operator_actions import OperatorActions
from agent.store import Stores, steps_of_autonomy, take_autonomy_step

_LONGEST_COMMENT = 2000


class AutonomyActions:
    """Takes the steps that people want.

    ``fixes`` gives what each remediation is for. Whoever may pause may take autonomy away; it is given by
    who may ``administer``, and stays below what the policy allows.
    """

    def __init__(
        self,
        stores: Stores,
        operator_actions: OperatorActions,
        fixes: Callable[[str], Collection[str]],
        start: Callable[[], Rung],
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._require = operator_actions.require
        self._fixes = fixes
        self._start = start
        self._clock = clock

    def step(self, person: Person, remediation: str, fault: str, up: bool, comment: str) -> Rung:
        """Take a step and return the rung it led to. Raises RefusedError or NotFoundError."""
        self._require(person, "administer" if up else "pause")
        if fault not in self._fixes(remediation):
            raise NotFoundError(f"no remediation '{remediation}' fixes '{fault}'; see opsmend remediations")
        why = clean(comment, _LONGEST_COMMENT).strip()
        if not why:
            raise RefusedError("say why, for those who read it later (-m)")
        with self._stores.transaction() as connection:
            steps = steps_of_autonomy(connection, remediation, fault)
            rung = rung_after(self._start(), steps)
            if rung == LADDER[-1 if up else 0]:
                raise RefusedError(f"{remediation} is at {rung} for {fault} already")
            step = AutonomyStep(
                remediation=remediation,
                fault=fault,
                up=up,
                at=self._clock.now(),
                actor=person.name,
                why=f"{person.name} said so: {why}",
            )
            take_autonomy_step(connection, step)
            return rung_after(self._start(), [*steps, step])
