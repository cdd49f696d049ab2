"""One investigation worked out: a job on standard input, a report as JSON on standard output.

Runs as a process of its own, ``python -m agent.investigation.work``: walking a large graph takes seconds and
memory, and what speaks ssh is large; neither belongs into the resting agent. The job is pickled, by the
agent that starts this process and for it alone.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from agent.clock import SystemClock
from agent.diagnose.cause.rootcause import RootCauseAnalysis, analyse
from agent.diagnose.naming.classifier import load_classifier
from agent.diagnose.naming.conclusion import conclude
from agent.diagnose.naming.fingerprint import fingerprint_of_probes
from agent.diagnose.naming.report import build_report
from agent.diagnose.naming.voters import VoterWeights
from agent.errors import ConfigError, OpsmendError
from agent.records.cases import Fingerprint, Hypothesis, PastCase
from agent.records.evidence import Observations
from agent.records.plain import to_plain
from agent.records.probes import ProbeAnswer, SshAddress

_MOST_LINKS = 60  # of the graph that are kept with an incident
_MOST_HOSTS = 3
_LONGEST_TEXT = 4_000  # characters kept of a raw answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Whom to ask over ssh: ``always`` first, then the likeliest suspects among ``addresses``."""

    addresses: Mapping[str, SshAddress] = field(default_factory=dict)
    always: Sequence[str] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    certificates: Mapping[str, Sequence[str]] = field(default_factory=dict)
    timeout: timedelta = timedelta(seconds=10)
    in_all: timedelta = timedelta(seconds=45)


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
    """Work on the job on standard input."""
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
    from agent.collect.probes import HostProbes, questions

    suspects = [one.entity for one in found.suspects if one.entity in asking.addresses]
    clock = SystemClock()
    until = clock.monotonic() + asking.in_all.total_seconds()
    answers: list[ProbeAnswer] = []
    troubles: list[str] = []
    for name in list(dict.fromkeys([*asking.always, *suspects]))[:_MOST_HOSTS]:
        address = asking.addresses.get(name)
        if address is None:
            continue
        if clock.monotonic() > until:
            troubles.append(f"{name} was not asked: the others took too long")
            continue
        probes = HostProbes(
            clock,
            ssh_config=Path(address.ssh_config) if address.ssh_config else None,
            timeout=asking.timeout,
        )
        try:
            asked = questions(asking.units.get(name, ""), asking.certificates.get(name, ()))
            answers += probes.ask(name, asked, address)
        except OpsmendError as error:
            troubles.append(f"{name} could not be asked: {error}")
    return answers, troubles


def _classifier(file: str) -> Any:
    try:
        return load_classifier(Path(file)) if file else None
    except ConfigError:
        return None  # it was there when the agent started; without it the other voters are asked


def _cut(answer: ProbeAnswer) -> ProbeAnswer:
    return replace(answer, text=answer.text[-_LONGEST_TEXT:])


if __name__ == "__main__":
    main()
