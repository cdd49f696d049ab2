"""Names in, people with their groups out: asked of the machine once a minute, never on the event loop."""

from __future__ import annotations

from collections.abc import Callable

from anyio.to_thread import run_sync

from agent.clock import Clock
from agent.response import Person

_KEPT_S = 60.0
_MOST = 1000


class People:
    """Finds out who people are. Names and groups may come from far away, such as a directory server."""

    def __init__(
        self,
        groups_of: Callable[[str], frozenset[str]],
        person_of: Callable[[int, int], Person],
        clock: Clock,
    ) -> None:
        self._groups_of = groups_of
        self._person_of = person_of
        self._clock = clock
        self._known: dict[str, tuple[frozenset[str], float]] = {}

    async def named(self, name: str, role: str | None = None) -> Person:
        """Return the person of a name, in the groups that the machine has them in."""
        now = self._clock.monotonic()
        groups, at = self._known.get(name, (frozenset[str](), float("-inf")))
        if now - at > _KEPT_S:
            groups = await run_sync(self._groups_of, name)
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[name] = (groups, now)
        return Person(name, groups, frozenset({role}) if role else frozenset())

    async def at_the_socket(self, uid: int, pid: int) -> Person:
        """Return the person whose process has connected."""
        return await run_sync(self._person_of, uid, pid)
