"""``opsmend detect``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agent.cli.output import errors
from agent.collect.metricsfile import MetricsFile, read_metrics
from agent.detect.replay import EntityVerdicts, Replay, entities_of
from agent.errors import OpsmendError

HEADER = "timestamp,entity,score,anomalous,type,confidence,series\n"


def detect_in_file(metrics: Path, train: Path | None, output: Path, entity: str | None) -> None:
    """Judge every row of a metrics file and write the scores. Raises ConfigError, OpsmendError."""
    judged = _read(metrics, entity)
    learned = _read(train, entity) if train else None
    if learned and not set(learned.frame.rows) & set(judged.frame.rows):
        errors.print(f"[yellow]warning:[/] no series of {train} is in {metrics}; nothing is learned from it")
    count = len(entities_of(judged.frame))
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("rows", total=None)
        replay = Replay(judged.frame, learned.frame if learned else None)
        verdicts = list(replay.run(lambda done, of: progress.update(task, completed=done, total=of)))
    _write(output, judged.stamps, verdicts)
    found = sum(int(one.anomalous.sum()) for one in verdicts)
    errors.print(f"{len(judged.stamps)} rows of {count} entities judged, {found} anomalous; see {output}")


def _read(path: Path, entity: str | None) -> MetricsFile:
    file = read_metrics(path, entity)
    for note in file.notes:
        errors.print(f"[yellow]note:[/] {path}: {note}")
    return file


def _write(output: Path, stamps: Sequence[str], verdicts: Sequence[EntityVerdicts]) -> None:
    """Write beside the file and rename: a reader never sees half of it."""
    partial = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.write(HEADER)
            for row, stamp in enumerate(stamps):
                file.writelines(_lines(row, stamp, verdicts))
        partial.replace(output)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OpsmendError(f"{output} cannot be written: {error.strerror or error}") from error


def _lines(row: int, stamp: str, verdicts: Sequence[EntityVerdicts]) -> Iterator[str]:
    for one in verdicts:
        yield (
            f"{stamp},{_cell(one.entity)},{one.score[row]:.6g},{int(one.anomalous[row])},{one.kind[row]},"
            f"{one.confidence[row]:.3f},{_cell(one.contributors[row])}\n"
        )


def _cell(text: str) -> str:
    """Quote a cell where CSV needs it."""
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
