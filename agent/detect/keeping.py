"""What the detector knows in, files in a folder out, and back at the next start.

``now.state`` holds all but the seasons, ``day-N.state`` one local day of them each: only the day that goes on
is written again. What cannot be read is said in one line, and learned anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.detect.statefile import Kept, read_state, write_state
from agent.errors import StateError
from agent.log import Logger

log = Logger("detect")

_GOING_ON = 2  # days: it is not the same day everywhere
_NOW = "now.state"
_DAY = "day-{day}.state"


class Keepable(Protocol):
    """What has something to keep."""

    @property
    def season_days(self) -> Sequence[int]:
        """Return the days that the seasons are made of."""

    def state(self) -> Kept:
        """Return what is known but for the days of the seasons, copied."""

    def season_day(self, day: int) -> Kept:
        """Return one day of the seasons, copied."""

    def restore(self, kept: Kept, days: Mapping[int, Kept]) -> None:
        """Go by what was kept. Raises StateError."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What is to be written, and the days that are still wanted beside it."""

    now: Kept
    days: Mapping[int, Kept]
    wanted: frozenset[int]


class StateFolder:
    """The files of one agent, by its name."""

    def __init__(self, folder: Path, agent: str) -> None:
        self.folder = folder
        self._agent = agent
        self._written: set[int] = set()

    def take(self, engine: Keepable) -> Snapshot:
        """Return what is to be written, copied: the detector may go on meanwhile."""
        days = sorted(engine.season_days)
        newest = set(days[-_GOING_ON:])
        new = [day for day in days if day in newest or day not in self._written]
        return Snapshot(engine.state(), {day: engine.season_day(day) for day in new}, frozenset(days))

    def write(self, snapshot: Snapshot) -> None:
        """Write it. Raises StateError."""
        try:
            self._write(snapshot)
        except OSError as error:
            raise StateError(f"{self.folder} cannot be written: {error.strerror or error}") from error

    def _write(self, snapshot: Snapshot) -> None:
        for day, kept in snapshot.days.items():
            write_state(self.folder / _DAY.format(day=day), self._own(kept))
            self._written.add(day)
        write_state(self.folder / _NOW, self._own(snapshot.now))
        self._written -= set(sorted(snapshot.wanted)[-_GOING_ON:])
        for file in self.folder.glob(_DAY.format(day="*")):
            number = file.name.removeprefix("day-").removesuffix(".state")
            if number.isdigit() and int(number) not in snapshot.wanted:
                file.unlink(missing_ok=True)

    def read(self, engine: Keepable) -> bool:
        """Let a detector go by what was kept; return whether there was something. Says what is refused."""
        try:
            now = self._read(self.folder / _NOW)
            if now is None:
                return False
            engine.restore(now, self._read_days())
        except StateError as error:
            log.warning("what was kept is not used, it is learned anew", why=str(error))
            return False
        return True

    def _read_days(self) -> Mapping[int, Kept]:
        days = {}
        for file in sorted(self.folder.glob(_DAY.format(day="*"))):
            try:
                kept = self._read(file)
                if kept is not None:
                    days[int(kept.facts["day"])] = kept
                    self._written.add(int(kept.facts["day"]))
            except (StateError, KeyError, ValueError, TypeError) as error:
                log.warning("a day of the seasons is learned anew", why=str(error))
        return days

    def _own(self, kept: Kept) -> Kept:
        return Kept({**kept.facts, "agent": self._agent}, kept.arrays)

    def _read(self, file: Path) -> Kept | None:
        kept = read_state(file)
        if kept is not None and kept.facts.get("agent") != self._agent:
            raise StateError(f"{file} is refused: it belongs to the agent '{kept.facts.get('agent')!s:.60}'")
        return kept
