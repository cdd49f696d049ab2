"""All that was learned of one entity: its features' plan, its members, how they are fused, and why.

The newest rows of its series in, a finding out: how strange they are, by which series, and what would have
been expected of those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from agent.detect.models.catalog import restore_member
from agent.detect.models.ensemble import LASTING, Fusion
from agent.detect.models.features import (
    ROWS_BEFORE,
    FeaturePlan,
    clean_values,
    expected_levels,
    make_features,
)
from agent.detect.models.lstm import WINDOW
from agent.detect.models.member import Stateful
from agent.detect.models.relations import Relations
from agent.records import FloatArray, IntArray

ROWS = ROWS_BEFORE + WINDOW + max(LASTING)  # that a judgement looks at
_NAMED = 3  # series that are told
_TELLING = 4.0  # usual residuals: what is expected lies within
_PRESENT = 0.5  # share of the series that must have a newest sample

SeriesKey = tuple[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A series that makes an entity strange: its number, by how much, and what was expected of it."""

    column: int
    strength: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How strange an entity is now. ``score`` above ``threshold`` is anomalous."""

    score: float
    threshold: float
    suspects: Sequence[Suspect]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EntityModel:
    """One entity. ``keys`` name its series, in the order of the columns."""

    entity: str
    keys: Sequence[SeriesKey]
    plan: FeaturePlan
    members: Mapping[str, Stateful]
    fusion: Fusion
    relations: Relations  # of the levels, for the explanation

    def judge(self, values: FloatArray, times: FloatArray) -> Finding | None:
        """Judge the newest of some rows x series; None when too little is there to judge by."""
        if not len(values) or np.isfinite(values[-1]).mean() < _PRESENT:
            return None
        rows = make_features(self.plan, values, times)
        places = np.arange(max(len(rows) - max(LASTING), 0), len(rows))
        scores = {name: scores_at(member, rows, places) for name, member in self.members.items()}
        return Finding(
            score=float(self.fusion.fuse(scores)[-1]),
            threshold=self.fusion.threshold,
            suspects=self._suspects(rows[-1:], values, times),
        )

    def _suspects(self, row: FloatArray, values: FloatArray, times: FloatArray) -> list[Suspect]:
        """Name the series that go least with the others, or with the time of day."""
        count = len(self.keys)
        levels = row[:, :count]
        away, usual = self.relations.residuals(levels)
        apart = (away / usual)[0]
        own = row[0, : 4 * count].reshape(4, count)
        season = own[3]
        strength = np.maximum(np.abs(apart), np.abs(own).max(0))
        newest = clean_values(self.plan, values)[-1]
        strength = np.where(np.isfinite(newest), strength, 0.0)
        by_others = self.plan.level + self.plan.scale * (levels - away)[0]
        by_time = expected_levels(self.plan, times[-1:])[0]
        found = []
        for column in np.argsort(-strength, kind="stable")[:_NAMED].tolist():
            go_by_others = abs(apart[column]) >= abs(season[column])
            middle = by_others[column] if go_by_others else by_time[column]
            reach = _TELLING * (
                self.plan.scale[column] * usual[column] if go_by_others else self.plan.season_scale[column]
            )
            found.append(
                Suspect(
                    column=column,
                    strength=float(strength[column]),
                    observed=float(newest[column]),
                    low=float(middle - reach),
                    high=float(middle + reach),
                )
            )
        return found

    def state(self) -> dict[str, Any]:
        """Return the model as numbers, texts and arrays."""
        return {
            "entity": self.entity,
            "keys": [[signal, dict(labels)] for signal, labels in self.keys],
            "plan": self.plan.state(),
            "members": {name: member.state() for name, member in self.members.items()},
            "fusion": self.fusion.state(),
            "relations": self.relations.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the model that ``state`` gave."""
        return cls(
            entity=str(state["entity"]),
            keys=[(str(signal), dict(labels)) for signal, labels in state["keys"]],
            plan=FeaturePlan.from_state(state["plan"]),
            members={name: restore_member(name, one) for name, one in state["members"].items()},
            fusion=Fusion.from_state(state["fusion"]),
            relations=Relations.from_state(state["relations"]),
        )


def scores_at(member: Stateful, rows: FloatArray, places: IntArray) -> FloatArray:
    """Return a member's scores of some of consecutive rows."""
    if hasattr(member, "scores_at"):
        result: FloatArray = member.scores_at(rows, places)
        return result
    return member.decision_function(rows[places])
