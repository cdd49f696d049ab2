"""Frames in, anomalies out."""

from agent.detect.base import Detector
from agent.detect.engine import Engine

__all__ = ["Detector", "Engine"]
