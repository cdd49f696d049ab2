"""The schema of ``detect.models``: which entity models there are, and when they are trained."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import Field, field_validator

from agent.config.scalars import PositiveDuration
from agent.config.yamlfile import Strict

MEMBERS = ("isolation_forest", "one_class_svm", "autoencoder", "nearest", "relations", "pca", "lstm")
_CLASS_PATH = re.compile(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$")


class ModelsSection(Strict):
    """Models of whole entities: all series of a host or service looked at together."""

    enabled: bool = Field(default=True, description="train them in the background, and use them")
    members: tuple[str, ...] = Field(
        default=MEMBERS,
        min_length=1,
        description="the models of an ensemble: "
        + ", ".join(MEMBERS)
        + ", or the class path of a detector of PyOD such as pyod.models.ecod.ECOD",
    )
    history: PositiveDuration = Field(
        default=timedelta(days=7), description="how much of the past is learned from; it should be healthy"
    )
    step: PositiveDuration = Field(
        default=timedelta(minutes=1), description="time between two rows that are learned from and judged"
    )
    retrain_every: PositiveDuration = Field(
        default=timedelta(days=1), description="how often the models are trained anew"
    )
    first_after: PositiveDuration = Field(
        default=timedelta(minutes=10), description="how long after its start the agent first trains"
    )
    max_entities: int = Field(
        default=500, ge=1, le=20_000, description="entities that get a model, those with most series first"
    )
    max_series: int = Field(
        default=40, ge=2, le=400, description="series of an entity that are looked at, the liveliest first"
    )
    jobs: int = Field(default=2, ge=1, le=64, description="processes that train, all at lowest priority")

    @field_validator("members")
    @classmethod
    def _members_are_known(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        for name in members:
            if name not in MEMBERS and not _CLASS_PATH.match(name):
                raise ValueError(
                    f"there is no model '{name}'; known: {', '.join(MEMBERS)}, and class paths such as "
                    f"pyod.models.ecod.ECOD"
                )
        if len(set(members)) != len(members):
            raise ValueError("names a model twice")
        return members
