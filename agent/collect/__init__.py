"""The world comes in; frames go out."""

from agent.collect.base import Answer, MetricSource, Poll
from agent.collect.frame import FrameBuffer
from agent.collect.prometheus import PrometheusSource

__all__ = ["Answer", "FrameBuffer", "MetricSource", "Poll", "PrometheusSource"]
