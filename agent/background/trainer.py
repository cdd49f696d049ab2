"""When it is time a training process is started; how far it is comes out, for the log and the status."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from agent.background.places import shelf_of
from agent.background.scorer import end_process
from agent.background.shelves import move_apart
from agent.clock import Clock
from agent.config.learn import DiagnosisTrainingSection, FailureTrainingSection
from agent.config.models import ModelsSection
from agent.config.settings import Settings
from agent.environment import clean_environment, own_python
from agent.errors import ModelError, NotFoundError, RefusedError
from agent.log import Logger
from agent.process import ONE_THREAD
from agent.records.training import Move, TrainingJob, TrainingKind

log = Logger("trainer")

_TRY_AGAIN: Mapping[TrainingKind, timedelta] = {
    "entity": timedelta(hours=1),
    "diagnosis": timedelta(days=1),
    "failures": timedelta(days=1),
}
_LOG_EVERY_S = 60.0
_SCHEDULE = "opsmend"
_MOST_JOBS = 50


class Trainer:
    """Starts trainings, one at a time, and hears how they go."""

    def __init__(self, settings: Settings, config: Path, clock: Clock) -> None:
        self._section = settings.detect.models
        self._diagnosis = settings.learn.diagnosis
        self._failures = settings.learn.failures
        self._shelves = {kind: shelf_of(settings, kind) for kind in _TRY_AGAIN}
        self._config = config
        self._command = own_python("agent.background.train", str(config))
        self._clock = clock
        self._started_at = clock.now()
        self._tried_at: dict[TrainingKind, datetime] = {}
        self._kind: TrainingKind = "entity"  # of the training at work, or of the last
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None
        self._phase_began = 0.0
        self._logged_at = 0.0
        self._told: dict[TrainingKind, dict[str, Any]] = {kind: {"state": "waiting"} for kind in _TRY_AGAIN}
        self._turning = threading.Lock()
        self._jobs: dict[int, TrainingJob] = {}
        self._asked: TrainingJob | None = None

    @property
    def status(self) -> Mapping[str, Any]:
        """Return whether entity models are trained now, how far that is, and how the last one ended."""
        return dict(self._told["entity"])

    @property
    def diagnosis_status(self) -> Mapping[str, Any]:
        """Return the same of the trained diagnosis."""
        return dict(self._told["diagnosis"])

    @property
    def pid(self) -> int | None:
        """Return the number of the training process, None while there is none."""
        return self._process.pid if self._process is not None else None

    def turn(self) -> None:
        """Start a training when one is due or asked for; look after the one that is at work."""
        with self._turning:
            if self._process is not None:
                if self._process.poll() is not None:
                    self._end()
            elif self._asked is not None:
                self._start(self._asked.kind)
            elif (due := self._due()) is not None:
                self._start(due)

    def request(self, actor: str, kind: TrainingKind = "entity") -> TrainingJob:
        """Ask for a training now; return its job, or that of one that is at work or asked for already.

        Raises RefusedError when the settings want no models of the kind.
        """
        if not self._is_enabled(kind):
            setting = "detect.models" if kind == "entity" else f"learn.{kind}"
            raise RefusedError(f"{setting}.enabled is false: there is nothing to train")
        with self._turning:
            newest = self._newest()
            if newest is not None and not newest.over:
                return newest
            number = max(self._jobs, default=0) + 1
            now = self._clock.now()
            self._asked = TrainingJob(id=number, kind=kind, asked_by=actor, asked_at=now)
            self._keep(self._asked)
        self.turn()
        return self.job(number)

    def job(self, number: int) -> TrainingJob:
        """Return a job as it stands. Raises NotFoundError; those of a former life of the agent are gone."""
        try:
            return self._jobs[number]
        except KeyError:
            raise NotFoundError(f"there is no training {number} since the agent was started") from None

    def jobs(self) -> list[TrainingJob]:
        """Return the jobs since the agent was started, the newest first."""
        return [self._jobs[number] for number in sorted(self._jobs, reverse=True)]

    def move(self, kind: TrainingKind, move: Move, training: str | None) -> None:
        """Put a training in force or beside. Raises NotFoundError, ConflictError, ModelError."""
        move_apart(self._config, kind, move, training)

    def _newest(self) -> TrainingJob | None:
        return self._jobs[max(self._jobs)] if self._jobs else None

    def _keep(self, job: TrainingJob) -> None:
        kept = {**self._jobs, job.id: job}
        self._jobs = {number: kept[number] for number in sorted(kept)[-_MOST_JOBS:]}

    def _note(self, **changed: Any) -> None:
        """Write how the job stands that is at work."""
        newest = self._newest()
        if newest is not None and not newest.over:
            self._keep(replace(newest, **changed))

    def stop(self) -> None:
        """End a training that is at work; it leaves nothing behind."""
        if self._process is not None:
            end_process(self._process, self._listener)
            self._note(state="canceled", why="the agent was stopped", ended_at=self._clock.now())

    def _is_enabled(self, kind: TrainingKind) -> bool:
        return self._of_kind(kind).enabled

    def _of_kind(
        self, kind: TrainingKind
    ) -> ModelsSection | DiagnosisTrainingSection | FailureTrainingSection:
        """Return the settings of a kind."""
        if kind == "entity":
            return self._section
        return self._diagnosis if kind == "diagnosis" else self._failures

    def _due(self) -> TrainingKind | None:
        if self._clock.now() - self._started_at < self._section.first_after:
            return None
        return next((kind for kind in _TRY_AGAIN if self._is_enabled(kind) and self._is_due(kind)), None)

    def _is_due(self, kind: TrainingKind) -> bool:
        now = self._clock.now()
        every = self._of_kind(kind).retrain_every
        tried = self._tried_at.get(kind)
        if tried is not None and now - tried < min(_TRY_AGAIN[kind], every):
            return False
        try:
            since = self._shelves[kind].changed_at()  # what a person put there has its time as well
        except ModelError:
            return True
        return since is None or now - since >= every

    def _start(self, kind: TrainingKind) -> None:
        self._kind, now = kind, self._clock.now()
        self._tried_at[kind] = now
        if self._asked is None:
            number = max(self._jobs, default=0) + 1
            self._keep(TrainingJob(id=number, kind=kind, asked_by=_SCHEDULE, asked_at=now))
        self._asked = None
        self._note(state="training", phase="starting")
        self._process = subprocess.Popen(
            [*self._command, kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**clean_environment(with_settings=True), **ONE_THREAD},
        )
        self._told[kind] = {"state": "training", "phase": "starting", "since": now}
        log.info("training started", kind=kind, pid=self._process.pid)
        self._listener = threading.Thread(
            target=self._listen, args=(self._process,), name="training", daemon=True
        )
        self._listener.start()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                said = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(said, dict):
                self._hear(said)

    def _hear(self, said: Mapping[str, Any]) -> None:
        told = self._told[self._kind]
        if "phase" not in said:
            self._told[self._kind] = {**told, **said}
            return
        now = self._clock.monotonic()
        if said["phase"] != told.get("phase"):
            self._phase_began, self._logged_at = now, 0.0
        done, of = int(said["done"]), int(said["of"])
        left_s = (now - self._phase_began) / done * (of - done) if done else None
        left_s = round(left_s) if left_s is not None else None
        self._told[self._kind] = {**told, **said, "left_s": left_s}
        self._note(phase=str(said["phase"]), done=done, of=of, left_s=left_s)
        if now - self._logged_at >= _LOG_EVERY_S:
            self._logged_at = now
            log.info("training", kind=self._kind, phase=said["phase"], done=done, of=of, left_s=left_s)

    def _end(self) -> None:
        assert self._process is not None
        code = end_process(self._process, self._listener)
        self._process = None
        kind, told = self._kind, self._told[self._kind]
        ended = {"ended_at": datetime.now(UTC), "since": told.get("since")}
        if code == 0:
            models, found = told.get("trained"), {"why": told["why"]} if "why" in told else {}
            self._told[kind] = {"state": "trained", "models": models, **found, **ended}
            self._note(state="trained", models=models, left_s=None, ended_at=ended["ended_at"], **found)
            log.info("training done", kind=kind, models=models, **found)
        else:
            why = told.get("failed") or f"the training process ended with code {code}"
            self._told[kind] = {"state": "failed", "why": why, **ended}
            self._note(state="failed", why=str(why), left_s=None, ended_at=ended["ended_at"])
            say = log.info if told.get("waits") else log.warning  # a young site has nothing to learn from yet
            say("training failed, what is in force stays", kind=kind, why=why)
