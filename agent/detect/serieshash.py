"""Series of a frame and of models brought together by a hash of eight bytes each, not by their labels.

The agent keeps no copy of the labels of all modelled series for it: those took more memory than all else
that it has for entity models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np

from agent.detect.rows import Rows
from agent.records import IntArray, Series

_BYTES = 8  # two of a million series have the same hash once in forty million times


def hash_of(signal: str, labels: Mapping[str, str]) -> int:
    """Return what a series is known by, the same in every process."""
    text = "\0".join([signal, *(f"{name}\1{value}" for name, value in sorted(labels.items()))])
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest())


class HashedRows:
    """The hashes of a frame's rows. A row is hashed once and followed when rows are renumbered."""

    def __init__(self) -> None:
        self._rows = Rows(hash=np.uint64)

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self._rows.keep(rows)

    def find(self, series: Sequence[Series], hashes: np.ndarray) -> IntArray:
        """Return the row of each hash (uint64), -1 where no series of the frame has it."""
        hashed = len(self._rows["hash"])
        if len(series) < hashed:  # another frame
            hashed = 0
        self._rows.fit_to(len(series))
        own = self._rows["hash"]
        for row in range(hashed, len(series)):
            own[row] = hash_of(series[row].signal, series[row].labels)
        order = np.argsort(own)
        ordered = own[order]
        if not len(own):
            return np.full(len(hashes), -1, np.intp)
        places = np.minimum(np.searchsorted(ordered, hashes), len(own) - 1)
        return np.where(ordered[places] == hashes, order[places], -1).astype(np.intp)
