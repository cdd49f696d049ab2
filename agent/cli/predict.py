"""``opsmend predict``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from agent.cli.output import csv_cell, errors, writing
from agent.cli.rows import counting_rows, read_with_notes
from agent.predict.replay import Prediction, PredictionReplay

HEADER = "timestamp,entity,fault,probability,confidence,seconds_left,alarm\n"


def predict_in_file(metrics: Path, output: Path, entity: str | None, horizon: timedelta) -> None:
    """Foretell faults at every row of a metrics file. Raises ConfigError, OpsmendError."""
    file = read_with_notes(metrics, entity)
    replay = PredictionReplay(file.frame, horizon)
    with counting_rows() as on_row, writing(output) as stream:
        stream.write(HEADER)
        count = 0
        for stamp, row in zip(file.stamps, replay.run(on_row), strict=True):
            stream.writelines(_lines(stamp, row))
            count += any(one.alarm for one in row)
    errors.print(f"{len(file.stamps)} rows looked at, {count} with an alarm; see {output}")


def _lines(stamp: str, row: Sequence[Prediction]) -> Iterator[str]:
    for one in row:
        left = "" if one.left is None else f"{one.left.total_seconds():.0f}"
        yield (
            f"{stamp},{csv_cell(one.entity)},{one.fault},{one.probability:.3f},{one.confidence:.3f},"
            f"{left},{int(one.alarm)}\n"
        )
