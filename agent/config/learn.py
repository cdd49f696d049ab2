"""Settings of what the agent learns from its own incidents."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from agent.config.scalars import PositiveDuration
from agent.config.yamlfile import Strict


class DiagnosisTrainingSection(Strict):
    """A model that names faults, trained on the incidents of this agent."""

    enabled: bool = Field(
        default=True, description="train it in the background, once there is enough, and let it vote"
    )
    retrain_every: PositiveDuration = Field(
        default=timedelta(days=7), description="how often it is trained anew"
    )
    budget: PositiveDuration = Field(
        default=timedelta(minutes=2), description="how long algorithms are tried; the best so far is taken"
    )
    jobs: int = Field(
        default=0, ge=0, le=64, description="processes that train, all at lowest priority; 0: one a processor"
    )
    dask: str = Field(
        default="",
        pattern=r"^((tcp|tls)://[^\s/@]+:[0-9]{1,5})?$",
        description="the scheduler of a Dask cluster that tries the algorithms, such as tcp://dask:8786; its "
        "workers need the same opsmend, and whoever reaches it runs code there and here; empty: this machine",
    )


class FailureTrainingSection(Strict):
    """How likely hosts fail ahead, learned from how they were before past incidents."""

    enabled: bool = Field(
        default=True, description="train it in the background, once there is enough, and tell it"
    )
    history: PositiveDuration = Field(
        default=timedelta(days=30),
        description="how much of the past is learned from, as far as metrics are kept",
    )
    retrain_every: PositiveDuration = Field(
        default=timedelta(days=7), description="how often it is trained anew"
    )


class LearnSection(Strict):
    """What the agent learns from its own incidents."""

    diagnosis: DiagnosisTrainingSection = DiagnosisTrainingSection()
    failures: FailureTrainingSection = FailureTrainingSection()
