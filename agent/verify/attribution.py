"""Was it the remediation, or would it have gone away anyway? Facts about a recovery in, how sure out.

Three things speak for chance: that this fault often goes away by itself (a Beta posterior over earlier
incidents), that it just happened to end in the short time after the run (the share of that time in the
whole), and that untreated hosts with the same trouble recovered too. The first two have to come
together; the third stands for itself, as in a comparison with a control group.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from agent.records import Attribution

# before anything is known: one incident in four goes away by itself
_PRIOR_ALONE, _PRIOR_ALL = 1.0, 4.0
_MOST = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known about a recovery.

    ``lasted`` is how long the trouble had lasted when the run began, ``took`` how long after that it was
    gone. ``peers`` had the same trouble then and were not treated; ``peers_recovered`` of them are well
    now. ``earlier`` incidents of the fault ended, ``earlier_alone`` of them without any run.
    """

    lasted: timedelta
    took: timedelta
    peers: int
    peers_recovered: int
    earlier: int
    earlier_alone: int


def attribute_recovery(seen: Circumstances) -> Attribution:
    """Return how sure it is that the run did it, in 0..1, and why in one sentence.

    >>> alone = Circumstances(lasted=timedelta(minutes=5), took=timedelta(seconds=5), peers=0,
    ...     peers_recovered=0, earlier=20, earlier_alone=1)
    >>> attribute_recovery(alone).sure > 0.95
    True
    """
    by_itself = (seen.earlier_alone + _PRIOR_ALONE) / (seen.earlier + _PRIOR_ALL)
    whole = seen.lasted + seen.took
    timing = seen.took / whole if whole > timedelta(0) else 1.0
    chance = by_itself * timing
    if seen.peers:
        # rule of succession: three of three recovered is not yet certainty
        chance = max(chance, (seen.peers_recovered + 1) / (seen.peers + 2) if seen.peers_recovered else 0.0)
    return Attribution(sure=round(min(1 - chance, _MOST), 3), text=_explain(seen))


def _explain(seen: Circumstances) -> str:
    parts = [
        f"it had lasted {seen.lasted.total_seconds():.0f} s and was gone "
        f"{seen.took.total_seconds():.0f} s after the run began"
    ]
    if seen.peers:
        parts.append(
            f"{seen.peers_recovered} of {seen.peers} untreated hosts with the same trouble recovered"
        )
    if seen.earlier:
        parts.append(f"{seen.earlier_alone} of {seen.earlier} earlier incidents went away by themselves")
    return "; ".join(parts)
