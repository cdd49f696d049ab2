"""One message delivered: a JSON job on standard input, exit code 0 when every URL took it.

Runs as a process of its own, ``python -m agent.notify.send``: what talks to the world and draws pictures
is large, may hang, and is not needed in the resting agent. The URLs hold secrets, so they come neither
as arguments nor as environment.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson


def main() -> None:
    """Deliver the job on standard input; with ``only_look`` see whether its URLs are any."""
    job: dict[str, Any] = orjson.loads(sys.stdin.buffer.read())
    from apprise import Apprise, NotifyFormat

    apprise = Apprise()
    for url in job["urls"]:
        if not apprise.add(url):
            sys.exit("a URL of the target is none that apprise knows")
    if job.get("only_look"):
        return
    with tempfile.TemporaryDirectory(prefix="opsmend-message-") as folder:
        chart = _draw(job, Path(folder) / "chart.png")
        sent = apprise.notify(
            title=job["title"],
            body=job["body"],
            body_format=NotifyFormat.TEXT,
            attach=[str(chart)] if chart else None,
        )
    if not sent:
        sys.exit("a URL of the target did not take the message")


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
    figure, axes = pyplot.subplots(figsize=(8, 3), dpi=110, layout="constrained")
    moments = [second / 86400 for second in job["times"]]  # matplotlib counts in days
    for line in job["series"]:
        axes.plot(moments, line["values"], label=line["name"], linewidth=1.5)
    axes.axvline(job["since"] / 86400, color="tab:red", linestyle="--", label="found")
    axes.xaxis_date("UTC")
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
    axes.set_title(job["chart_title"], fontsize=9)
    axes.legend(fontsize=7, loc="upper left")
    axes.grid(alpha=0.3)
    figure.savefig(file)
    return file


if __name__ == "__main__":
    main()
