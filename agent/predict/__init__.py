"""Frames in, what is about to happen out."""

from agent.predict.forecaster import Forecaster

__all__ = ["Forecaster"]
