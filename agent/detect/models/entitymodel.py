"""All that was learned of one entity: its features' plan, its members, how they are fused, and why.

The newest rows of its series in, a finding out: how strange they are, by which series, and what would have
been expected of those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from agent.detect.findings import Finding, Suspect
from agent.detect.models.catalog import restore_member
from agent.detect.models.ensemble import Fusion
from agent.detect.models.features import ROWS_BEFORE, FeaturePlan, clean_values, make_features
from agent.detect.models.lstm import WINDOW
from agent.detect.models.member import Stateful
from agent.detect.models.pca import ROWS as MEAN_ROWS
from agent.detect.models.relations import Relations
from agent.records import FloatArray, IntArray

ROWS = ROWS_BEFORE + max(WINDOW, MEAN_ROWS)  # that a judgement looks at
_NAMED = 3  # series that are told
_TELLING = 4.0  # usual residuals: what is expected lies within
_PRESENT = 0.5  # share of the series that must have a newest sample

SeriesKey = tuple[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EntityModel:
    """One entity. ``keys`` name its series, in the order of the columns."""

    entity: str
    keys: Sequence[SeriesKey]
    plan: FeaturePlan
    members: Mapping[str, Stateful]
    fusion: Fusion
    relations: Relations  # for the explanation

    def judge(self, values: FloatArray) -> Finding | None:
        """Judge the newest of some rows x series; None when too little is there to judge by."""
        if not len(values):
            return None
        score = float(self.scores(values, np.array([len(values) - 1]))[0])
        return Finding(score=score, suspects=self.suspects(values)) if np.isfinite(score) else None

    def scores(self, values: FloatArray, places: IntArray) -> FloatArray:
        """Return the scores of some of consecutive rows; NaN where too little is there to judge by."""
        rows = make_features(self.plan, values)
        scores = {name: scores_at(member, rows, places) for name, member in self.members.items()}
        there = np.isfinite(values[places]).mean(1) >= _PRESENT
        return np.where(there, self.fusion.fuse(scores), np.nan)

    def suspects(self, values: FloatArray) -> list[Suspect]:
        """Name the series of the newest row that go least with the others, by their number in ``keys``."""
        row = make_features(self.plan, values[-1 - ROWS_BEFORE :])[-1:]
        away, usual = self.relations.residuals(row)
        apart = (away / usual)[0]
        newest = clean_values(self.plan, values[-1 - ROWS_BEFORE :])[-1]
        strength = np.where(np.isfinite(newest), np.abs(apart), 0.0)
        expected = self.plan.level + self.plan.scale * (row - away)[0]
        reach = _TELLING * self.plan.scale * usual
        return [
            Suspect(
                row=column,
                strength=float(strength[column]),
                observed=float(newest[column]),
                low=float(expected[column] - reach[column]),
                high=float(expected[column] + reach[column]),
            )
            for column in np.argsort(-strength, kind="stable")[:_NAMED].tolist()
        ]

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
