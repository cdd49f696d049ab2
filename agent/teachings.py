"""What people said of diagnoses, as the store has it, in; what of it counts, by the proved past, out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from agent.clock import Clock
from agent.diagnose.naming.replay import replay
from agent.learn.proposals import doubtful_authors, judge
from agent.learn.teachings import proved_naming, teaching_of
from agent.log import Logger
from agent.records.cases import Outcome, PastCase, PastIncident
from agent.records.proposals import Proposal, ProposalState, Teaching
from agent.store import Stores

log = Logger("feedback")

_ACTOR = "opsmend"
_MOST = 500  # incidents; older ones are of a system that has changed since
_HELD_BACK = 100  # the newest proved ones, at most half of all, that are named again


class Teachings:
    """Gives what diagnosis learns from: what was proved, and what people said where that is no worse.

    It stands where the case book and the record of the voters ask for the store's own cases.
    """

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores = stores
        self._clock = clock
        self._judged: object = None  # what was known when it was judged last

    def proved(self) -> Sequence[PastCase]:
        """Return cases proved here, and those that people told of and that count. Raises StoreError."""
        found = self._stores.cases.proved()
        known = {case.id for case in found}
        told = [one.case for one in self._counting() if one.case is not None]
        return [*found, *(case for case in told if case.id not in known)]

    def outcomes(self) -> Sequence[Outcome]:
        """Return what came of the voters' words, by proof and by what people said. Raises StoreError."""
        told = [outcome for one in self._counting() for outcome in one.outcomes]
        return [*self._stores.cases.outcomes(), *told]

    def judge(self) -> None:
        """Judge what is new, and again what counts, when anything was said or proved. Raises StoreError.

        The newest half of the proved incidents is named again, by what was known before it.
        """
        if not self._stores.feedback.list(limit=1, about_incidents=True):
            return
        past = self._stores.cases.past(_MOST, every_word=True)
        said = _teachings(past)
        proved = [named for one in past if (named := proved_naming(one)) is not None]
        held_back = proved[-min(_HELD_BACK, (len(proved) + 1) // 2) :]
        seen = ([one.feedback.id for one in said], [one.incident_id for one in proved])
        if seen == self._judged:
            return
        known = self._stores.cases.outcomes(before=held_back[0].incident_id) if held_back else ()
        states = {number: one.state for number, one in self._stores.proposals.all().items()}
        changed = judge(said, states, known, len(held_back), partial(replay, held_back))
        now = self._clock.now()
        found = [
            Proposal(feedback_id=number, state=one.state, at=now, why=one.why)
            for number, one in changed.items()
        ]
        self._settle(found, said, states)
        self._judged = seen

    def _settle(
        self, found: Sequence[Proposal], said: Sequence[Teaching], states: dict[int, ProposalState]
    ) -> None:
        if not found:
            return
        authors = {one.feedback.id: one.feedback.author for one in said}
        self._stores.proposals.settle(found, authors, _ACTOR)
        for one in found:
            author = authors[one.feedback_id]
            log.info("feedback judged", feedback=one.feedback_id, state=one.state, author=author)
        after = {**states, **{one.feedback_id: one.state for one in found}}
        for author, (worse, count) in doubtful_authors(authors, after).items():
            log.warning("most of what somebody says makes it worse", author=author, worse=worse, said=count)

    def _counting(self) -> list[Teaching]:
        settled = self._stores.proposals.all()
        accepted = {number for number, one in settled.items() if one.state is ProposalState.ACCEPTED}
        if not accepted:
            return []
        past = self._stores.cases.past(_MOST, every_word=True)
        return [one for one in _teachings(past) if one.feedback.id in accepted]


def _teachings(past: Sequence[PastIncident]) -> list[Teaching]:
    """Return what people said of incidents that are over, oldest first."""
    found = [teaching_of(said, one.incident) for one in past for said in one.said]
    return sorted(found, key=lambda one: one.feedback.id)
