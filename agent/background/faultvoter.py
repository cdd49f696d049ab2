"""What is seen of an entity in, what the trained diagnosis says of it out: asked of the scoring process.

The agent holds no model and no scikit-learn. Without an answer in time the last one to the same question
counts; without that there is none, and rules and cases go on alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from agent.learn.faults.answers import KIND
from agent.log import Logger
from agent.records.cases import Fingerprint, Hypothesis

log = Logger("trained")

_REMEMBERED = 200  # answers


class Judge(Protocol):
    """Who holds the model."""

    def ask(self, header: Mapping[str, Any], payload: bytes | memoryview) -> Mapping[str, Any] | None:
        """Return the answer to a question, or None when there is none in time."""


class TrainedVoter:
    """Asks the model in force; what runs beside it is compared, and acted on by nobody."""

    def __init__(self, judge: Judge, is_there: Callable[[], bool]) -> None:
        self._judge = judge
        self._is_there = is_there
        self._answers: dict[frozenset[tuple[str, float]], Sequence[Hypothesis]] = {}
        self._training = ""
        self._beside = ""
        self._refused: Sequence[str] = ()
        self._compared = self._agreed = 0

    @property
    def status(self) -> Mapping[str, Any]:
        """Return what people want to know: which model answers, what was refused, how often both agreed."""
        return {
            "training": self._training,
            "refused": list(self._refused),
            "beside": self._beside,
            "compared": self._compared,
            "agreed": self._agreed,
        }

    def vote(self, seen: Fingerprint) -> Sequence[Hypothesis] | None:
        """Return hypotheses, none without an answer; None when no model was ever put in force."""
        if not self._is_there():
            return None
        key = frozenset(seen.items())
        answer = self._judge.ask({"kind": KIND, "seen": dict(seen)}, b"")
        if answer is None or "in_force" not in answer:
            return self._answers.get(key, ())
        self._hear_refusals(answer)
        own, beside = answer["in_force"], answer.get("beside")
        training = own["training"] if own else ""
        if training != self._training:
            self._answers, self._training = {}, training
            log.info("trained diagnosis in use", training=training or "none")
        if own is None:
            return ()
        if key not in self._answers:
            self._compare(own, beside)
            if len(self._answers) >= _REMEMBERED:
                del self._answers[next(iter(self._answers))]
        self._answers[key] = [_hypothesis(training, one) for one in own["votes"]]
        return self._answers[key]

    def _hear_refusals(self, answer: Mapping[str, Any]) -> None:
        refused = tuple(answer.get("refused", ()))
        for why in refused:
            if why not in self._refused:
                log.warning("trained diagnosis refused; rules and cases go on", why=why)
        self._refused = refused

    def _compare(self, own: Mapping[str, Any], beside: Mapping[str, Any] | None) -> None:
        """Count whether both say the same of what was not asked before."""
        name = beside["training"] if beside else ""
        if name != self._beside:
            self._beside, self._compared, self._agreed = name, 0, 0
        if beside is None:
            return
        said, other = (one["votes"][0] if one["votes"] else None for one in (own, beside))
        agreed = (said and said["fault"]) == (other and other["fault"])
        self._compared += 1
        self._agreed += agreed
        if not agreed:
            log.info("the model beside says otherwise", in_force=_told(said), beside=_told(other))


def _told(vote: Mapping[str, Any] | None) -> str:
    return f"{vote['fault']} {vote['probability']:.2f}" if vote else "nothing"


def _hypothesis(training: str, vote: Mapping[str, Any]) -> Hypothesis:
    told = ", ".join(f"{feature} ({effect:+.1f})" for feature, effect in vote["reasons"])
    return Hypothesis(
        voter=f"classifier {training}",
        fault=str(vote["fault"]),
        confidence=float(vote["probability"]),
        evidence=(
            f"the trained model takes it for {vote['fault']} with probability {vote['probability']:.2f}"
            + (f", by {told}" if told else ""),
        ),
    )
