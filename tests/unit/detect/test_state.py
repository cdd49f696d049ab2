"""What is known outlives the agent: a fault that is open stays open, and a replica knows what others know."""

from datetime import timedelta

import numpy as np
import pytest

from agent.collect import Answer, Poll
from agent.detect import Engine
from agent.detect.keeping import StateFolder
from agent.detect.statefile import FORMAT, Kept, read_state, write_state
from agent.errors import StateError
from tests.make import signal
from tests.unit.detect.series import Watched, noise


def restarted(watched, folder):
    """Return the same signal watched by an agent that was killed and has been started again."""
    again = Watched()
    again.at = watched.at
    assert StateFolder(folder, "a").read(again.engine)
    return again


def kept(watched, folder):
    state = StateFolder(folder, "a")
    state.write(state.take(watched.engine))


@pytest.mark.parametrize("minutes", [5, 50, 300])
def test_a_fault_is_still_open_after_a_start(tmp_path, minutes):
    watched = Watched()
    watched.show([*noise(300), *(noise(minutes) + 20)])
    kept(watched, tmp_path)
    (before,) = watched.show([31.0])[-1]
    (after,) = restarted(watched, tmp_path).show([31.0])[-1]
    assert after.opened_at == before.opened_at
    assert (after.kind, round(after.confidence, 6)) == (before.kind, round(before.confidence, 6))


def test_all_goes_on_as_if_nothing_had_been(tmp_path):
    watched = Watched()
    watched.show(noise(5 * 1440))
    kept(watched, tmp_path)
    again = restarted(watched, tmp_path)
    for value in noise(2000, seed=9):
        watched.show([value])
        again.show([value])
        assert watched.engine.judged.days == pytest.approx(again.engine.judged.days)


def test_a_series_that_is_not_back_yet_is_not_forgotten(tmp_path):
    watched = Watched()
    watched.show(noise(300))
    kept(watched, tmp_path)
    again = restarted(watched, tmp_path)
    again.show([float("nan")] * 3)
    kept(again, tmp_path)
    third = restarted(again, tmp_path)
    third.show([10.0])
    assert third.engine.judged.judged.all()


def test_a_signal_whose_query_is_another_is_learned_anew(tmp_path):
    watched = Watched()
    watched.show(noise(300))
    kept(watched, tmp_path)
    again = Watched(query="another")
    again.at = watched.at
    StateFolder(tmp_path, "a").read(again.engine)
    again.show([10.0])
    assert not again.engine.judged.judged.any()


def test_a_new_replica_knows_what_the_others_know():
    watched = Watched(entity="{pod}")
    old, new = {"pod": "cart-7d9f8c6b5-x2x4z"}, {"pod": "cart-5c4b7d8f9-b7k2m"}

    def show(labels, value):
        watched.at += watched.step
        answer = Answer(0, [labels], [value])
        return watched.engine.observe(watched.buffer.add(Poll(watched.at, {"x": answer})))

    for value in noise(300):
        show(old, value)
    show(new, 10.0)
    assert not show(new, 10.2)
    assert [one.entity for one in show(new, 40.0)] == ["cart-5c4b7d8f9-b7k2m"]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda content: content[:-100], "cut off"),
        (lambda content: content.replace(b"0", b"1"), "cut off|changed|format"),
        (lambda content: content.replace(f"state {FORMAT}".encode(), b"state 0", 1), "format 0"),
        (lambda content: content.replace(f"state {FORMAT}".encode(), b"state 99", 1), "format 99"),
        (lambda content: b"PK\x03\x04 something else\n" + content, "holds no state"),
        (lambda content: b"", "holds no state"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_refused_in_one_line(tmp_path, damage, why):
    file = tmp_path / "now.state"
    write_state(file, Kept({"a": 1}, {"x": np.arange(1000.0)}))
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(StateError, match=why) as caught:
        read_state(file)
    assert "\n" not in str(caught.value)


def test_the_state_of_another_agent_is_refused(tmp_path):
    watched = Watched()
    watched.show(noise(100))
    kept(watched, tmp_path)
    assert not StateFolder(tmp_path, "b").read(Watched().engine)


def test_state_that_does_not_fit_leaves_a_detector_that_works(tmp_path):
    folder = StateFolder(tmp_path, "a")
    write_state(tmp_path / "now.state", Kept({"agent": "a", "until": "2026-01-05T12:00:00+00:00"}, {}))
    watched = Watched()
    assert not folder.read(watched.engine)
    assert watched.show([*noise(300), *(noise(10) + 20)])[-1]


def test_days_that_are_over_are_written_once_and_old_ones_go(tmp_path):
    engine = Engine({"x": signal("x", bad="both")}, Watched().settings)
    watched = Watched()
    watched.engine = engine
    state = StateFolder(tmp_path, "a")
    watched.step = timedelta(hours=1)
    watched.show(noise(40))
    state.write(state.take(engine))
    assert len(state.take(engine).days) <= 2
    watched.show(noise(24 * 30))
    state.write(state.take(engine))
    assert len(list(tmp_path.glob("day-*.state"))) <= 15
