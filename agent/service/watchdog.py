"""Turns of the loops in, a sign of life for systemd out: only while every loop comes round in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.log import Logger
from agent.process import notify_systemd

log = Logger("service")

_TELL_EVERY_S = 1.0


@dataclass(slots=True)
class _Loop:
    within_s: float
    turned_at: float


class Watchdog:
    """Tells systemd that the agent lives, from inside its loops.

    Each loop calls ``turned`` whenever it gets on. A sign of life is given by a loop that turned, and only
    while no other is late: a thread that lives while the loops hang gives none, and systemd starts the agent
    anew after ``WatchdogSec``. ``monotonic`` returns seconds.
    """

    def __init__(self, monotonic: Callable[[], float], tell: Callable[[str], None] = notify_systemd) -> None:
        self._monotonic = monotonic
        self._tell = tell
        self._loops: dict[str, _Loop] = {}
        self._late: tuple[str, ...] = ()
        self._told_at = float("-inf")

    def watch(self, loop: str, within_s: float) -> None:
        """Expect from now on that a loop turns again within so long."""
        self._loops[loop] = _Loop(within_s, self._monotonic())

    def turned(self, loop: str) -> None:
        """Note that a loop got on, and give a sign of life when all of them do."""
        now = self._monotonic()
        known = self._loops.get(loop)
        if known is None:
            return
        waited_s = now - known.turned_at
        if waited_s > known.within_s:
            log.warning("loop was late", loop=loop, seconds=round(waited_s, 1), allowed=known.within_s)
        known.turned_at = now
        late = self.late
        if late != self._late:
            self._late = late
            if late:
                log.error("no sign of life for systemd while a loop hangs", loops=late)
        if not late and now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            self._tell("WATCHDOG=1")

    @property
    def late(self) -> tuple[str, ...]:
        """Return the loops that should have turned by now."""
        now = self._monotonic()
        return tuple(
            name for name, loop in sorted(self._loops.items()) if now - loop.turned_at > loop.within_s
        )
