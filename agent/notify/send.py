"""One message delivered: a JSON job on standard input, on standard output how it went with each URL.

Runs as a process of its own, ``python -m agent.notify.send``: what talks to the world and draws pictures
is large, may hang, and is not needed in the resting agent. The URLs hold secrets, so they come neither
as arguments nor as environment.

Each URL is told by itself: one that is down or slow must not have the others told again and again.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import orjson

from agent.cleantext import clean, describe_unforeseen, remember_url

_LONGEST_REASON = 300
_DEADLINE_S = 60
_AT_ONCE = 8

_said: ContextVar[list[str]] = ContextVar("said")


class _LastWords(logging.Handler):
    """Keeps what apprise said last of each URL: its answer is no more than yes or no."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, in the context of the delivery, which apprise hands on to its own threads."""
        _said.get([]).append(record.getMessage())


def main() -> None:
    """Deliver the job on standard input; with ``only_look`` only say whether its URLs are understood."""
    job: dict[str, Any] = orjson.loads(sys.stdin.buffer.read())
    for url in job["urls"]:
        remember_url(url)
    logger = logging.getLogger("apprise")
    logger.addHandler(_LastWords())
    logger.setLevel(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="opsmend-message-") as folder:
        chart = None if job.get("only_look") else _draw(job, Path(folder) / "chart.png")
        pool = ThreadPoolExecutor(max_workers=_AT_ONCE)
        waiting = [pool.submit(_deliver, url, job, chart) for url in job["urls"]]
        wait(waiting, timeout=_DEADLINE_S)
        late = f"did not answer within {_DEADLINE_S} s"
        told = [one.result() if one.done() else late for one in waiting]
    sys.stdout.buffer.write(orjson.dumps(told))
    sys.stdout.buffer.flush()
    os._exit(0)  # whoever has not answered is not waited for


def _deliver(url: str, job: dict[str, Any], chart: Path | None) -> str:
    """Tell one URL; return why it did not take the message, or nothing."""
    from apprise import Apprise, NotifyFormat

    apprise = Apprise()
    said: list[str] = []
    _said.set(said)
    try:
        if not apprise.add(url):
            return "is no URL that apprise knows"
        if job.get("only_look"):
            return ""
        done = apprise.notify(
            title=clean(job["title"]),
            body=clean(job["body"], lines=True),
            body_format=NotifyFormat.TEXT,
            attach=[str(chart)] if chart else None,
        )
    except Exception as error:  # a plugin of somebody else's
        return describe_unforeseen(error)
    if done:
        return ""
    return "did not take the message" + (f": {clean(said[-1], _LONGEST_REASON)}" if said else "")


def _draw(job: dict[str, Any], file: Path) -> Path | None:
    """Draw the job's series; return None when there is nothing to draw, or nothing to draw with."""
    if not job["series"]:
        return None
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import dates, pyplot
    except ImportError:
        return None
    mpl.rcParams["text.parse_math"] = False  # a dollar in a label begins no formula
    figure, axes = pyplot.subplots(figsize=(8, 3), dpi=110, layout="constrained")
    moments = [second / 86400 for second in job["times"]]  # matplotlib counts in days
    for line in job["series"]:
        axes.plot(moments, line["values"], label=clean(line["name"], 80), linewidth=1.5)
    axes.axvline(job["since"] / 86400, color="tab:red", linestyle="--", label="found")
    axes.xaxis_date("UTC")
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
    axes.set_title(clean(job["chart_title"]), fontsize=9)
    axes.legend(fontsize=7, loc="upper left")
    axes.grid(alpha=0.3)
    figure.savefig(file)
    return file


if __name__ == "__main__":
    main()
