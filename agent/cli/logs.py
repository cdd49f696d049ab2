"""``opsmend logs templates``: a log file in, the template of every line out as CSV."""

from __future__ import annotations

import csv
import gzip
from array import array
from collections.abc import Iterator
from pathlib import Path

from rich.progress import track

from agent.cli.output import console, writing
from agent.collect.templates import TemplateMiner
from agent.errors import NotFoundError, OpsmendError


def write_templates(file: Path, output: Path) -> None:
    """Learn the templates of a whole file, then write one row per line: number, template id, template.

    Raises NotFoundError when there is no such file, OpsmendError when one of the two cannot be used.
    """
    miner = TemplateMiner(most=None)
    try:
        numbers = array("q", (miner.add(line) for line in track(_lines(file), "reading", console=console)))
        _write(output, miner, numbers)
    except FileNotFoundError as error:
        raise NotFoundError(f"{error.filename} does not exist") from error
    except (OSError, EOFError) as error:
        raise OpsmendError(f"{file} cannot be read: {error}") from error
    found = {miner.number(number) for number in set(numbers)}
    console.print(f"{len(numbers)} lines, {len(found)} templates", highlight=False)


def _lines(file: Path) -> Iterator[str]:
    opener = gzip.open if file.suffix == ".gz" else open
    # only a newline ends a line: other marks, such as form feeds, belong to messages
    with opener(file, "rt", encoding="utf-8", errors="replace", newline="\n") as stream:
        for line in stream:
            yield line.rstrip("\r\n")


def _write(output: Path, miner: TemplateMiner, numbers: array[int]) -> None:
    with writing(output) as stream:
        rows = csv.writer(stream)
        rows.writerow(("line", "template_id", "template"))
        for line, learned in enumerate(numbers, start=1):
            number = miner.number(learned)
            rows.writerow((line, number, miner.text(number)))
