"""Settings and store in, who is asked beside the rules out: past cases, the classifier, investigations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.background.faultvoter import TrainedVoter
from agent.clock import Clock
from agent.config import Rulebook, Settings
from agent.diagnose import RuleVoter, VotingEnsemble
from agent.diagnose.naming.classifier import load_classifier
from agent.diagnose.naming.voters import VoterWeights, learn_weights
from agent.investigation.investigator import Investigator
from agent.investigation.voter import InvestigationVoter
from agent.learn.casebook import CaseBook, TrackRecord
from agent.records.cases import PastCase
from agent.teachings import Teachings
from agent.wiring.ground import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What the agent learned while it ran, across reloads."""

    teachings: Teachings
    record: TrackRecord
    investigations: InvestigationVoter
    trained: TrainedVoter

    def weights(self) -> VoterWeights:
        """Return how much each voter is believed by now."""
        return learn_weights(self.record())


def make_voter(settings: Settings, book: Rulebook) -> RuleVoter:
    """Return the voter that knows the rules of a book."""
    section = settings.diagnose
    return RuleVoter(book, section.settle * settings.agent.time_scale, section.ignored_alerts)


def make_ensemble(
    settings: Settings, cases: Sequence[PastCase], clock: Clock, learned: Learned
) -> VotingEnsemble:
    """Return who is asked when no rule is sure. Raises ConfigError when the classifier is none."""
    file = settings.diagnose.classifier
    return VotingEnsemble(
        CaseBook(cases, learned.teachings, clock),
        load_classifier(file) if file is not None else None,
        learned.weights,
        learned.investigations.of,
        learned.trained.vote,
    )


def make_investigator(ground: Ground, learned: Learned, repairs_at_work: Callable[[], bool]) -> Investigator:
    """Return what looks into incidents that are opened, by the rules and cases in force at that time."""
    current, clock = ground.current, ground.clock
    section = current.settings.diagnose
    return Investigator(
        stores=ground.stores,
        book=current.book,
        cases=lambda: CaseBook(current.definitions.cases, learned.teachings, clock)(),
        weights=learned.weights,
        inventory=ground.ansible.inventory,
        questions=ground.ansible.questions,
        probes=section.probes,
        classifier=str(section.classifier or ""),
        hypotheses=learned.investigations,
        repairs_at_work=repairs_at_work,
        clock=clock,
    )
