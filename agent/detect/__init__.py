"""Frames in, anomalies out."""

from agent.detect.base import Detector
from agent.detect.episodes import SeriesDetector

__all__ = ["Detector", "SeriesDetector"]
