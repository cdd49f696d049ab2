"""Templates with something hidden in them, known to every process of a run.

Each task has a process of its own, which ends with it: what one of them opened, another renders.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

KIND = "templates"


class ToldTemplates:
    """What the run's processes told of templates, read from the report as it grows."""

    def __init__(self, report: str, tell: Callable[[str, list[str]], None]) -> None:
        self._report = Path(report)
        self._tell = tell
        self._read = 0
        self._known: set[str] = set()

    def add(self, templates: Iterable[str]) -> None:
        """Tell of those that nobody told of yet."""
        if new := [one for one in templates if one not in self]:
            self._tell(KIND, sorted(new))

    def __contains__(self, text: str) -> bool:
        """Return whether a template is one of them."""
        if text not in self._known:
            self._look()
        return text in self._known

    def _look(self) -> None:
        try:
            if self._report.stat().st_size == self._read:
                return
            with self._report.open("rb") as stream:
                stream.seek(self._read)
                content = stream.read()
        except FileNotFoundError:
            return
        whole = content[: content.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self._known.update(json.loads(line).get(KIND, ()))
