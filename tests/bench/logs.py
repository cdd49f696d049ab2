"""How well and how fast log lines are grouped, beside drain3 as it comes.

``make bench-logs DATA=…``: a folder that holds ``logs/<system>/messages.log`` and ``groups.csv`` with a
column ``EventId``. Grouping accuracy is the share of lines whose group holds exactly the lines of the true
group (Zhu et al., "Tools and Benchmarks for Automated Log Parsing", ICSE-SEIP 2019). Speed is lines per
second of one thread on lines that are all new: digits are drawn anew for every copy of a file.
"""

from __future__ import annotations

import csv
import os
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from drain3 import TemplateMiner as Drain3
from drain3.template_miner_config import TemplateMinerConfig

from agent.collect.templates import TemplateMiner
from tests.bench.table import show

COPIES = 20


def ours(lines: Sequence[str]) -> list[int]:
    """Group lines as the product does."""
    miner = TemplateMiner(most=None)
    return [miner.number(number) for number in [miner.add(line) for line in lines]]


def live(lines: Sequence[str]) -> list[int]:
    """Group lines as the running agent does, with a bound on templates."""
    miner = TemplateMiner()
    return [miner.add(line) for line in lines]


def drain3(lines: Sequence[str]) -> list[int]:
    """Group lines as drain3 does without any setting."""
    miner = Drain3(config=TemplateMinerConfig())
    return [miner.add_log_message(line)["cluster_id"] for line in lines]


def accuracy(found: Sequence[int], truth: Sequence[str]) -> float:
    """Return the grouping accuracy."""
    size = Counter(truth)
    members: dict[int, list[str]] = defaultdict(list)
    for group, event in zip(found, truth, strict=True):
        members[group].append(event)
    right = sum(
        len(events) for events in members.values() if len(set(events)) == 1 and size[events[0]] == len(events)
    )
    return right / len(truth)


def speed(group: Callable[[Sequence[str]], object], lines: Sequence[str]) -> float:
    """Return lines per second of processor time."""
    began = time.process_time()
    group(lines)
    return len(lines) / (time.process_time() - began)


def with_new_digits(lines: Sequence[str]) -> list[str]:
    """Return copies of the lines in which every digit is another one."""
    dice = random.Random(7)
    return [re.sub(r"\d", lambda _: dice.choice("0123456789"), line) for _ in range(COPIES) for line in lines]


def main() -> None:
    """Measure every system under the folder."""
    folder = Path(os.environ.get("DATA", "")) / "logs"
    systems = sorted(file.parent for file in folder.glob("*/messages.log"))
    if not systems:
        sys.exit(f"no logs under {folder}; give DATA=FOLDER")
    rows, sums = [], [0.0, 0.0]
    for system in systems:
        lines = (system / "messages.log").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        with (system / "groups.csv").open() as stream:
            truth = [row["EventId"] for row in csv.DictReader(stream)]
        scores = accuracy(ours(lines), truth), accuracy(drain3(lines), truth)
        sums = [total + score for total, score in zip(sums, scores, strict=True)]
        many = with_new_digits(lines)
        rows.append(
            [
                system.name,
                *(f"{score:.3f}" for score in scores),
                f"{speed(live, many):,.0f}",
                f"{speed(drain3, many[: len(many) // 5]):,.0f}",
            ]
        )
    rows.append(["mean", *(f"{total / len(systems):.3f}" for total in sums), "", ""])
    show(
        "Log templates: grouping accuracy, and lines per second on one core",
        ["system", "accuracy", "drain3's", "lines/s", "drain3's"],
        rows,
    )


if __name__ == "__main__":
    main()
