"""The one table by which runs go on: the phase a run is in, what is found of it, what to do.

Start, turn and recovery after a crash all look here. What a try brought is in memory until it is written;
the phase is in the store, so that a restart is an ordinary turn in which nobody is found at work.
"""

from __future__ import annotations

from enum import StrEnum

from agent.records import RunPhase


class Found(StrEnum):
    """What a look at a run may find, or its worker report."""

    AT_WORK = "at_work"  # a worker of this process is, or its report waits to be written
    NOBODY = "nobody"  # nobody is: it was never begun, or the agent died
    PAUSED = "paused"  # nobody is, and nothing may begin
    USED_UP = "used_up"  # nobody is, and it was tried as often as makes sense
    RAISED = "raised"  # its worker ended by an unforeseen error
    NOT_BEGUN = "not_begun"  # the worker could not begin, or Ansible refused; no host was touched
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAILED_HALFWAY = "failed_halfway"  # and a rollback is declared for that
    OUT_OF_REACH = "out_of_reach"  # Ansible never reached the host
    LOST = "lost"  # the host went out of reach in the middle
    CANCELED = "canceled"  # by a person
    STOPPED = "stopped"  # by the end of the agent
    CLEAN = "clean"  # nothing of it is left
    NOT_KNOWN = "not_known"  # whether anything of it is left
    UNDONE = "undone"
    NOT_UNDONE = "not_undone"
    UNDECIDED = "undecided"  # verification goes on
    JUDGED = "judged"
    JUDGED_TO_UNDO = "judged_to_undo"  # and a rollback is declared for that verdict


class Do(StrEnum):
    """What follows."""

    WAIT = "wait"
    DROP = "drop"  # the intent: the incident is decided anew
    CLEAN_UP = "clean_up"
    VERIFY = "verify"
    ROLL_BACK = "roll_back"
    TRY_AGAIN = "try_again"  # later, and not for ever
    CONCLUDE = "conclude"  # its verdict stands, its hosts are free


_INTENDED, _RUNNING = RunPhase.INTENDED, RunPhase.RUNNING
_CLEANING, _ROLLING_BACK, _VERIFYING = RunPhase.CLEANING_UP, RunPhase.ROLLING_BACK, RunPhase.VERIFYING

TABLE: dict[tuple[RunPhase, Found], Do] = {
    (_INTENDED, Found.AT_WORK): Do.WAIT,
    (_INTENDED, Found.NOBODY): Do.DROP,
    (_INTENDED, Found.NOT_BEGUN): Do.DROP,
    (_INTENDED, Found.RAISED): Do.DROP,
    (_RUNNING, Found.AT_WORK): Do.WAIT,
    (_RUNNING, Found.NOBODY): Do.CLEAN_UP,
    (_RUNNING, Found.RAISED): Do.CLEAN_UP,
    (_RUNNING, Found.NOT_BEGUN): Do.CONCLUDE,
    (_RUNNING, Found.NOT_KNOWN): Do.CONCLUDE,
    (_RUNNING, Found.SUCCEEDED): Do.VERIFY,
    (_RUNNING, Found.LOST): Do.VERIFY,
    (_RUNNING, Found.STOPPED): Do.VERIFY,
    (_RUNNING, Found.FAILED_HALFWAY): Do.ROLL_BACK,
    (_RUNNING, Found.FAILED): Do.CONCLUDE,
    (_RUNNING, Found.OUT_OF_REACH): Do.CONCLUDE,
    (_RUNNING, Found.CANCELED): Do.CONCLUDE,
    (_CLEANING, Found.AT_WORK): Do.WAIT,
    (_CLEANING, Found.NOBODY): Do.CLEAN_UP,
    (_CLEANING, Found.CLEAN): Do.VERIFY,
    (_CLEANING, Found.NOT_KNOWN): Do.TRY_AGAIN,
    (_CLEANING, Found.RAISED): Do.TRY_AGAIN,
    (_CLEANING, Found.USED_UP): Do.CONCLUDE,
    (_ROLLING_BACK, Found.AT_WORK): Do.WAIT,
    (_ROLLING_BACK, Found.NOBODY): Do.ROLL_BACK,
    (_ROLLING_BACK, Found.PAUSED): Do.WAIT,
    (_ROLLING_BACK, Found.STOPPED): Do.WAIT,
    (_ROLLING_BACK, Found.NOT_BEGUN): Do.TRY_AGAIN,
    (_ROLLING_BACK, Found.OUT_OF_REACH): Do.TRY_AGAIN,
    (_ROLLING_BACK, Found.NOT_KNOWN): Do.TRY_AGAIN,
    (_ROLLING_BACK, Found.RAISED): Do.TRY_AGAIN,
    (_ROLLING_BACK, Found.UNDONE): Do.CONCLUDE,
    (_ROLLING_BACK, Found.NOT_UNDONE): Do.CONCLUDE,
    (_ROLLING_BACK, Found.USED_UP): Do.CONCLUDE,
    (_VERIFYING, Found.UNDECIDED): Do.WAIT,
    (_VERIFYING, Found.RAISED): Do.TRY_AGAIN,
    (_VERIFYING, Found.JUDGED): Do.CONCLUDE,
    (_VERIFYING, Found.JUDGED_TO_UNDO): Do.ROLL_BACK,
    (_VERIFYING, Found.USED_UP): Do.CONCLUDE,
}
