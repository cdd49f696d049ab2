"""Observations of one incident in, its entities ranked by how likely each is the root cause out.

Blame starts where the trouble is felt and walks through the causal graph: at each node it passes on the
share that other nodes account for and leaves the rest. What is left at an entity is what only it can
account for (absorption of a Markov chain; compare MicroHECL and the random walks of MicroRCA, which
walk on similarity alone). Facts that no propagation sees, such as a change right before, being first, or
complaints of its own, are added as weights of evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agent.diagnose.cause.beginning import symptom_rows
from agent.diagnose.cause.blame_propagation import BlamePropagation
from agent.diagnose.cause.deviations import Deviations, measure_deviations
from agent.diagnose.cause.graph import FAILING, CausalGraph, NodeKey, Trouble, coincidence
from agent.diagnose.cause.links import build_graph
from agent.diagnose.cause.logevidence import LogEvidence, read_logs
from agent.diagnose.cause.logshapes import gather_shapes
from agent.diagnose.cause.orientation import orient
from agent.meaning import MetricRole
from agent.records.evidence import ChangeEvent, Observations, SeriesTable

_FROM_SYMPTOM = 0.8  # of the blame starts at what the alert was about, the rest at whatever deviates
_PLAIN_SYMPTOM = 0.2  # severity (z of 3) from which on an alert's own series speaks for itself
_CONTRAST = 3.0
_START: Mapping[Trouble, float] = {
    Trouble.LATENCY: 1.0,
    Trouble.ERRORS: 1.0,
    Trouble.SATURATION: 1.0,
    Trouble.OTHER: 0.5,
    Trouble.SURGE: 0.3,
    Trouble.DROUGHT: 0.1,  # nearly always an effect
}
# Weights of evidence in natural logarithms: 0.7 doubles the odds
_CHANGED_RIGHT_BEFORE = 0.9
_OWN_COMPLAINTS = 0.9
_SHORT_OF_RESOURCES = 1.0
_FIRST = 0.5
_STRANGEST = 0.4  # times the logarithm of how far it strayed; only where nobody knows who calls whom
_REPAIR = 0.7  # of the share of all trouble that a simulated repair takes away
_LOOKED_AT = 12  # suspects whose repair is simulated
_ALERTED = -0.7  # alerts watch what users feel, and that is seldom where the cause is
_FOUND = 2.5  # times how sure a rule is: it looked at what it was made for
_BELONGS = 0.5  # a course less alike than this to the incident's is another story
_CHANGE_FADES_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One entity that may be the root cause.

    ``score`` sums to 1 over all suspects of an incident. ``left`` is the blame that only it can account
    for, ``repaired`` the blame that comes by it, ``weights`` the evidence in natural logarithms.
    """

    entity: str
    score: float
    left: float
    repaired: float
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RootCauseAnalysis:
    """Everything found about one incident; suspects are ranked, the likeliest first."""

    observed: Observations
    deviations: Deviations
    logs: LogEvidence
    graph: CausalGraph
    start: Mapping[NodeKey, float]
    suspects: Sequence[Suspect]
    guessed: bool = False
    notes: Sequence[str] = ()


def analyse(observed: Observations) -> RootCauseAnalysis:
    """Find the root cause of one incident.

    When nothing is clearly wrong but somebody raised an alarm, what deviates a little is ranked, and
    ``guessed`` says so.
    """
    found = _analyse(observed)
    alarmed = observed.symptom is not None or observed.detected_at is not None
    if found.graph.nodes or observed.findings or not alarmed:
        return found
    return replace(
        _analyse(observed, slight=True),
        guessed=True,
        notes=(*found.notes, "nothing deviates clearly; the ranking is a guess from slight changes"),
    )


def _analyse(observed: Observations, slight: bool = False) -> RootCauseAnalysis:
    table = observed.table
    entities = dict.fromkeys([*table.entities, *observed.nodes])
    begin = float(table.times[0]) if table.clocked and len(table.times) else None
    shapes = gather_shapes(observed.logs, entities, _ends_at(table), observed.logs_known_from, begin)
    deviations = measure_deviations(observed, slight, shapes)
    logs = read_logs(shapes, table.times, deviations.start, table.clocked)
    edges, turned = orient(observed.edges, table.entities, deviations.roles, logs)
    graph = build_graph(deviations, edges, logs)
    start = start_weights(observed, deviations, graph)
    suspects = rank_suspects(observed, deviations, logs, graph, BlamePropagation.of(graph, start))
    return RootCauseAnalysis(
        observed=observed,
        deviations=deviations,
        logs=logs,
        graph=graph,
        start=start,
        suspects=suspects,
        notes=tuple(note for note in (turned, _unknown_callers(observed, graph)) if note),
    )


def _unknown_callers(observed: Observations, graph: CausalGraph) -> str:
    if observed.edges or len({entity for entity, _ in graph.nodes}) < 2:
        return ""
    return "nobody told who calls whom, so that effects cannot be told from causes for sure"


def _ends_at(table: SeriesTable) -> float:
    """Return when the last column ends, in unix seconds."""
    if not table.clocked or len(table.times) < 2:
        return float("inf")
    return float(2 * table.times[-1] - table.times[-2])


def start_weights(observed: Observations, deviations: Deviations, graph: CausalGraph) -> dict[NodeKey, float]:
    """Return where blame starts, summing to 1."""
    near = relevance(graph)
    weights = {
        key: _START[key[1]] * (node.severity * near[key]) ** _CONTRAST for key, node in graph.nodes.items()
    }
    total = sum(weights.values())
    if not total:
        return {}
    start = {key: weight / total for key, weight in weights.items()}
    # where nobody knows who calls whom, blame cannot walk from the alert to where it comes from
    felt = _felt(observed, deviations, graph) if observed.edges else []
    if felt:
        worst = max(graph.nodes[key].severity for key in felt)
        share = _FROM_SYMPTOM * min(1.0, worst / _PLAIN_SYMPTOM)
        start = {key: (1 - share) * weight for key, weight in start.items()}
        for key in felt:
            start[key] += share / len(felt)
    return start


def relevance(graph: CausalGraph) -> dict[NodeKey, float]:
    """Return 0..1 for each node: how alike its course is to that of the incident as a whole."""
    course = graph.course()
    if course is None:
        return {}
    return {key: coincidence(course, node.profile) for key, node in graph.nodes.items()}


def _felt(observed: Observations, deviations: Deviations, graph: CausalGraph) -> list[NodeKey]:
    hint = observed.symptom
    if hint is None:
        return []
    roles = {deviations.roles[row] for row in symptom_rows(observed)} if hint.metric else set()
    wanted = {Trouble.ERRORS if role is MetricRole.AVAILABILITY else role.value for role in roles}
    own = [key for key in graph.nodes if key[0] == hint.entity]
    exact = [key for key in own if key[1].value in wanted]
    return exact or [key for key in own if key[1] in FAILING] or own


def rank_suspects(
    observed: Observations,
    deviations: Deviations,
    logs: LogEvidence,
    graph: CausalGraph,
    blame: BlamePropagation,
) -> list[Suspect]:
    """Add the weights of evidence to what blame propagation left, and rank."""
    left = {**dict.fromkeys(observed.findings, 0.0), **blame.left()}
    likely = set(sorted(left, key=lambda entity: -left[entity])[:_LOOKED_AT])
    near = relevance(graph)
    onsets = _onsets(graph, near)
    felt = {key[0] for key in _felt(observed, deviations, graph)}
    first = min(onsets.values(), default=0)
    span = max(len(observed.table.times) - first, 1)
    repaired = {entity: blame.arriving(entity) for entity in likely}
    strayed = {} if observed.edges else _strayed(deviations)
    scored: dict[str, tuple[float, dict[str, float]]] = {}
    for entity, rest in left.items():
        weights = {
            "unexplained": float(np.log(rest + 0.01)),
            "own_complaints": _OWN_COMPLAINTS * _own_complaints(entity, logs, graph),
            "resources": _SHORT_OF_RESOURCES * _own_shortage(entity, graph, near),
            "changed": _CHANGED_RIGHT_BEFORE * _changed_before(entity, observed, deviations),
            "first": _FIRST * (1 - min(1.0, 4 * (onsets[entity] - first) / span))
            if entity in onsets
            else 0.0,
            "repair": _REPAIR * repaired.get(entity, 0.0),
            "alerted": _ALERTED if entity in felt else 0.0,
            "strangest": _STRANGEST * strayed.get(entity, 0.0),
            "found": _FOUND * _found(entity, observed),
        }
        scored[entity] = (sum(weights.values()), weights)
    best = max((score for score, _ in scored.values()), default=0.0)
    odds = {entity: float(np.exp(score - best)) for entity, (score, _) in scored.items()}
    total = sum(odds.values())
    suspects = [
        Suspect(
            entity=entity,
            score=odds[entity] / total,
            left=left[entity],
            repaired=repaired.get(entity, 0.0),
            weights=scored[entity][1],
        )
        for entity in scored
    ]
    return sorted(suspects, key=lambda one: (-one.score, one.entity))


def _found(entity: str, observed: Observations) -> float:
    """Return 0..1: how sure a rule is that the trouble is this entity's own, not one passed on to it."""
    found = observed.findings.get(entity)
    return 0.0 if found is None or found.passed_on else found.sure


def _strayed(deviations: Deviations) -> dict[str, float]:
    """Return how far each entity's strangest series strayed beside the strangest of all, in logarithms.

    What passes on from a callee is diluted by what its caller does besides, so the cause strays farthest.
    """
    z = deviations.z[:, deviations.start :]
    if not z.size:
        return {}
    most = max(1, z.shape[1] // 4)
    worst = np.partition(z, z.shape[1] - most, axis=1)[:, -most:].mean(axis=1)
    by_entity: dict[str, float] = {}
    for entity, value in zip(deviations.table.entities, worst, strict=True):
        by_entity[entity] = max(by_entity.get(entity, 0.0), float(value))
    top = max(by_entity.values())
    return {entity: float(np.log((own + 0.5) / (top + 0.5))) for entity, own in by_entity.items()}


def _onsets(graph: CausalGraph, near: Mapping[NodeKey, float]) -> dict[str, int]:
    """Return since when each entity has a trouble that belongs to the incident."""
    onsets: dict[str, int] = {}
    for key, node in graph.nodes.items():
        entity = key[0]
        if node.onset >= 0 and near[key] >= _BELONGS:
            onsets[entity] = min(onsets.get(entity, node.onset), node.onset)
    return onsets


def _own_complaints(entity: str, logs: LogEvidence, graph: CausalGraph) -> float:
    node = graph.nodes.get((entity, Trouble.ERRORS))
    if node is None or entity not in logs.complaints:
        return 0.0
    return node.severity * logs.own_share(entity)


def _own_shortage(entity: str, graph: CausalGraph, near: Mapping[NodeKey, float]) -> float:
    node = graph.nodes.get((entity, Trouble.SATURATION))
    if node is None:
        return 0.0
    explained = sum(link.share for link in graph.links.get((entity, Trouble.SATURATION), ()))
    return node.severity * near[entity, Trouble.SATURATION] * max(0.0, 1 - explained)


def _changed_before(entity: str, observed: Observations, deviations: Deviations) -> float:
    """Return 0..1: how shortly before the beginning something was changed here."""
    if not observed.table.clocked or not len(observed.table.times):
        return 0.0
    began = float(observed.table.times[deviations.start])
    ages = [began - event.at for event in observed.events if event.entity == entity]
    return max((_freshness(age) for age in ages), default=0.0)


def freshness(analysis: RootCauseAnalysis, event: ChangeEvent) -> float:
    """Return 0..1: how shortly before the incident an event was."""
    table = analysis.observed.table
    began = float(table.times[analysis.deviations.start])
    return _freshness(began - event.at)


def _freshness(age_s: float) -> float:
    if np.isnan(age_s) or age_s < -120:  # two minutes for clocks that differ
        return 0.0
    return float(np.exp(-max(age_s, 0.0) / _CHANGE_FADES_S))


def changes_before(entity: str, observed: Observations, deviations: Deviations) -> list[ChangeEvent]:
    """Return what was changed here within the hour before the beginning, the newest first."""
    if not observed.table.clocked or not len(observed.table.times):
        return []
    began = float(observed.table.times[deviations.start])
    near = [e for e in observed.events if e.entity == entity and -120 <= began - e.at <= 3600]
    return sorted(near, key=lambda event: -event.at)
