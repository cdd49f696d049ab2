"""The steps of a remediation's autonomy and its runs in, how much the agent may do by itself out.

The policy stands above it: what a rule asks about is asked about however well it did.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.config.policyfile import AutonomySection
from agent.config.settings import Mode
from agent.quantity import wilson_interval
from agent.records import Trial
from agent.records.autonomy import LADDER, AutonomyStep, Rung, rung_after

_MODES: dict[Rung, Mode] = {"observe": "observe", "suggest": "observe", "approve": "approve", "auto": "auto"}


def mode_on(rung: Rung, asked_for: bool) -> Mode:
    """Return what a rung allows. What a person asks for by name may at least be asked about."""
    return "approve" if asked_for and _MODES[rung] == "observe" else _MODES[rung]


def earned(
    section: AutonomySection, steps: Sequence[AutonomyStep], trials: Sequence[Trial], fault: str
) -> str:
    """Return in words why a remediation may go up one rung for a fault, or nothing.

    Only runs after the last step count, and the lower end of their success (80 %, Wilson) must reach what
    the policy asks for. Nothing goes up while a run is under way.
    """
    if rung_after(section.start, steps) == LADDER[-1]:
        return ""
    since = steps[-1].at if steps else None
    mine = [one for one in trials if one.fault == fault]
    if any(one.under_way for one in mine):
        return ""
    done = [
        one.healed
        for one in mine
        if one.healed is not None and one.judged_at is not None and (since is None or one.judged_at > since)
    ]
    low, high = wilson_interval(sum(done), len(done))
    if len(done) < section.runs or low < section.success:
        return ""
    return f"{sum(done)} of {len(done)} runs helped since ({low:.0%} to {high:.0%})"
