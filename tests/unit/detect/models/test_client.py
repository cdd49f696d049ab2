"""The agent's side of entity models: what is sent, and what becomes of the answers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from agent.detect.models.client import ModelClient
from agent.detect.serieshash import hash_of
from tests.make import frame

PLAN = {
    "generation": "20260105T120000Z",
    "beside": "",
    "step_s": 30.0,
    "rows": 4,
    "entities": ["web1"],
    "series": [hash_of("cpu", {"host": "web1"}), hash_of("net", {"host": "web1"})],
    "note": "",
}


@dataclass
class Answers:
    """Answers as a scoring process would; ``score`` is what it says next, None for no answer in time."""

    score: float | None = 0.5
    asked: list[tuple[Any, bytes]] = field(default_factory=list)

    def ask(self, header, payload):
        self.asked.append((header, payload))
        if self.score is None:
            return None
        if header["generation"] != PLAN["generation"]:
            return {"generation": PLAN["generation"], "plan": PLAN, "refused": []}
        suspects = [
            {"row": row, "strength": 5.0, "observed": 9.0, "low": 1.0, "high": 2.0} for row in range(2)
        ]
        return {"findings": [{"score": self.score, "suspects": suspects}], "broken": []}


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
def client(judge):
    made = ModelClient(judge)
    made.findings(shown())  # takes up the plan
    return made


def test_the_rows_that_are_sent_are_a_step_apart_and_in_the_models_order(client, judge):
    client.findings(shown())
    header, payload = judge.asked[-1]
    assert header["rows"] == 4
    assert np.frombuffer(payload).reshape(4, 2).tolist() == [[3, 103], [5, 105], [7, 107], [9, 109]]


def test_what_was_before_the_frame_began_is_missing(client, judge):
    client.findings(shown(3))
    values = np.frombuffer(judge.asked[-1][1]).reshape(4, 2)
    assert np.isnan(values[:2]).all()
    assert np.isfinite(values[2:]).all()


def test_a_series_that_is_gone_is_missing(client, judge):
    client.findings(frame({("cpu", "host=web1"): [1.0] * 10}))
    values = np.frombuffer(judge.asked[-1][1]).reshape(4, 2)
    assert np.isnan(values[:, 1]).all()


def test_a_finding_names_rows_of_the_frame(client, judge):
    judge.score = 3.0
    found = client.findings(shown())["web1"]
    assert found.score == 3.0
    assert [one.row for one in found.suspects] == [2, 0]


def test_without_an_answer_there_are_no_findings(client, judge):
    judge.score = None
    assert client.findings(shown()) is None
    assert not client.status["answers"]


def test_what_cannot_judge_is_in_the_status(client, judge, monkeypatch):
    broken = {"findings": [None], "broken": ["the model of web1 cannot judge"]}
    monkeypatch.setattr(judge, "ask", lambda header, payload: broken)
    client.findings(shown())
    assert client.status["refused"] == ["the model of web1 cannot judge"]
