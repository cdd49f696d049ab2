"""A drafted rule and incidents of the store in, which of them it would have named out.

Each is shown to the rule as the agent would show it: its alerts fire, and its signals have had the values
that they were seen with for longer than the rule waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from agent.collect import Answer, FrameBuffer, Poll
from agent.config.conditions import AlertCondition, SignalCondition, leaves
from agent.config.rulefiles import Rule, Rulebook
from agent.diagnose import RuleVoter
from agent.records import Alert, Incident, Symptom
from agent.workshop.patterns import symptoms_of
from agent.workshop.seenrules import rules_behind

_STEP, _POLLS = timedelta(minutes=1), 8


def named_by(rules: Sequence[Rule], book: Rulebook, incidents: Iterable[Incident]) -> list[int]:
    """Return the numbers of the incidents that one of the rules would have named."""
    asked = [leaf for rule in rules for leaf in leaves(rule.when)]
    signals = {one.signal for one in asked if isinstance(one, SignalCondition)} & book.signals.keys()
    with_alerts = any(isinstance(one, AlertCondition) for one in asked)
    own = Rulebook({id_: book.signals[id_] for id_ in signals}, {}, {one.id: one for one in rules})
    found = []
    for incident in incidents:
        seen = symptoms_of(incident)
        # of what the rules do not ask for they name nothing
        asked_for = any(one.source in signals or (with_alerts and one.kind == "alert") for one in seen)
        if asked_for and _names(own, incident, seen):
            found.append(incident.id)
    return found


def _names(book: Rulebook, incident: Incident, seen: Sequence[Symptom]) -> bool:
    voter = RuleVoter(book)
    buffer = FrameBuffer(book.signals, _POLLS, 10_000)
    answers = {id_: Answer(0, *_samples(id_, seen)) for id_ in book.signals}
    alerts = [_alert(one) for one in seen if one.kind == "alert"]
    for number in range(_POLLS):
        frame = buffer.add(Poll(incident.last_seen_at + number * _STEP, answers))
    vote = voter.vote(frame, (), alerts)
    return any(set(rules_behind(one)) & book.rules.keys() for one in vote.candidates)


def _samples(signal: str, seen: Sequence[Symptom]) -> tuple[list[dict[str, str]], list[float]]:
    """Return the series of a signal, each once, with the last value that it was seen with."""
    known = [one for one in seen if one.source == signal and one.kind != "alert" and one.value is not None]
    by_labels = {frozenset(one.labels.items()): one.value for one in known}
    values = [value for value in by_labels.values() if value is not None]
    return [dict(labels) for labels in by_labels], values


def _alert(symptom: Symptom) -> Alert:
    return Alert(
        fingerprint=symptom.source,
        name=symptom.source,
        labels=symptom.labels,
        annotations={},
        starts_at=symptom.since,
        received_at=symptom.since,
    )
