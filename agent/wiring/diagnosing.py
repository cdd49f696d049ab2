"""What parts stand on in, what names faults and keeps incidents out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from agent.background.faultvoter import TrainedVoter
from agent.background.places import has_trained_diagnosis
from agent.background.scorer import ScorerProcess
from agent.config import Rulebook, Settings
from agent.diagnose import Clearance, Dependencies, IncidentLifecycle, VotingEnsemble
from agent.investigation.investigator import Investigator
from agent.investigation.voter import InvestigationVoter
from agent.learn.casebook import TrackRecord
from agent.response import Escalation, Workers
from agent.teachings import Teachings
from agent.tracking import IncidentTracker
from agent.wiring.ground import Ground
from agent.wiring.parts import make_dependencies
from agent.wiring.voting import Learned, make_ensemble, make_investigator


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosing:
    """Who is asked what is wrong, and what becomes of the incidents."""

    dependencies: Dependencies
    clearance: Clearance
    lifecycle: IncidentLifecycle
    learned: Learned
    ensemble: VotingEnsemble
    investigator: Investigator
    tracker: IncidentTracker


def make_diagnosing(
    ground: Ground, scorer: ScorerProcess, escalation: Escalation, workers: Workers
) -> Diagnosing:
    """Return what diagnoses. Raises ConfigError when the classifier is none."""
    settings, definitions = ground.current.settings, ground.current.definitions
    learned = make_learned(ground, scorer)
    dependencies, clearance = make_dependencies(settings), Clearance()
    investigator = make_investigator(ground, learned, lambda: workers.at_work)
    return Diagnosing(
        dependencies=dependencies,
        clearance=clearance,
        lifecycle=make_lifecycle(settings, definitions.book, dependencies, clearance),
        learned=learned,
        ensemble=make_ensemble(settings, definitions.cases, ground.clock, learned),
        investigator=investigator,
        tracker=IncidentTracker(ground.stores, escalation, investigator.look_into, ground.clock),
    )


def make_learned(ground: Ground, scorer: ScorerProcess) -> Learned:
    """Return what the agent learns while it runs."""
    teachings = Teachings(ground.stores, ground.clock)
    return Learned(
        teachings=teachings,
        record=TrackRecord(teachings, ground.clock),
        investigations=InvestigationVoter(),
        trained=TrainedVoter(scorer, partial(has_trained_diagnosis, ground.current.settings)),
    )


def make_lifecycle(
    settings: Settings, book: Rulebook, dependencies: Dependencies, clearance: Clearance
) -> IncidentLifecycle:
    """Return what opens and closes incidents by the faults of a book."""
    return IncidentLifecycle(book.faults, dependencies, settings.diagnose.keep_for, clearance)
