"""What training learns from: an example is what was seen, what it was, and how far that may be believed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import orjson

from agent.errors import ModelError
from agent.records.cases import Fingerprint
from agent.records.metrics import FloatArray, IntArray

HEALTHY = "healthy"
"""What an example is called in which nothing was wrong; no fault of the catalogue."""

HELD_BACK = 0.25  # of the examples, the newest
LEAST_EXAMPLES = 40
LEAST_OF_A_FAULT = 5
LEAST_FAULTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One incident, or one moment in which nothing was wrong.

    ``weight`` is how far ``fault`` may be believed, in 0..1; ``origin`` says who named it.
    """

    id: str
    at: datetime
    fault: str
    origin: str
    features: Fingerprint = field(hash=False)
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Examples as numbers: ``rows`` is examples x features, ``codes`` the place of each fault in ``faults``.

    The code of a fault that is not among ``faults`` is -1.
    """

    rows: FloatArray
    codes: IntArray
    weights: FloatArray
    faults: Sequence[str]

    def __len__(self) -> int:
        """Return how many examples there are."""
        return len(self.codes)

    def part(self, chosen: slice | IntArray) -> Table:
        """Return some of the examples."""
        return Table(self.rows[chosen], self.codes[chosen], self.weights[chosen], self.faults)


def split_by_time(examples: Iterable[Example]) -> tuple[Sequence[Example], Sequence[Example]]:
    """Return the older examples, and the newest, which are held back: a model is asked about its future."""
    ordered = sorted(examples, key=lambda one: (one.at, one.id))
    cut = len(ordered) - round(len(ordered) * HELD_BACK)
    return ordered[:cut], ordered[cut:]


def learnable(early: Sequence[Example]) -> tuple[str, ...]:
    """Return the faults that there are enough examples of. Raises ModelError, which says what is missing."""
    counts = Counter(one.fault for one in early)
    enough = tuple(sorted(fault for fault, count in counts.items() if count >= LEAST_OF_A_FAULT))
    total = round(len(early) / (1 - HELD_BACK))
    if total >= LEAST_EXAMPLES and len(enough) >= LEAST_FAULTS:
        return enough
    told = ", ".join(f"{fault} {count}" for fault, count in counts.most_common(8)) or "none"
    raise TooLittleData(
        f"there is too little to train on: {total} of at least {LEAST_EXAMPLES} incidents whose fault is "
        f"known, {len(enough)} of at least {LEAST_FAULTS} faults with {LEAST_OF_A_FAULT} or more among "
        f"the older three quarters (there: {told}). A fault is known when its repair was proved on metrics, "
        "or when somebody says so on the incident's page or through the API; nothing is deployed"
    )


class TooLittleData(ModelError):
    """There are too few examples yet."""


def features_of(examples: Iterable[Example]) -> tuple[str, ...]:
    """Return the names of all features that were seen more than once, sorted."""
    counts = Counter(name for one in examples for name in one.features)
    return tuple(sorted(name for name, count in counts.items() if count > 1))


def tabulate(examples: Sequence[Example], features: Sequence[str], faults: Sequence[str]) -> Table:
    """Return examples as numbers."""
    return Table(
        rows=rows_of([one.features for one in examples], features),
        codes=np.array([_code(one.fault, faults) for one in examples], np.intp),
        weights=np.array([one.weight for one in examples], np.float64),
        faults=tuple(faults),
    )


def rows_of(seen: Sequence[Fingerprint], features: Sequence[str]) -> FloatArray:
    """Return fingerprints x features; what was not seen is 0."""
    number = {name: index for index, name in enumerate(features)}
    rows = np.zeros((len(seen), len(features)))
    for at, one in enumerate(seen):
        for name, clarity in one.items():
            if (index := number.get(name)) is not None:
                rows[at, index] = clarity
    return rows


def digest_of(examples: Sequence[Example]) -> str:
    """Return the SHA-256 of what is learned from, whatever its order."""
    lines = sorted(orjson.dumps(plain(one), option=orjson.OPT_SORT_KEYS) for one in examples)
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def plain(example: Example) -> dict[str, Any]:
    """Return an example as JSON has it."""
    data: dict[str, Any] = orjson.loads(orjson.dumps(example))
    return data


def from_plain(data: Mapping[str, Any]) -> Example:
    """Return an example that JSON holds. Raises KeyError, TypeError, ValueError."""
    return Example(
        id=str(data["id"]),
        at=datetime.fromisoformat(data["at"]),
        fault=str(data["fault"]),
        origin=str(data["origin"]),
        features={str(name): float(clarity) for name, clarity in data["features"].items()},
        weight=float(data["weight"]),
    )


def _code(fault: str, faults: Sequence[str]) -> int:
    return faults.index(fault) if fault in faults else -1
