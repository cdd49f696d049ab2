"""One investigation worked out: a job on standard input, a report as JSON on standard output.

Runs as a process of its own, ``python -m agent.investigation.work``: walking a large graph takes seconds and
memory, and what speaks ssh is large; neither belongs into the resting agent. The job is pickled, by the
agent that starts this process and for it alone.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from agent.clock import SystemClock
from agent.collect.probes import Question, Said, questions, read_answer
from agent.diagnose.cause.rootcause import RootCauseAnalysis, analyse
from agent.diagnose.naming.classifier import load_classifier
from agent.diagnose.naming.conclusion import conclude
from agent.diagnose.naming.fingerprint import fingerprint_of_probes
from agent.diagnose.naming.report import build_report
from agent.diagnose.naming.voters import VoterWeights
from agent.errors import ConfigError, ParameterError
from agent.records.cases import Fingerprint, Hypothesis, PastCase
from agent.records.evidence import Observations
from agent.records.plain import to_plain
from agent.records.probes import ProbeAnswer
from agent.remediate import HostAnswer, HostQuestions, Inventory

_MOST_LINKS = 60  # of the graph that are kept with an incident
_MOST_HOSTS = 3
_IN_ALL = timedelta(seconds=45)  # for all questions, where a single one may not take longer
MARK = "investigation"
_stopping = threading.Event()
_LONGEST_TEXT = 4_000  # characters kept of a raw answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Whom to ask: ``always`` first, then the likeliest suspects among ``hosts``.

    ``hosts`` has the inventory's name of each; ``questions`` asks them, in the inventory as it was read.
    """

    questions: HostQuestions
    inventory: Inventory
    hosts: Mapping[str, str] = field(default_factory=dict)
    always: Sequence[str] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    certificates: Mapping[str, Sequence[str]] = field(default_factory=dict)
    timeout: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything an investigation needs; the process that works on it has no store and no settings."""

    observed: Observations
    cases: Sequence[PastCase] = ()
    classifier: str = ""
    hypotheses: Mapping[str, Sequence[Hypothesis]] = field(default_factory=dict)
    weights: VoterWeights = field(default_factory=VoterWeights)
    faults: Mapping[str, str] = field(default_factory=dict)
    asking: Asking | None = None


def main() -> None:
    """Work on the job on standard input; on SIGTERM let go of the hosts that are being asked."""
    signal.signal(signal.SIGTERM, lambda number, frame: _stopping.set())
    job: Job = pickle.loads(sys.stdin.buffer.read())  # noqa: S301  from the agent, through a pipe
    sys.stdout.buffer.write(orjson.dumps(work(job), default=to_plain))


def work(job: Job) -> dict[str, Any]:
    """Find out where it comes from, ask the hosts, and name it by all of that."""
    found = analyse(job.observed)
    answers, troubles = ask(job.asking, found) if job.asking else ([], [])
    seen: dict[str, Fingerprint] = {}
    for name in {answer.host for answer in answers}:
        seen[name] = fingerprint_of_probes([one for one in answers if one.host == name])
    conclusion = conclude(
        found,
        job.cases,
        _classifier(job.classifier),
        job.hypotheses,
        job.weights,
        faults=job.faults,
        more=seen,
    )
    report = build_report(found, conclusion, _MOST_LINKS)
    report["notes"] = [*report["notes"], *troubles]
    return {"report": report, "probes": [to_plain(_cut(answer)) for answer in answers]}


def ask(asking: Asking, found: RootCauseAnalysis) -> tuple[list[ProbeAnswer], list[str]]:
    """Return what the incident's own hosts and the likeliest suspects say, and who could not be asked."""
    suspects = [one.entity for one in found.suspects]
    chosen = [name for name in dict.fromkeys([*asking.always, *suspects]) if name in asking.hosts]
    asked: dict[str, list[Question]] = {}
    troubles: list[str] = []
    for name in chosen[:_MOST_HOSTS]:
        try:
            asked[name] = questions(asking.units.get(name, ""), asking.certificates.get(name, ()))
        except ParameterError as error:
            troubles.append(f"{name} could not be asked: {error}")
    if not asked:
        return [], troubles
    said = asking.questions.ask(
        asking.inventory,
        {asking.hosts[name]: [one.command for one in each] for name, each in asked.items()},
        asking.timeout,
        f"{MARK}-{os.getpid()}",
        within=max(_IN_ALL, asking.timeout),
        canceled=_stopping.is_set,
    )
    answers: list[ProbeAnswer] = []
    for name, each in asked.items():
        host = said[asking.hosts[name]]
        if host.error:
            troubles.append(f"{name} could not be asked: {host.error}")
        answers += _read(name, each, host)
    return answers, troubles


def _read(name: str, asked: Sequence[Question], host: HostAnswer) -> list[ProbeAnswer]:
    now = SystemClock().now()
    answers = []
    for question, spoken in zip(asked, host.spoken, strict=False):
        said = Said(
            text=spoken.text,
            complaint=spoken.complaint,
            code=spoken.code,
            seconds=spoken.seconds,
            user=host.user,
        )
        answers.append(read_answer(name, question, said, now))
    return answers


def _classifier(file: str) -> Any:
    try:
        return load_classifier(Path(file)) if file else None
    except ConfigError:
        return None  # it was there when the agent started; without it the other voters are asked


def _cut(answer: ProbeAnswer) -> ProbeAnswer:
    return replace(answer, text=answer.text[-_LONGEST_TEXT:])


if __name__ == "__main__":
    main()
