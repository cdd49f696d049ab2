"""The fault catalogue in, which faults may bring which others out, however long the chain is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from agent.config.rulefiles import Fault


class FaultCauses:
    """Knows the ``causes`` of the catalogue, followed to their ends once."""

    def __init__(self, faults: Mapping[str, Fault]) -> None:
        self._causes: dict[str, set[str]] = defaultdict(set)
        for cause in faults:
            for effect in _reach(cause, faults):
                if effect != cause:
                    self._causes[effect].add(cause)
        known = {id_ for id_, fault in faults.items() if not fault.follows_any}
        for id_ in faults.keys() - known:
            self._causes[id_] |= known

    def of(self, effect: str) -> frozenset[str]:
        """Return every fault that may lead to this one on the same host."""
        return frozenset(self._causes.get(effect, ()))

    def explains(self, cause: str, effect: str) -> bool:
        """Return whether one fault leads to another, directly or by others."""
        return cause in self._causes.get(effect, ())


def _reach(cause: str, faults: Mapping[str, Fault]) -> set[str]:
    seen: set[str] = set()
    todo = [cause]
    while todo:
        fault = faults.get(todo.pop())
        new = [effect for effect in (fault.causes if fault else ()) if effect not in seen]
        seen.update(new)
        todo += new
    return seen
