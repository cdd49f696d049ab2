"""Records in, through one stage after another, each with workers and a buffer of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from agent import metrics
from agent.errors import OpsmendError
from agent.log import Logger
from agent.stream.buffer import Buffer

log = Logger("stream")

_BATCH = 500
_AGAIN_S = 1.0  # before work that failed for a passing reason is tried again

Work = Callable[[Sequence[Any]], Iterable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step: ``work`` takes records and returns those for the next stage."""

    name: str
    work: Work
    workers: int = 1
    most: int = 10_000
    longest_s: float = 5.0


class Stream:
    """Stages in a row. A slow stage slows the ones before it; a bad record stops none."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages
        self._buffers = [Buffer(stage.most, stage.longest_s) for stage in stages]
        self._threads = [
            [
                threading.Thread(target=self._run, args=(place,), name=f"{stage.name}-{number}", daemon=True)
                for number in range(stage.workers)
            ]
            for place, stage in enumerate(stages)
        ]
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to work."""
        for threads in self._threads:
            for thread in threads:
                thread.start()

    def put(self, record: Any) -> None:
        """Hand a record to the first stage; wait while its buffer is full."""
        self._hand_on(0, record)

    def waiting(self) -> dict[str, int]:
        """Return how many records wait before each stage."""
        return {stage.name: len(buffer) for stage, buffer in zip(self._stages, self._buffers, strict=True)}

    def stop(self, grace_s: float = 5.0) -> None:
        """Let each stage finish what waits before it, in order, within the time given in all."""
        deadline = time.monotonic() + grace_s
        self._stopping.set()
        for buffer, threads in zip(self._buffers, self._threads, strict=True):
            buffer.close()
            for thread in threads:
                if thread.ident is not None:
                    thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, place: int) -> None:
        stage, buffer = self._stages[place], self._buffers[place]
        while batch := buffer.take(_BATCH):
            metrics.STAGE_WAITING.labels(stage.name).set(len(buffer))
            began = time.monotonic()
            results = self._work(stage, batch)
            metrics.STAGE_SECONDS.labels(stage.name).inc(time.monotonic() - began)
            for result in results:
                self._hand_on(place + 1, result)

    def _work(self, stage: Stage, batch: Sequence[Any]) -> list[Any]:
        """Return what the stage makes of a batch. One that fails is done again record by record."""
        while True:
            try:
                return list(stage.work(batch))
            except Exception as error:
                if isinstance(error, OpsmendError) and error.transient and not self._stopping.is_set():
                    self._stopping.wait(_AGAIN_S)
                    continue
                if len(batch) > 1:
                    return [result for record in batch for result in self._work(stage, [record])]
                metrics.STAGE_POISON.labels(stage.name).inc()
                log.error("record left out", error, stage=stage.name, record=repr(batch[0])[:300])
                return []

    def _hand_on(self, place: int, record: Any) -> None:
        if place > 0:
            metrics.STAGE_OUT.labels(self._stages[place - 1].name).inc()
        if place == len(self._stages):
            return
        name = self._stages[place].name
        waited_s = self._buffers[place].put(record)
        metrics.STAGE_IN.labels(name).inc()
        metrics.STAGE_WAITING.labels(name).set(len(self._buffers[place]))
        metrics.STAGE_BLOCKED_SECONDS.labels(name).inc(waited_s)
