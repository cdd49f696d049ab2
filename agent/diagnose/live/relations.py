"""Troubles in, for each the one it comes from out: on its host by the catalogue, elsewhere by dependencies.

Everything is looked up by host and fault or by name, for a storm brings thousands of candidates on one
host: the work grows with their number, not with the number of their pairs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf

from agent.config.rulefiles import Fault
from agent.diagnose.live.dependencies import Dependencies, names_of
from agent.diagnose.live.fault_causes import FaultCauses
from agent.records import Candidate

# what shows elsewhere by one cause shows within minutes: timeouts, retries, the next scrape
SAME_TROUBLE = timedelta(minutes=10)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_LABELS = 3  # of an entity, beside its host; each choice of them is looked up by
_PLACE_LABELS = frozenset({"host", "instance"})  # compared by the derived host


@dataclass(slots=True, eq=False)
class Trouble:
    """All candidates on one entity, and the incident that holds them, if any.

    ``present`` are seen now; ``lasting`` were seen before and are not yet proved to be over.
    """

    entity: str
    present: list[Candidate] = field(default_factory=list)
    lasting: list[Candidate] = field(default_factory=list)
    owner: int | None = None

    @property
    def candidates(self) -> Sequence[Candidate]:
        """Return everything on the entity."""
        return [*self.present, *self.lasting]


def began(candidate: Candidate) -> datetime:
    """Return since when the first symptom of a candidate is there."""
    return min((symptom.since for symptom in candidate.symptoms), default=_EPOCH)


@dataclass(slots=True)
class _Entries:
    """Troubles by when they began, looked up by the nearest in time.

    ``until`` is for each when the last effect of it may have begun.
    """

    at: list[float] = field(default_factory=list)
    until: list[float] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    def nearest(self, at: float, latest: float, own: Trouble) -> Iterator[tuple[float, Trouble]]:
        """Yield from the nearest in time outwards what may be a cause of something that began at ``at``.

        That is neither ``own`` nor what began after ``latest``, nor what was not seen any more by then.
        """
        after = bisect_left(self.at, at)
        before, end = after - 1, bisect_right(self.at, latest)
        while before >= 0 or after < end:
            later = self.at[after] - at if after < end else float("inf")
            earlier = at - self.at[before] if before >= 0 else float("inf")
            if later < earlier:
                place, after = after, after + 1
            else:
                place, before = before, before - 1
            if self.troubles[place] is not own and at <= self.until[place]:
                yield abs(self.at[place] - at), self.troubles[place]


_Key = tuple[object, ...]


class _Index:
    """Troubles under keys; each key's entries are sorted once everything is in."""

    def __init__(self) -> None:
        self._raw: dict[_Key, list[tuple[float, int, float, Trouble]]] = defaultdict(list)
        self._sorted: dict[_Key, _Entries] = {}

    def put(self, key: _Key, at: float, until: float, trouble: Trouble) -> None:
        rows = self._raw[key]
        rows.append((at, len(rows), until, trouble))

    def get(self, key: _Key) -> _Entries:
        known = self._sorted.get(key)
        if known is None:
            rows = sorted(self._raw.get(key, ()), key=lambda row: row[:2])
            known = self._sorted[key] = _Entries(
                [row[0] for row in rows], [row[2] for row in rows], [row[3] for row in rows]
            )
        return known

    def __contains__(self, key: _Key) -> bool:
        return key in self._raw


class Relations:
    """Says what each trouble of one poll comes from.

    A cause on the same host is one that the catalogue names, that began no later than minutes after its
    effect, and whose identity (the labels that name its entity, such as ``unit``) does not contradict the
    effect's. A cause elsewhere is something that the entity depends on, where the fault is one that is
    passed on and both began within minutes. Either is seen now, or was until minutes before its effect began.
    What is foreseen is no cause of anything yet. A cause in the same incident goes first, then the nearest
    in time; a trouble comes from one cause only, so that two troubles at once stay two.
    """

    def __init__(
        self,
        troubles: Iterable[Trouble],
        faults: Mapping[str, Fault],
        causes: FaultCauses,
        dependencies: Dependencies,
    ) -> None:
        self._faults = faults
        self._causes = causes
        self._dependencies = dependencies
        self._on_host = _Index()
        self._named = _Index()
        self._shapes: dict[tuple[str, str], set[frozenset[str]]] = defaultdict(set)
        self._all = list(troubles)
        for trouble in self._all:
            self._take_in(trouble)
        self._found = {id(trouble): self._find(trouble) for trouble in self._all}
        self._roots: dict[int, Trouble] = {}

    def cause_of(self, trouble: Trouble) -> Trouble | None:
        """Return what a trouble comes from directly, or None."""
        return self._found[id(trouble)]

    def root_of(self, trouble: Trouble) -> Trouble:
        """Return the end of the chain of causes; in a circle the one that began first."""
        chain: dict[int, Trouble] = {}
        last = trouble
        one: Trouble | None = trouble
        while one is not None and id(one) not in chain and id(one) not in self._roots:
            chain[id(one)] = last = one
            one = self._found[id(one)]
        if one is None:
            root = last
        elif id(one) in self._roots:
            root = self._roots[id(one)]
        else:
            order = list(chain.values())
            circle = order[order.index(one) :]
            root = min(circle, key=lambda member: (_since(member), member.entity))
        self._roots.update(dict.fromkeys(chain, root))
        return root

    def _take_in(self, trouble: Trouble) -> None:
        for candidate in trouble.present:
            self._index(candidate, inf, trouble)
        for candidate in trouble.lasting:
            seen_at = candidate.seen_at
            until = inf if seen_at is None else (seen_at + SAME_TROUBLE).timestamp()
            self._index(candidate, until, trouble)

    def _index(self, candidate: Candidate, until: float, trouble: Trouble) -> None:
        if candidate.foreseen is None:
            at = began(candidate).timestamp()
            host = candidate.labels.get("host", "")
            if host:
                identity = _identity(candidate)
                self._shapes[host, candidate.fault].add(frozenset(identity))
                for owner in (None, trouble.owner) if trouble.owner is not None else (None,):
                    # a cause and an effect agree on the labels that both have: one entry for each choice
                    for names in _subsets(identity):
                        key = (owner, host, candidate.fault, frozenset(identity), _values(identity, names))
                        self._on_host.put(key, at, until, trouble)
            for name in names_of(candidate):
                self._named.put((None, name), at, until, trouble)
                if trouble.owner is not None:
                    self._named.put((trouble.owner, name), at, until, trouble)

    def _find(self, trouble: Trouble) -> Trouble | None:
        owners = (trouble.owner, None) if trouble.owner is not None else (None,)
        for owner in owners:
            found = [
                best
                for candidate in trouble.candidates
                for best in (
                    *self._causes_on_host(candidate, trouble, owner),
                    *self._causes_elsewhere(candidate, trouble, owner),
                )
            ]
            if found:
                return min(found, key=lambda one: (one[0], one[1].entity))[1]
        return None

    def _causes_on_host(
        self, effect: Candidate, own: Trouble, owner: int | None
    ) -> Iterator[tuple[float, Trouble]]:
        host = effect.labels.get("host", "")
        if not host:
            return
        at = began(effect).timestamp()
        identity = _identity(effect)
        for fault in self._causes.of(effect.fault):
            for shape in self._shapes.get((host, fault), ()):
                key = (owner, host, fault, shape, _values(identity, shape & identity.keys()))
                if key in self._on_host:
                    latest = at + SAME_TROUBLE.total_seconds()
                    yield from _first(self._on_host.get(key).nearest(at, latest, own))

    def _causes_elsewhere(
        self, effect: Candidate, own: Trouble, owner: int | None
    ) -> Iterator[tuple[float, Trouble]]:
        fault = self._faults.get(effect.fault)
        if fault is None or not fault.passed_on:
            return
        names = names_of(effect)
        at = began(effect).timestamp()
        span = SAME_TROUBLE.total_seconds()
        targets = {target for name in names for target in self._dependencies.reach(name)} - names
        for target in targets:
            if (owner, target) not in self._named:
                continue
            for away, cause in self._named.get((owner, target)).nearest(at, at + span, own):
                if away > span:
                    break
                if not any(names & names_of(candidate) for candidate in cause.candidates):
                    yield away, cause
                    break


def _since(trouble: Trouble) -> datetime:
    return min((began(candidate) for candidate in trouble.candidates), default=_EPOCH)


def _identity(candidate: Candidate) -> dict[str, str]:
    """Return the labels that name an entity on its host; a template of more than three is cut."""
    named = sorted(item for item in candidate.identity.items() if item[0] not in _PLACE_LABELS)
    return dict(named[:_MOST_LABELS])


def _values(identity: Mapping[str, str], names: Iterable[str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, identity[name]) for name in names)


def _subsets(identity: Mapping[str, str]) -> Iterator[frozenset[str]]:
    names = sorted(identity)
    for bits in range(2 ** len(names)):
        yield frozenset(name for place, name in enumerate(names) if bits >> place & 1)


def _first(found: Iterator[tuple[float, Trouble]]) -> Iterator[tuple[float, Trouble]]:
    one = next(found, None)
    if one is not None:
        yield one
