"""A run and its remediation in, every step carried out and journalled, the run as it ended out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from agent.clock import Clock
from agent.config.remediationfile import RemediationFile, Step, playbooks_of
from agent.errors import ConfigError, RunError
from agent.reasons import Reason
from agent.records import Leftovers, Run, RunState, StepOutcome, TaskEvent
from agent.remediate.execution import Ended, Execution, Hosts
from agent.remediate.runner import PlaybookRunner
from agent.remediate.snapshot import Snapshot, Snapshots


class Journal(Protocol):
    """Where a run writes what happens, as it happens."""

    def write_step(self, run_id: int, outcome: StepOutcome) -> None:
        """Keep how an attempt of a step ended."""

    def write_event(self, run_id: int, event: TaskEvent) -> None:
        """Keep one line of what Ansible did."""


class Steps:
    """Carries out the steps of runs, on the copy that was approved. Safe to use from several threads."""

    def __init__(
        self,
        runner: PlaybookRunner,
        snapshots: Snapshots,
        load: Callable[[Path], RemediationFile],
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._runner = runner
        self._snapshots = snapshots
        self._load = load
        self._journal = journal
        self._clock = clock

    def carry_out(self, run: Run, cancel: threading.Event) -> Run:
        """Run the steps in order until one fails that may not.

        Returns the run with its state, reason and every step's outcome. Whether it is rolled back is for the
        caller to see to: that is a phase of its own, which outlives a crash. Raises RunError when the copy
        of what was approved is not there.
        """
        snapshot, file = self._open(run)
        outcomes: list[StepOutcome] = []
        bad: StepOutcome | None = None
        for step in file.steps:
            outcome = self._step(run, step, snapshot, file, cancel, outcomes)
            if outcome.state is RunState.SUCCEEDED:
                continue
            if outcome.state is RunState.CANCELED or _is_final(outcome) or not step.continue_on_failure:
                bad = outcome
                break
        if bad is None:
            ended = replace(run, state=RunState.SUCCEEDED, reason=Reason.STEPS_SUCCEEDED, detail="")
        else:
            detail = f"step '{bad.name}': {bad.detail}" if bad.detail else f"step '{bad.name}'"
            ended = replace(run, state=bad.state, reason=bad.reason, detail=detail)
        return replace(ended, steps=tuple(outcomes), ended_at=self._clock.now())

    def roll_back(self, run: Run, cancel: threading.Event) -> StepOutcome:
        """Run the rollback playbook and return how it ended. Raises RunError as ``carry_out``."""
        snapshot, file = self._open(run)
        playbook = file.rollback.playbook
        assert playbook is not None, "asked to roll back without a rollback"
        step = Step(name="rollback", playbook=playbook, timeout=file.rollback.timeout)
        return self._attempt(run, step, 1, snapshot, [playbook], cancel)

    def end_leftovers(self, run: Run) -> Leftovers:
        """End what an interrupted run may have left, here and on its hosts; say what is not known."""
        lasted = self._clock.now() - (run.started_at or run.created_at)
        return self._runner.end_leftovers(mark_of(run), _hosts_of(run), lasted)

    def _open(self, run: Run) -> tuple[Snapshot, RemediationFile]:
        snapshot = self._snapshots.open(run.plan.digest)
        try:
            return snapshot, self._load(snapshot.folder)
        except ConfigError as error:
            raise RunError(f"the copy of what was approved cannot be used: {error}") from error

    def _step(
        self,
        run: Run,
        step: Step,
        snapshot: Snapshot,
        file: RemediationFile,
        cancel: threading.Event,
        outcomes: list[StepOutcome],
    ) -> StepOutcome:
        # all are looked at before the first begins: half a repair is worse than none
        looked_at = [step.playbook] if outcomes else playbooks_of(file)
        for attempt in range(1, step.retries + 2):
            if step.delay and (outcomes or attempt > 1):
                cancel.wait(step.delay.total_seconds())
            outcome = self._attempt(run, step, attempt, snapshot, looked_at, cancel)
            outcomes.append(outcome)
            if outcome.state in (RunState.SUCCEEDED, RunState.CANCELED) or _is_final(outcome):
                break
        return outcome

    def _attempt(
        self,
        run: Run,
        step: Step,
        attempt: int,
        snapshot: Snapshot,
        playbooks: Sequence[str],
        cancel: threading.Event,
    ) -> StepOutcome:
        started_at = self._clock.now()
        execution = Execution(
            mark=f"{mark_of(run)}-{slug(step.name)}-{attempt}",
            step=step.name,
            snapshot=snapshot,
            playbook=step.playbook,
            hosts=_hosts_of(run),
            parameters=run.plan.parameters,
            timeout=step.timeout,
            playbooks=playbooks,
        )
        if cancel.is_set():
            ended = Ended(state=RunState.CANCELED, reason=Reason.CANCELED)
        else:
            ended = self._runner.run(
                execution, lambda event: self._journal.write_event(run.id, event), cancel.is_set
            )
        outcome = StepOutcome(
            name=step.name,
            playbook=step.playbook,
            attempt=attempt,
            state=ended.state,
            reason=ended.reason,
            started_at=started_at,
            ended_at=self._clock.now(),
            changed=ended.changed,
            output=ended.output,
            detail=ended.detail,
        )
        self._journal.write_step(run.id, outcome)
        return outcome


def _hosts_of(run: Run) -> Hosts:
    plan = run.plan
    return Hosts(targets=plan.hosts, companions=plan.companions, identities=plan.identities)


def _is_final(outcome: StepOutcome) -> bool:
    """Return whether another attempt would do harm or end the same way."""
    return outcome.reason in (Reason.LEFTOVERS_UNKNOWN, Reason.PLAY_REFUSED, Reason.PLAYBOOK_MISSING)


def mark_of(run: Run) -> str:
    """Return the mark that all processes of a run begin theirs with, the same after a restart.

    Another agent may have a run of this number on the same host, begun in the same second.
    """
    return f"run-{run.id}-{run.created_at:%Y%m%dT%H%M%S%f}"


def slug(name: str) -> str:
    """Return a step's name as it may stand in a file name."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())[:40]


def longest(file: RemediationFile) -> timedelta:
    """Return how long the steps can take at most, all retries and the rollback included."""
    steps = sum(((step.timeout + step.delay) * (step.retries + 1) for step in file.steps), timedelta(0))
    return steps + (file.rollback.timeout if file.rollback.playbook else timedelta(0))
