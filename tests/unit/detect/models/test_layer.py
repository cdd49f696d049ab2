"""The agent's side of entity models: what is sent, and what becomes of the answers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from agent.config.settings import DetectSection
from agent.detect.models.layer import EntityLayer
from agent.detect.models.marks import mark_of
from tests.make import frame, signal

PLAN = {
    "generation": "20260105T120000Z",
    "step_s": 30.0,
    "rows": 4,
    "entities": ["web1"],
    "series": [mark_of("cpu", {"host": "web1"}), mark_of("net", {"host": "web1"})],
    "note": "",
}
SIGNALS = {"cpu": signal("cpu", query="cpu_query"), "net": signal("net")}


@dataclass
class Answers:
    """Answers as a scoring process would; ``score`` is what it says next, None for no answer in time."""

    score: float | None = 0.5
    strongest: int = 0
    asked: list[tuple[Any, bytes]] = field(default_factory=list)

    def ask(self, header, payload):
        self.asked.append((header, payload))
        if self.score is None:
            return None
        if header["generation"] != PLAN["generation"]:
            return {"generation": PLAN["generation"], "plan": PLAN, "refused": []}
        suspects = [
            {"column": column, "strength": 5.0, "observed": 9.0, "low": 1.0, "high": 2.0}
            for column in (self.strongest, 1 - self.strongest)
        ]
        return {"findings": [{"score": self.score, "threshold": 2.0, "suspects": suspects}], "broken": []}


def shown(length=10):
    return frame(
        {
            ("net", "host=web1"): [100.0 + k for k in range(length)],
            ("cpu", "host=web2"): [50.0] * length,
            ("cpu", "host=web1"): [float(k) for k in range(length)],
        }
    )


@pytest.fixture
def judge():
    return Answers()


@pytest.fixture
def layer(judge):
    made = EntityLayer(SIGNALS, DetectSection(open_after=3, close_after=2), judge)
    made.observe(shown())  # takes up the plan
    return made


def test_the_rows_that_are_sent_are_a_step_apart_and_in_the_models_order(layer, judge):
    layer.observe(shown())
    header, payload = judge.asked[-1]
    numbers = np.frombuffer(payload)
    assert header["rows"] == 4
    assert np.diff(numbers[:4]).tolist() == [30.0] * 3
    assert numbers[4:].reshape(4, 2).tolist() == [[3, 103], [5, 105], [7, 107], [9, 109]]


def test_what_was_before_the_frame_began_is_missing(layer, judge):
    layer.observe(shown(3))
    values = np.frombuffer(judge.asked[-1][1])[4:].reshape(4, 2)
    assert np.isnan(values[:2]).all()
    assert values[2:].tolist() == [[0, 100], [2, 102]]


def test_a_series_that_is_gone_is_missing(layer, judge):
    layer.observe(frame({("cpu", "host=web1"): [1.0] * 5, ("cpu", "host=web9"): [2.0] * 5}))
    values = np.frombuffer(judge.asked[-1][1])[4:].reshape(4, 2)
    assert np.isnan(values[:, 1]).all()
    assert values[-1, 0] == 1.0


def test_an_anomaly_opens_after_some_strange_polls_and_says_why(layer, judge):
    judge.score = 3.0
    assert [len(layer.observe(shown())) for _ in range(3)] == [0, 0, 1]
    (anomaly,) = layer.observe(shown())
    assert (anomaly.entity, anomaly.signal, anomaly.kind, anomaly.layer) == (
        "web1",
        "cpu",
        "correlated_shift",
        "entity",
    )
    assert (anomaly.observed, anomaly.expected_low, anomaly.expected_high) == (9.0, 1.0, 2.0)
    assert anomaly.contributors == ("net",)
    assert anomaly.query == "cpu_query"
    assert 0.5 < anomaly.confidence < 1


def test_between_the_thresholds_an_open_anomaly_stays_open(layer, judge):
    judge.score = 3.0
    for _ in range(3):
        layer.observe(shown())
    judge.score = 1.8  # below the threshold, above where it counts as normal
    assert all(len(layer.observe(shown())) == 1 for _ in range(10))
    judge.score = 0.1
    assert [len(layer.observe(shown())) for _ in range(2)] == [1, 0]


def test_a_score_on_the_edge_opens_nothing(layer, judge):
    judge.score = 2.0
    assert not any(layer.observe(shown()) for _ in range(10))


def test_no_answer_changes_nothing_until_it_is_missing_for_long(layer, judge):
    judge.score = 3.0
    for _ in range(3):
        layer.observe(shown())
    judge.score = None
    opened = [len(layer.observe(shown())) for _ in range(60)]
    assert opened[0] == 1
    assert opened[-1] == 0
    assert layer.status["answers"] is False


def test_an_open_anomaly_keeps_its_series_while_another_is_hardly_stronger(layer, judge):
    judge.score = 3.0
    for _ in range(3):
        layer.observe(shown())
    judge.strongest = 1
    (anomaly,) = layer.observe(shown())
    assert anomaly.signal == "net" or anomaly.contributors == ("net",)


def test_other_models_forget_entities_they_do_not_know(layer, judge, monkeypatch):
    judge.score = 3.0
    for _ in range(3):
        layer.observe(shown())
    other = {**PLAN, "generation": "20260106T120000Z", "entities": ["web7"], "series": []}
    monkeypatch.setattr(
        judge, "ask", lambda header, payload: {"generation": "x", "plan": other, "refused": []}
    )
    assert layer.observe(shown()) == ()
    assert layer.status["models"] == 1


def test_a_refused_model_is_said_once(layer, judge, monkeypatch, capsys):
    reply = {"generation": "x", "plan": PLAN, "refused": ["00000.skops is refused"]}
    monkeypatch.setattr(judge, "ask", lambda header, payload: reply)
    for _ in range(5):
        layer.observe(shown())
    assert layer.status["refused"] == ["00000.skops is refused"]
