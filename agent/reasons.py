"""Why the agent acted, asked, held back or gave up: one word for machines, one sentence for people.

The same word stands in the log, the store, the metrics, the API and the pages.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A named reason. ``.text`` is the sentence that people read."""

    # acted or asked
    ALLOWED = "allowed"
    APPROVED = "approved"
    APPROVAL_NEEDED = "approval_needed"

    # nothing to act on
    NO_DIAGNOSIS = "no_diagnosis"
    LOW_CONFIDENCE = "low_confidence"
    NO_REMEDIATION = "no_remediation"
    REMEDIATIONS_EXHAUSTED = "remediations_exhausted"
    TARGET_UNKNOWN = "target_unknown"
    TARGET_TOO_LARGE = "target_too_large"
    PARAMETER_REFUSED = "parameter_refused"
    CHECKS_UNFIT = "checks_unfit"
    SYMPTOMS_GONE = "symptoms_gone"
    PART_OF_ANOTHER = "part_of_another"

    # why it is an incident of its own
    CAUSE_OVER = "cause_over"
    RELAPSED = "relapsed"

    # held back by a guard
    MODE_OBSERVE = "mode_observe"
    PAUSED = "paused"
    HOST_BUSY = "host_busy"
    PARALLEL_LIMIT = "parallel_limit"
    COOLDOWN = "cooldown"
    MAINTENANCE_WINDOW = "maintenance_window"
    STORM = "storm"
    FLAPPING = "flapping"
    CIRCUIT_OPEN = "circuit_open"
    BLAST_RADIUS = "blast_radius"
    HEALTHY_SHARE = "healthy_share"
    POLICY_DENIES = "policy_denies"
    PLAN_CHANGED = "plan_changed"
    DAILY_LIMIT = "daily_limit"
    STORE_UNAVAILABLE = "store_unavailable"
    INVENTORY_UNAVAILABLE = "inventory_unavailable"
    STOPPING = "stopping"
    CANARY = "canary"
    AWAITING_FRAME = "awaiting_frame"
    INTERNAL_ERROR = "internal_error"
    NO_HARM = "no_harm"
    AUTONOMY = "autonomy"
    HARM_UNKNOWN = "harm_unknown"
    TOO_EARLY = "too_early"
    FORECAST_OLD = "forecast_old"
    NO_PREVENTION = "no_prevention"

    # decided by a person
    DENIED = "denied"
    APPROVAL_EXPIRED = "approval_expired"
    CLOSED_BY_PERSON = "closed_by_person"
    RUN_REQUESTED = "run_requested"

    # how a run ended
    STEPS_SUCCEEDED = "steps_succeeded"
    STEP_FAILED = "step_failed"
    STEP_TIMED_OUT = "step_timed_out"
    HOST_UNREACHABLE = "host_unreachable"
    PLAYBOOK_MISSING = "playbook_missing"
    PLAY_REFUSED = "play_refused"
    LEFTOVERS_UNKNOWN = "leftovers_unknown"
    CANCELED = "canceled"
    INTERRUPTED = "interrupted"
    NEVER_STARTED = "never_started"
    NOT_BEGUN = "not_begun"
    CLEANING_UP = "cleaning_up"
    ROLLING_BACK = "rolling_back"
    ROLLBACK_FAILED = "rollback_failed"

    # how a verification ended
    CHECKS_HELD = "checks_held"
    CHECKS_FAILED = "checks_failed"
    CHECKS_HOPELESS = "checks_hopeless"
    METRICS_MISSING = "metrics_missing"
    GOT_WORSE = "got_worse"

    @property
    def text(self) -> str:
        """Return one sentence for people."""
        return _TEXTS[self]


_TEXTS: dict[Reason, str] = {
    Reason.ALLOWED: "mode and policy allow it without asking",
    Reason.APPROVED: "a person approved it",
    Reason.APPROVAL_NEEDED: "a person has to approve it first",
    Reason.NO_DIAGNOSIS: "no rule explains what is seen",
    Reason.LOW_CONFIDENCE: "the diagnosis is not sure enough",
    Reason.NO_REMEDIATION: "no remediation fixes this fault",
    Reason.REMEDIATIONS_EXHAUSTED: "every fitting remediation was tried and did not help",
    Reason.TARGET_UNKNOWN: "the target is no host of the inventory",
    Reason.TARGET_TOO_LARGE: "the target is more hosts than the remediation may touch",
    Reason.PARAMETER_REFUSED: "a value does not fit the type of its parameter",
    Reason.CHECKS_UNFIT: "what the remediation does could not be verified afterwards",
    Reason.SYMPTOMS_GONE: "the symptoms went away",
    Reason.PART_OF_ANOTHER: "it turned out to be an effect of another incident, and goes on as part of it",
    Reason.CAUSE_OVER: "what was taken for its cause is over, and it lasts",
    Reason.RELAPSED: "it was held for recovered, and is there again or still",
    Reason.MODE_OBSERVE: "the agent is in mode observe: it says what it would do and does nothing",
    Reason.PAUSED: "the agent is paused",
    Reason.HOST_BUSY: "another run is at work on this host",
    Reason.PARALLEL_LIMIT: "as many runs are at work as may be at once",
    Reason.COOLDOWN: "the same remediation ran on this host a short time ago",
    Reason.MAINTENANCE_WINDOW: "it is a maintenance window",
    Reason.STORM: "so many incidents at once are a trouble of another kind",
    Reason.FLAPPING: "the same fault was healed again and again and keeps coming back",
    Reason.CIRCUIT_OPEN: "this remediation did not help several times in a row",
    Reason.BLAST_RADIUS: "too many hosts would be touched in a short time",
    Reason.HEALTHY_SHARE: "too few of the other hosts are well",
    Reason.POLICY_DENIES: "no rule of the policy allows it",
    Reason.PLAN_CHANGED: "the remediation's files changed since the plan was made",
    Reason.DAILY_LIMIT: "the remediation used up its runs of the last 24 hours",
    Reason.STORE_UNAVAILABLE: "the store cannot be written, so nothing may start",
    Reason.INVENTORY_UNAVAILABLE: "the inventory cannot be read",
    Reason.STOPPING: "the agent is stopping",
    Reason.CANARY: "the same remediation is being tried for this fault on another host first",
    Reason.AWAITING_FRAME: "the next decision waits for samples newer than the last verdict",
    Reason.INTERNAL_ERROR: "the agent itself fails at this again and again",
    Reason.AUTONOMY: "its earlier runs did harm: a person has to ask for it",
    Reason.NO_HARM: "nobody suffers from it",
    Reason.HARM_UNKNOWN: "nobody can tell whether anybody suffers from it",
    Reason.TOO_EARLY: "it is foreseen, and there is more time than the remediation asks for",
    Reason.FORECAST_OLD: "it was foreseen, and nothing has confirmed that of late",
    Reason.NO_PREVENTION: "it is foreseen only, and nothing is there to prevent it",
    Reason.DENIED: "a person said no",
    Reason.APPROVAL_EXPIRED: "nobody said yes in time",
    Reason.CLOSED_BY_PERSON: "a person closed the incident",
    Reason.RUN_REQUESTED: "a person asked for a remediation, which has not begun yet",
    Reason.STEPS_SUCCEEDED: "all steps succeeded",
    Reason.STEP_FAILED: "a step failed",
    Reason.STEP_TIMED_OUT: "a step took longer than its time limit",
    Reason.HOST_UNREACHABLE: "Ansible could not reach the host",
    Reason.PLAY_REFUSED: "a play or a task was for hosts that are none of the run's",
    Reason.LEFTOVERS_UNKNOWN: "the step was ended, and it is not known whether something of it still runs",
    Reason.PLAYBOOK_MISSING: "the playbook of a step is missing",
    Reason.CANCELED: "the run was cancelled",
    Reason.INTERRUPTED: "the agent ended in the middle of the run",
    Reason.NEVER_STARTED: "the agent ended before the run began",
    Reason.NOT_BEGUN: "the run could not begin",
    Reason.CLEANING_UP: "what an interrupted run may have left is being ended",
    Reason.ROLLING_BACK: "the run is being rolled back",
    Reason.ROLLBACK_FAILED: "the run could not be rolled back",
    Reason.CHECKS_HELD: "every check held for the asked time on samples newer than the run",
    Reason.CHECKS_FAILED: "the checks did not hold in time",
    Reason.CHECKS_HOPELESS: "a check cannot come true any more",
    Reason.METRICS_MISSING: "there were no fresh samples to judge by",
    Reason.GOT_WORSE: "it is worse than before the run",
}
