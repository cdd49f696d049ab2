"""What people said of diagnoses in, which of it counts out: none by which the past is named worse.

Each is judged by a replay of incidents whose fault was proved on metrics, with all that counts already and
with it. What was accepted is judged again whenever more is proved, and undone when it turns out to be worse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.records.cases import Outcome, PastCase
from agent.records.proposals import ProposalState, Quality, Teaching

FEWEST = 10
"""Proved incidents without which nothing that people say can be judged."""
_FEW_WORDS = 3  # of whom less was judged nothing is said

Replay = Callable[[Sequence[Outcome], Sequence[PastCase]], Quality]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What becomes of one thing that was said, and why."""

    state: ProposalState
    why: str


def judge(
    said: Sequence[Teaching],
    states: Mapping[int, ProposalState],
    known: Sequence[Outcome],
    proved: int,
    replay: Replay,
) -> dict[int, Judged]:
    """Return what changes, by the number of the feedback; ``said`` is oldest first.

    ``states`` is what became of it so far, ``known`` what verdicts taught, ``proved`` how many incidents
    ``replay`` names again.
    """
    if proved < FEWEST:
        why = f"{proved} incidents were proved on metrics, {FEWEST} are needed to judge it"
        return {
            one.feedback.id: Judged(state=ProposalState.WAITING, why=why)
            for one in said
            if one.feedback.id not in states
        }
    counts = [one for one in said if states.get(one.feedback.id) is ProposalState.ACCEPTED]
    changed, counts = _undo(counts, known, replay)
    best = _quality(counts, known, replay)
    for one in said:
        if states.get(one.feedback.id, ProposalState.WAITING) is not ProposalState.WAITING:
            continue
        found = _quality([*counts, one], known, replay)
        figures = f"{proved} incidents named again: {best} without it, {found} with it"
        if found.is_worse_than(best):
            changed[one.feedback.id] = Judged(state=ProposalState.REFUSED, why=figures)
        else:
            changed[one.feedback.id] = Judged(state=ProposalState.ACCEPTED, why=figures)
            counts, best = [*counts, one], found
    return changed


def _undo(
    counts: list[Teaching], known: Sequence[Outcome], replay: Replay
) -> tuple[dict[int, Judged], list[Teaching]]:
    """Take back what makes it worse by now, the worst first, until nothing does."""
    changed: dict[int, Judged] = {}
    while counts:
        best = _quality(counts, known, replay)
        without = [
            (_quality([other for other in counts if other is not one], known, replay), one) for one in counts
        ]
        worse = [
            (found, one)
            for found, one in without
            if best.is_worse_than(found) and not found.is_worse_than(best)
        ]
        if not worse:
            break
        found, one = min(worse, key=lambda pair: (pair[0].brier, -pair[0].right))
        why = f"it was accepted and makes it worse by now: {best} with it, {found} without it"
        changed[one.feedback.id] = Judged(state=ProposalState.UNDONE, why=why)
        counts = [other for other in counts if other is not one]
    return changed, counts


def doubtful_authors(
    authors: Mapping[int, str], states: Mapping[int, ProposalState]
) -> dict[str, tuple[int, int]]:
    """Return of whose words more than three in four were not taken: how many, of how many."""
    bad, all_ = Counter[str](), Counter[str]()
    for number, state in states.items():
        if state is not ProposalState.WAITING and number in authors:
            all_[authors[number]] += 1
            bad[authors[number]] += state is not ProposalState.ACCEPTED
    return {
        author: (bad[author], count)
        for author, count in all_.items()
        if count >= _FEW_WORDS and 4 * bad[author] > 3 * count
    }


def _quality(counts: Sequence[Teaching], known: Sequence[Outcome], replay: Replay) -> Quality:
    outcomes = [*known, *(outcome for one in counts for outcome in one.outcomes)]
    return replay(outcomes, [one.case for one in counts if one.case is not None])
