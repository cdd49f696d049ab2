"""The name of a series and its samples in, what is left of what it measures out: for files without signals.

Only names that say so are believed: what is free, available or left ends at zero, a used share at one or at a
hundred, by the unit in the name.
"""

from __future__ import annotations

import re

from agent.records import FloatArray

_LEFT = frozenset({"free", "avail", "available", "left", "remaining"})
_USED = frozenset({"used", "usage", "use", "utilization", "utilisation"})
# what a kernel calls free of its memory is what it has found no use for: it caches files in all of it
_MEMORY, _REAL = frozenset({"mem", "memory", "ram"}), frozenset({"actual", "avail", "available"})
_SHARES = {"ratio": 1.0, "share": 1.0, "percent": 100.0, "pct": 100.0, "percentage": 100.0}
_WORD = re.compile(r"[a-z]+")


def left_of(name: str, values: FloatArray) -> FloatArray | None:
    """Return what is left at each sample, or None where the name does not tell.

    >>> import numpy as np
    >>> left_of("disk_used_percent", np.array([40.0, 90.0]))
    array([60., 10.])
    >>> left_of("requests_total", np.array([1.0])) is None
    True
    """
    words = set(_WORD.findall(name.lower()))
    if words & _MEMORY and not words & _REAL:
        return None
    if words & _LEFT:
        return None if words & _USED else values
    full = next((_SHARES[word] for word in words if word in _SHARES), None)
    return full - values if full is not None and words & _USED else None
