"""Incidents in, investigations in the store out: made one after another, each in a process of its own.

Nobody waits for an investigation, and it takes no time from repairs: it begins when none is at work, or when
it has waited long enough. It is made when an incident opens and again when its diagnosis changes; a storm of
incidents makes no storm of processes, for what finds no place in the queue is left out.
"""

from __future__ import annotations

import pickle
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Protocol

import orjson
from pydantic import TypeAdapter

from agent.clock import Clock
from agent.config.rulefiles import Rulebook
from agent.config.settings import ProbesSection
from agent.diagnose.live.dependencies import names_of
from agent.diagnose.naming.voters import VoterWeights
from agent.environment import clean_environment, own_python
from agent.errors import OpsmendError, RunError
from agent.investigation.hosts import certificates_of, hosts_of, unit_of
from agent.investigation.observe import first_seen, name_of, observe, still_seen, with_arrivals
from agent.investigation.voter import InvestigationVoter
from agent.investigation.work import MARK, Asking, Job
from agent.log import Logger
from agent.records import Frame, Incident, IncidentState, Topology
from agent.records.cases import Hypothesis, PastCase
from agent.records.evidence import Observations
from agent.records.investigations import Investigation
from agent.records.probes import ProbeAnswer
from agent.remediate import HostQuestions, Inventory
from agent.remediate.localreaping import reap_here
from agent.store import Stores

log = Logger("investigation")

_TIMEOUT_S = 120
_END_S = 5.0
_NICE = 10
_BEFORE_OR_IN_REPAIR = (IncidentState.OPEN, IncidentState.REMEDIATING)
_LOOK_AGAIN_S = 0.25
_LONGEST_WAIT_S = 30.0
_MOST_WAITING = 10
_MOST_PER_INCIDENT = 3
_LOGS_BEFORE = timedelta(minutes=30)
_EVENTS_BEFORE = timedelta(hours=1)
_ANSWERS: TypeAdapter[tuple[ProbeAnswer, ...]] = TypeAdapter(tuple[ProbeAnswer, ...])


class Inventories(Protocol):
    """What an investigation needs of an inventory."""

    def read(self) -> Inventory:
        """Return the inventory. Raises RunError when it cannot be read."""


class Investigator:
    """Looks into incidents beside the running agent."""

    def __init__(
        self,
        *,
        stores: Stores,
        book: Callable[[], Rulebook],
        cases: Callable[[], Sequence[PastCase]],
        weights: Callable[[], VoterWeights],
        inventory: Inventories,
        questions: Callable[[], HostQuestions],
        probes: ProbesSection,
        classifier: str,
        hypotheses: InvestigationVoter,
        repairs_at_work: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._book = book
        self._cases = cases
        self._weights = weights
        self._inventory = inventory
        self._questions = questions
        self._probes = probes
        self._classifier = classifier
        self._hypotheses = hypotheses
        self._repairs_at_work = repairs_at_work
        self._clock = clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="investigation")
        self._lock = threading.Lock()
        self._waiting = 0
        self._made: dict[int, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    def look_into(self, incident: Incident, frame: Frame, topology: Topology) -> bool:
        """Begin an investigation and return at once; return whether there was room for it."""
        with self._lock:
            made = self._made.get(incident.id, 0)
            if self._stopping.is_set() or self._waiting >= _MOST_WAITING or made >= _MOST_PER_INCIDENT:
                return False
            self._waiting += 1
            self._made[incident.id] = made + 1
            while len(self._made) > 10_000:
                del self._made[next(iter(self._made))]
        try:
            book = self._book()
            observed = observe(incident, frame, book.signals, topology, book.faults)
        except Exception as error:
            self._left(incident, error)
            return False
        self._pool.submit(self._make, incident, observed)
        return True

    @property
    def idle(self) -> bool:
        """Return whether nothing is being looked into."""
        return self._waiting == 0

    def stop(self) -> None:
        """Make no more; end the one that is at work."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            _end(process)
        self._pool.shutdown(cancel_futures=True)

    def _left(self, incident: Incident, error: Exception) -> None:
        with self._lock:
            self._waiting -= 1
        log.error("an incident could not be looked into", error, incident=incident.id)

    def _job(self, incident: Incident, observed: Observations) -> Job:
        since = first_seen(incident)
        counts = self._stores.logs.counts(since - _LOGS_BEFORE, ["template"])
        events = self._stores.events.since(since - _EVENTS_BEFORE)
        return Job(
            observed=with_arrivals(observed, counts, events, since - _LOGS_BEFORE),
            cases=self._cases(),
            classifier=self._classifier,
            hypotheses=_hypotheses(incident, set(observed.nodes)),
            weights=self._weights(),
            faults={id_: fault.summary for id_, fault in self._book().faults.items()},
            asking=self._asking(incident, observed),
        )

    def _make(self, incident: Incident, observed: Observations) -> None:
        try:
            self._let_repairs_go_first(incident)
            if not self._stopping.is_set():
                self._keep(incident, self._work(incident, self._job(incident, observed)))
        except OpsmendError as error:
            log.warning("an investigation could not be made", incident=incident.id, why=str(error))
        except Exception as error:
            log.error("an investigation failed", error, incident=incident.id)
        finally:
            with self._lock:
                self._waiting -= 1

    def _let_repairs_go_first(self, incident: Incident) -> None:
        """Wait until it is decided what is done about the incident, and no repair is at work."""
        until = self._clock.monotonic() + _LONGEST_WAIT_S
        while self._clock.monotonic() < until and not self._stopping.is_set():
            if not self._repairs_at_work():
                state = self._stores.incidents.get(incident.id).state
                if state not in _BEFORE_OR_IN_REPAIR:
                    return
            self._stopping.wait(_LOOK_AGAIN_S)

    def _keep(self, incident: Incident, investigation: Investigation) -> None:
        if self._stopping.is_set():
            return
        self._stores.investigations.keep(investigation)
        if incident.best is not None:
            names = frozenset({incident.host, *names_of(incident.best)})
            self._hypotheses.learn(incident.entity, investigation, names)
        log.info(
            "incident looked into",
            incident=incident.id,
            seconds=investigation.seconds,
            said=investigation.report.get("summary", investigation.error),
        )

    def _work(self, incident: Incident, job: Job) -> Investigation:
        began = self._clock.monotonic()
        report, answers, error = self._run(job)
        return Investigation(
            incident_id=incident.id,
            at=self._clock.now(),
            report=report,
            probes=answers,
            seconds=round(self._clock.monotonic() - began, 2),
            error=error,
        )

    def _run(self, job: Job) -> tuple[Mapping[str, object], tuple[ProbeAnswer, ...], str]:
        # from its first import on, which takes longer than the rest
        self._process = subprocess.Popen(
            ["nice", "-n", str(_NICE), *own_python("agent.investigation.work")],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            said, complaint = self._process.communicate(pickle.dumps(job), timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            _end(self._process)
            self._process.communicate()
            return {}, (), f"nothing was found out within {_TIMEOUT_S} s"
        if self._process.returncode != 0:
            lines = complaint.decode(errors="replace").strip().splitlines()
            return {}, (), lines[-1][:500] if lines else f"exit code {self._process.returncode}"
        content = orjson.loads(said)
        return content["report"], _ANSWERS.validate_python(content["probes"]), ""

    def _asking(self, incident: Incident, observed: Observations) -> Asking | None:
        if not self._probes.enabled:
            return None
        try:
            inventory = self._inventory.read()
            questions = self._questions()
        except RunError as error:
            log.warning("no host can be asked", why=str(error))
            return None
        own = [incident.host] if incident.host else []
        wanted = [*own, *dict.fromkeys(observed.table.entities)]
        found = hosts_of(inventory.hosts, wanted)
        unit = unit_of(incident)
        return Asking(
            questions=questions,
            inventory=inventory,
            hosts=found,
            always=own,
            units=dict.fromkeys(own, unit),
            certificates={
                name: certificates_of(inventory.hosts[found[name]], unit) for name in own if name in found
            },
            timeout=self._probes.timeout,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End an investigation with all that it has started here."""
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        reap_here(f"{MARK}-{process.pid}")


def _hypotheses(incident: Incident, known: set[str]) -> dict[str, list[Hypothesis]]:
    """Return what the voters said already, by the names that the investigation goes by."""
    hypotheses: dict[str, list[Hypothesis]] = {}
    for one in still_seen(incident):
        if one.fault == "unknown":
            continue
        name = name_of(one.labels, one.labels.get("host", "") or one.entity, known)
        for voter, confidence in one.voters.items():
            hypotheses.setdefault(name, []).append(
                Hypothesis(voter=voter, fault=one.fault, confidence=confidence, evidence=one.evidence)
            )
    return hypotheses
