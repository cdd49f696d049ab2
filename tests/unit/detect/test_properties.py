"""Whatever comes, the live layer goes on; a file is judged without looking ahead."""

from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.collect import Answer, FrameBuffer, Poll
from agent.config.settings import DetectSection
from agent.detect import Engine
from agent.detect.replay import Replay
from agent.records.findings import KINDS
from tests.make import NOW, signal
from tests.unit.detect.test_replay import frame

values = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True, width=64),
    st.sampled_from([0.0, 1.0, 1e308, -1e308, 5e-324, float("nan"), float("inf")]),
)
polls = st.lists(st.dictionaries(st.sampled_from("abcdef"), values, max_size=6), min_size=1, max_size=8)


@settings(max_examples=20)
@given(polls, st.lists(st.integers(-100_000, 200_000), min_size=1, max_size=5), st.booleans())
def test_no_sequence_of_polls_breaks_the_live_layer(pattern, jumps, counter):
    query = "x_total" if counter else "x"
    signals = {"x": signal("x", query=query, bad="both"), "y": signal("y", bad="low")}
    buffer = FrameBuffer(signals, 20, 4)
    detector = Engine(signals, DetectSection(warm_up=5, open_after=1, missing_after=3))
    buffer.on_renumber(detector.keep)
    at = NOW
    with np.errstate(all="raise", under="ignore"):
        for turn in range(60):
            samples = pattern[turn % len(pattern)]
            at += timedelta(seconds=15 if turn % 7 else jumps[turn % len(jumps)])
            answer = Answer(0, [{"host": name} for name in samples], list(samples.values()))
            answers = {"x": answer, "y": answer} if turn % 5 else {"x": answer}
            for one in detector.observe(buffer.add(Poll(at, answers))):
                assert one.kind in KINDS
                assert 0 <= one.confidence <= 1
                assert np.isfinite([one.expected_low, one.expected_high, one.score]).all()
                assert one.expected_low <= one.expected_high
                assert one.since <= one.opened_at or one.since <= at


@settings(max_examples=10)
@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=3, max_size=30),
    st.integers(1, 3),
    st.integers(110, 390),
    st.sampled_from(["m", "x_total"]),
)
def test_cutting_a_file_changes_nothing_before_the_cut(pattern, series, cut, name):
    chance = np.random.default_rng(series)
    cells = np.resize(np.array(pattern), (series, 400)) + chance.normal(0, 1, (series, 400))
    whole, part = _judged(cells, name), _judged(cells[:, :cut], name)
    np.testing.assert_allclose(whole.score[:cut], part.score, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(whole.anomalous[:cut], part.anomalous)
    np.testing.assert_allclose(whole.confidence[:cut], part.confidence, rtol=1e-6, atol=1e-9)
    assert whole.kind[:cut] == part.kind


def _judged(cells, name):
    made = frame(cells)
    for row, one in enumerate(made.series):
        object.__setattr__(one, "signal", f'{name}{{n="{row}"}}')
    (verdicts,) = Replay(made).run()
    return verdicts
