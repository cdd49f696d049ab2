"""What is found of an entity when its series are looked at together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STRANGE = 1.0
"""A score that one healthy row in a hundred reaches."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A series that makes an entity strange: its row, by how much, and what was expected of it."""

    row: int
    strength: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Finding:
    """How strange an entity is to its model: a ``score`` of 1 is rare. ``suspects``: the strongest first."""

    score: float
    suspects: Sequence[Suspect] = ()
