"""The steps of autonomy of remediations, each with who or what took it and why; none is ever changed."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, insert, select

from agent.records.autonomy import AutonomyStep
from agent.store.audit import append
from agent.store.engine import Database
from agent.store.schema import autonomy_steps


class AutonomyStore:
    """Reads the steps of all remediations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[AutonomyStep]:
        """Return all steps, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(autonomy_steps).order_by(autonomy_steps.c.id))
            return [AutonomyStep(**row._mapping) for row in rows]


def steps_of_autonomy(connection: Connection, remediation: str, fault: str) -> list[AutonomyStep]:
    """Return the steps of a remediation for a fault, oldest first."""
    mine = (autonomy_steps.c.remediation == remediation) & (autonomy_steps.c.fault == fault)
    rows = connection.execute(select(autonomy_steps).where(mine).order_by(autonomy_steps.c.id))
    return [AutonomyStep(**row._mapping) for row in rows]


def take_autonomy_step(connection: Connection, step: AutonomyStep) -> bool:
    """Keep a step and write it into the audit log; return False when its run has led to one before."""
    if step.run_id is not None:
        known = select(autonomy_steps.c.id).where(autonomy_steps.c.run_id == step.run_id)
        if connection.execute(known).first() is not None:
            return False
    values = {name: value for name, value in asdict(step).items() if name != "id"}
    connection.execute(insert(autonomy_steps).values(**values))
    action = "autonomy raised" if step.up else "autonomy lowered"
    append(connection, step.at, step.actor, action, f"{step.remediation} for {step.fault}", {"why": step.why})
    return True
