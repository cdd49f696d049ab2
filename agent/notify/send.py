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
from agent.notify.picture import draw
from agent.notify.threads import in_thread

_LONGEST_REASON = 300
_DEADLINE_S = 60
_AT_ONCE = 8
_UNKNOWN = "is no URL that apprise knows"
# pagers close what they opened at a success
_TYPES = {"call": "FAILURE", "question": "WARNING", "news": "INFO", "over": "SUCCESS"}

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
        chart = None if job.get("only_look") else draw(job["story"]["chart"], Path(folder) / "chart.png")
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
    from apprise import Apprise, NotifyFormat, NotifyType

    apprise = Apprise()
    said: list[str] = []
    _said.set(said)
    try:
        if job.get("only_look"):
            return "" if apprise.add(url) else _UNKNOWN
        story = job["story"]
        if not apprise.add(in_thread(url, story["thread"])):
            return _UNKNOWN
        done = apprise.notify(
            title=clean(story["title"]),
            body=clean(story["body"], lines=True),
            notify_type=NotifyType[_TYPES[story["tone"]]],
            body_format=NotifyFormat.TEXT,
            attach=[str(chart)] if chart else None,
        )
    except Exception as error:  # a plugin of somebody else's
        return describe_unforeseen(error)
    if done:
        return ""
    return "did not take the message" + (f": {clean(said[-1], _LONGEST_REASON)}" if said else "")


if __name__ == "__main__":
    main()
