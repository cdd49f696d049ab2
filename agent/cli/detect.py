"""``opsmend detect``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.cli.output import csv_cell, errors, writing
from agent.cli.rows import counting_rows, read_with_notes
from agent.detect.calendar import Calendars
from agent.detect.replay import EntityVerdicts, Replay, entities_of
from agent.errors import ConfigError, Problem

HEADER = "timestamp,entity,score,anomalous,type,confidence,series\n"


def detect_in_file(
    metrics: Path, train: Path | None, output: Path, entity: str | None, timezone: str = "UTC"
) -> None:
    """Judge every row of a metrics file and write the scores. Raises ConfigError, OpsmendError."""
    calendars = Calendars(zone_called(timezone))
    judged = read_with_notes(metrics, entity)
    learned = read_with_notes(train, entity) if train else None
    if learned and not set(learned.frame.rows) & set(judged.frame.rows):
        errors.print(f"[yellow]warning:[/] no series of {train} is in {metrics}; nothing is learned from it")
    count = len(entities_of(judged.frame))
    replay = Replay(judged.frame, learned.frame if learned else None, calendars=calendars)
    with counting_rows() as on_row:
        verdicts = list(replay.run(on_row))
    _write(output, judged.stamps, verdicts)
    found = sum(int(one.anomalous.sum()) for one in verdicts)
    errors.print(f"{len(judged.stamps)} rows of {count} entities judged, {found} anomalous; see {output}")


def zone_called(name: str) -> ZoneInfo:
    """Return the time zone of a name. Raises ConfigError."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        problem = Problem("--timezone", f"'{name}' is no time zone", hint="such as Europe/Berlin")
        raise ConfigError([problem]) from error


def _write(output: Path, stamps: Sequence[str], verdicts: Sequence[EntityVerdicts]) -> None:
    with writing(output) as stream:
        stream.write(HEADER)
        for row, stamp in enumerate(stamps):
            stream.writelines(_lines(row, stamp, verdicts))


def _lines(row: int, stamp: str, verdicts: Sequence[EntityVerdicts]) -> Iterator[str]:
    for one in verdicts:
        yield (
            f"{stamp},{csv_cell(one.entity)},{one.score[row]:.6g},{int(one.anomalous[row])},{one.kind[row]},"
            f"{one.confidence[row]:.3f},{csv_cell(one.contributors[row])}\n"
        )
