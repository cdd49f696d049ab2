"""Polls become frames: rows stay with their series, gaps stay gaps, memory stays bounded."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.collect import Answer, FrameBuffer, Poll
from tests.make import frame, signal

NAN = float("nan")


def poll(second: float, **samples: dict[str, float]) -> Poll:
    answers = {
        id_: Answer(second, [{"instance": name} for name in values], list(values.values()))
        for id_, values in samples.items()
    }
    return Poll(datetime.fromtimestamp(1_000_000 + second, UTC), answers)


def buffer(width: int = 4, most: int = 100, *ids: str) -> FrameBuffer:
    return FrameBuffer({id_: signal(id_) for id_ in ids or ("up",)}, width, most)


def test_a_series_keeps_its_row_whatever_the_order_of_the_answer():
    frames = buffer()
    frames.add(poll(0, up={"a": 1.0, "b": 2.0}))
    last = frames.add(poll(1, up={"b": 4.0, "c": 5.0, "a": 3.0}))
    named = {series.labels["instance"]: last.values[row] for row, series in enumerate(last.series)}
    assert named["a"].tolist() == [1.0, 3.0]
    assert named["b"].tolist() == [2.0, 4.0]
    assert np.isnan(named["c"][0])


def test_a_signal_that_never_had_a_series_has_no_rows():
    frames = buffer(4, 100, "up", "down", "silent")
    frame = frames.add(poll(0, up={"a": 1.0}, down={}))
    assert [len(frame.rows[id_]) for id_ in ("up", "down", "silent")] == [1, 0, 0]


def test_a_series_that_disappears_is_a_gap_and_not_zero():
    frames = buffer()
    frames.add(poll(0, up={"a": 1.0}))
    last = frames.add(poll(1, up={}))
    assert np.isnan(last.latest[0])
    assert "up" in last.answered


def test_a_signal_without_answer_is_not_answered():
    frames = buffer(4, 100, "up", "other")
    last = frames.add(Poll(datetime.fromtimestamp(1, UTC), {}, {"up": "refused"}))
    assert last.answered == frozenset()
    assert last.failed == {"up": "refused"}


def test_only_the_asked_history_is_shown():
    frames = buffer(width=3)
    for second in range(20):
        last = frames.add(poll(second, up={"a": float(second)}))
        assert last.values.shape[1] == min(second + 1, 3)
    assert last.values[0].tolist() == [17, 18, 19]
    assert np.diff(last.times).tolist() == [1, 1]


def test_a_clock_that_jumps_back_does_not_turn_time_around():
    frames = buffer()
    frames.add(poll(100, up={"a": 1.0}))
    assert (np.diff(frames.add(poll(5, up={"a": 2.0})).times) > 0).all()


def test_after_a_clock_was_set_back_time_runs_on_at_its_usual_pace():
    frames = buffer(width=10)
    for second in (0, 15, 30, 45, 86_400, 86_415, 60, 75, 90):
        last = frames.add(poll(second, up={"a": 1.0}))
    assert np.diff(last.times)[-3:].tolist() == [15, 15, 15]
    assert (np.diff(last.times) > 0).all()


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=30))
def test_whatever_the_clock_says_time_in_a_frame_runs_forward(seconds):
    frames = buffer(width=8)
    for second in seconds:
        last = frames.add(poll(second, up={"a": 1.0}))
    assert (np.diff(last.times) > 0).all()
    assert last.times[-1] == pytest.approx(1_000_000 + seconds[-1])


def test_a_flood_of_new_series_is_bounded_and_the_oldest_idle_ones_make_room():
    frames = buffer(width=4, most=1000)
    frames.add(poll(0, up={f"old{n}": 1.0 for n in range(1000)}))
    for second in range(1, 30):
        last = frames.add(poll(second, up={f"new{n}": 1.0 for n in range(20_000)}))
        assert len(last.series) <= 1000
    assert frames.refused == 19_000
    assert not any(series.labels["instance"].startswith("old") for series in last.series)


def test_the_host_is_told_from_the_instance():
    frames = buffer()
    last = frames.add(poll(0, up={"web1:9100": 1.0, "http://web2/health": 1.0}))
    assert [series.entity for series in last.series] == ["web1", "web2"]


def test_too_many_series_are_refused_until_idle_ones_are_forgotten():
    frames = buffer(width=4, most=10)
    kept = []
    frames.on_renumber(lambda rows: kept.append(rows.tolist()))
    frames.add(poll(0, up={f"old{n}": 1.0 for n in range(10)}))
    new = {f"new{n}": 2.0 for n in range(5)} | {f"old{n}": 1.0 for n in range(5)}
    assert len(frames.add(poll(1, up=new)).series) == 10
    assert frames.refused == 5
    for second in range(2, 8):
        last = frames.add(poll(second, up=new))
    assert frames.refused == 0
    assert frames.forgotten == 5
    assert {series.labels["instance"] for series in last.series} == set(new)
    assert (last.latest == [new[series.labels["instance"]] for series in last.series]).all()
    assert kept[0] == [0, 1, 2, 3, 4, 5, 6, 7, 8] or len(kept[0]) == 9


def test_series_in_use_are_never_forgotten_for_new_ones():
    frames = buffer(width=4, most=10)
    old = {f"old{n}": 1.0 for n in range(10)}
    for second in range(4):
        last = frames.add(poll(second, up=old | {"new": 2.0}))
    assert {series.labels["instance"] for series in last.series} == set(old)
    assert frames.refused == 1


def test_find_gives_the_row_of_one_series():
    made = frame({("up", "host=a"): [1, 2], ("up", "host=b"): [3, 4]})
    assert made.latest[made.find("up", {"host": "b"})] == 4
    assert made.find("up", {"host": "c"}) is None


samples = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(allow_nan=True), max_size=8)


@settings(max_examples=60)
@given(st.lists(samples, min_size=1, max_size=25), st.integers(2, 6), st.integers(1, 8))
def test_every_sample_that_is_shown_is_the_one_that_was_answered(polls, width, most):
    frames = buffer(width=width, most=most)
    history = []
    for second, values in enumerate(polls):
        last = frames.add(poll(second, up=values))
        history.append(values)
        assert len(last.series) <= most
        for row, series in enumerate(last.series):
            shown = last.values[row][-len(history) :]
            for back in range(1, min(len(shown), len(history)) + 1):
                value = shown[-back]
                answered = history[-back].get(series.labels["instance"], NAN)
                assert value == pytest.approx(answered, nan_ok=True) or np.isnan(value)


@pytest.mark.parametrize("value", [2.0**64, -0.5, float("inf"), float("nan"), 1.01])
def test_an_impossible_value_is_no_sample_and_is_named(value):
    buffer = FrameBuffer({"free": signal("free", unit="ratio")}, 4, 100)
    labels = [{"instance": "web1:9100"}, {"instance": "web2:9100"}]
    buffer.add(Poll(datetime.fromtimestamp(1, UTC), {"free": Answer(0, labels, [0.01, 0.5])}))
    frame = buffer.add(Poll(datetime.fromtimestamp(16, UTC), {"free": Answer(0, labels, [value, 0.5])}))
    assert np.isnan(frame.latest[0])
    assert frame.latest[1] == 0.5
    (doubt,) = frame.doubts["free"]
    assert doubt.labels["host"] == "web1"
    assert frame.untold("free").tolist() == [0]


def test_what_misses_a_bound_by_rounding_is_the_bound():
    buffer = FrameBuffer({"free": signal("free", unit="ratio")}, 4, 100)
    answer = Answer(0, [{"instance": "web1:9100"}], [1.0 + 1e-9])
    frame = buffer.add(Poll(datetime.fromtimestamp(1, UTC), {"free": answer}))
    assert frame.latest[0] == 1.0
    assert not frame.doubts


def test_a_sample_that_is_polled_again_is_no_new_one():
    buffer = FrameBuffer({"up": signal("up")}, 8, 100)
    labels = [{"instance": "web1:9100", "job": "node"}]
    sampled = []
    for second, scraped in ((0, 0), (15, 0), (30, 0), (60, 60), (75, 60)):
        at = datetime.fromtimestamp(1_000 + second, UTC)
        times = {("node", "web1:9100"): 1_000.0 + scraped}
        frame = buffer.add(Poll(at, {"up": Answer(at.timestamp(), labels, [1.0])}, {}, times))
        sampled.append(bool(frame.sampled[0, -1]))
    assert sampled == [True, False, False, True, False]


@pytest.mark.parametrize(
    ("values", "sampled"),
    [
        ([1.0] * 6, [True, False, False, False, True, False]),
        ([1.0, 1.0, 2.0, 2.0, 2.0, 3.0], [True, False, True, False, False, True]),
        ([1.0, None, 1.0, 1.0, 1.0, 1.0], [True, False, True, False, False, False]),
    ],
)
def test_a_sum_or_a_pushed_sample_counts_when_it_differs_or_when_the_next_is_due(values, sampled):
    """Nothing says when it was taken, and a poll every 15 s may see the same of a minute ago."""
    buffer = FrameBuffer({"busy": signal("busy")}, 8, 100)
    found = []
    for number, value in enumerate(values):
        at = datetime.fromtimestamp(1_000 + 15 * number, UTC)
        labels = [] if value is None else [{"cluster": "a"}]
        answer = Answer(at.timestamp(), labels, [] if value is None else [value], every_s=60.0)
        found.append(bool(buffer.add(Poll(at, {"busy": answer}, {}, {})).sampled[0, -1]))
    assert found == sampled


def test_a_series_that_finds_no_room_makes_its_signal_partial():
    buffer = FrameBuffer({"up": signal("up")}, 4, 1)
    labels = [{"instance": "web1:9100"}, {"instance": "web2:9100"}]
    frame = buffer.add(Poll(datetime.fromtimestamp(1, UTC), {"up": Answer(0, labels, [1.0, 1.0])}))
    assert "max_series" in frame.partial["up"]
    assert not frame.is_whole("up")


def combine(take, *series):
    buffer = FrameBuffer({"s": signal("s", combine={"by": ["host", "device"], "take": take})}, 4, 100)
    labels = [dict(pair.split("=") for pair in text.split()) for text, _ in series]
    answer = Answer(0, labels, [value for _, value in series])
    frame = buffer.add(Poll(datetime.fromtimestamp(1, UTC), {"s": answer}))
    return {
        tuple(one.labels.get(name) for name in ("host", "device", "mount")): frame.latest[row]
        for row, one in enumerate(frame.series)
    }


@pytest.mark.parametrize(("take", "value"), [("max", 3), ("min", 1), ("sum", 6)])
def test_series_that_share_labels_can_be_one(take, value):
    found = combine(
        take,
        ("instance=web1:9100 device=a mount=/", 1),
        ("instance=WEB1:9256 device=a mount=/x", 3),
        ("instance=web1. device=a mount=/y", 2),
        ("instance=web2:9100 device=a mount=/", 9),
    )
    assert found == {("web1", "a", None): value, ("web2", "a", None): 9}


def test_of_a_device_that_is_mounted_often_the_first_mount_stands_for_all():
    found = combine(
        "first",
        ("instance=web1:9100 device=a mount=/var/lib/x", 1),
        ("instance=web1:9100 device=a mount=/", 2),
        ("instance=web1:9100 device=b mount=/srv", 3),
    )
    assert found == {("web1", "a", "/"): 2, ("web1", "b", "/srv"): 3}
