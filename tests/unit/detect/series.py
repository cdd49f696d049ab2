"""One series, or some, shown to the detector sample by sample."""

from datetime import timedelta

import numpy as np

from agent.collect import Answer, FrameBuffer, Poll
from agent.config.settings import DetectSection
from agent.detect import Engine
from agent.detect.calendar import Calendars
from tests.make import NOW, signal


def noise(count=200, seed=0, scale=0.5):
    return 10 + np.random.default_rng(seed).normal(0, scale, count)


class Watched:
    """A detector of one signal and the buffer before it; a sample a minute."""

    def __init__(self, step_s=60, calendars=None, detect=None, **fields):
        self.signals = {"x": signal("x", **{"bad": "both", **fields})}
        self.buffer = FrameBuffer(self.signals, 240, 3000)
        self.settings = detect or DetectSection(warm_up=20)
        self.engine = Engine(self.signals, self.settings, calendars or Calendars())
        self.buffer.on_renumber(self.engine.keep)
        self.step = timedelta(seconds=step_s)
        self.at = NOW

    def show(self, values, failed=False):
        """Show samples, NaN where there is none; return what is open after each."""
        opened = []
        for value in values:
            self.at += self.step
            answer = Answer(0, [], []) if np.isnan(value) else Answer(0, [{"host": "web1"}], [value])
            answers = {} if failed else {"x": answer}
            poll = Poll(self.at, answers, {"x": "refused"} if failed else {})
            opened.append(self.engine.observe(self.buffer.add(poll)))
        return opened


def watch(values, **fields):
    """Show a new detector one series; return the anomalies open after each sample."""
    return Watched(**fields).show(values)
