"""Entity models in a running agent: trained from a real Prometheus, asked, killed, taken up again."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.livestatus import read_live_status
from tests.integration.workshop import Workshop
from tests.servers.history import backfill
from tests.servers.process import wait_until
from tests.servers.prometheus import Prometheus, running_prometheus

KINDS = ("requests", "cpu", "bytes", "threads")
MINUTES = 25
HOURS = 2  # of the past: what is rare is known after the first half hours
PATIENCE_S = 240  # on a busy machine a process of low priority takes its time to start


class Swing:
    """Two hosts whose four series follow one swinging load; ``stuck`` hosts' requests do so no more."""

    def __init__(self) -> None:
        self.stuck: set[str] = set()

    def samples(self, at: float) -> dict[str, float]:
        return {
            f'test_{kind}{{host="{host}"}}': self._value(host, number, at)
            for host in ("web1", "web2")
            for number, kind in enumerate(KINDS)
        }

    def _value(self, host: str, number: int, at: float) -> float:
        shift = 20 if host == "web2" else 0
        load = 50 + 30 * math.sin((at + shift) / 25) + 10 * math.sin((at + shift) / 7)
        if host in self.stuck and number == 0:
            load = 100 - load  # as high and as low as ever, but never when the others are
        noise = math.sin(at * 12.9898 + number * 78.233 + shift) * 43758.5453 % 1 - 0.5
        return (number + 1) * (load + 2 * noise)


@pytest.fixture(scope="module")
def swing() -> Swing:
    return Swing()


@pytest.fixture(scope="module")
def remembering(tmp_path_factory: pytest.TempPathFactory, swing: Swing) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("remembering")
    now = math.floor(time.time())
    backfill(folder / "data", swing.samples, range(now - HOURS * 3600, now + 4, 2))
    with running_prometheus(folder, bare=True) as server:
        yield server


@pytest.fixture
def watched(tmp_path: Path, remembering: Prometheus, swing: Swing) -> Workshop:
    made = Workshop(tmp_path, remembering)
    swing.stuck.clear()
    remembering.exporter.live = lambda: {**made._samples(), **swing.samples(time.time())}
    remembering.expose({})
    made.write(
        "rules/signals/swing.yml",
        {
            "signals": [
                {"id": kind, "summary": "s", "query": f"test_{kind}", "role": "traffic", "entity": "{host}"}
                for kind in KINDS
            ]
        },
    )
    made.write(
        "rules/diagnosis/swing.yml",
        {
            "rules": [
                {
                    "id": "requests_strange",
                    "fault": "broken",
                    "entity": "{host}",
                    "confidence": 0.9,
                    "when": {"signal": "requests", "anomaly": "correlated_shift"},
                    "evidence": "the requests of {host} go their own way",
                }
            ]
        },
    )
    made.config["agent"].update({"mode": "observe", "log_level": "debug"})
    made.config["collect"].update({"poll": "2s", "history": "65m"})
    made.config["detect"] = {
        "models": {
            "members": ["isolation_forest", "nearest", "relations"],
            "step": "2s",
            "history": f"{MINUTES}m",
            "first_after": "1s",
            "jobs": 1,
        }
    }
    return made


def entity_models(workshop: Workshop) -> dict:
    return (read_live_status(workshop.folder / "run") or {}).get("entity_models") or {}


def polls(workshop: Workshop) -> int:
    return int((read_live_status(workshop.folder / "run") or {}).get("polls", 0))


def is_alive(pid: int | None) -> bool:
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid or -1, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_an_agent_trains_by_itself_and_finds_what_no_single_series_shows(watched, swing):
    agent = watched.start()
    try:
        wait_until(lambda: entity_models(watched).get("models") == 2, PATIENCE_S, watched.log)
        assert not entity_models(watched)["strange"]
        swing.stuck.add("web1")
        wait_until(lambda: entity_models(watched)["strange"], PATIENCE_S, watched.log)
        (strange,) = entity_models(watched)["strange"]
        assert strange["entity"] == "web1"
        assert "requests" in strange["text"]
        wait_until(lambda: watched.stores().incidents.list(), PATIENCE_S, watched.log)
        (incident,) = watched.stores().incidents.list()
        assert incident.entity == "web1"
        assert incident.best.symptoms[0].source == "requests"
        assert "would be normal" in incident.best.symptoms[0].text
        shown = opsmend(watched, "status")
        assert "Entity models: 2 in use" in shown
        assert "web1 as a whole is unlike itself" in shown
        assert "besides, web1 as a whole" in opsmend(watched, "incident", "show", str(incident.id), "--all")
    finally:
        agent.kill()
        agent.wait()


def test_the_scoring_process_is_started_again_and_ends_with_the_agent(watched):
    opsmend(watched, "train")
    agent = watched.start()
    try:
        wait_until(lambda: entity_models(watched).get("models") == 2, PATIENCE_S, watched.log)
        first = entity_models(watched)["pid"]
        before = polls(watched)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: entity_models(watched)["pid"] not in (None, first), PATIENCE_S, watched.log)
        wait_until(lambda: entity_models(watched)["answers"], PATIENCE_S, watched.log)
        wait_until(lambda: polls(watched) > before, PATIENCE_S, watched.log)
        second = entity_models(watched)["pid"]
    finally:
        agent.kill()
        agent.wait()
    wait_until(lambda: not is_alive(second), PATIENCE_S, "the scoring process outlives the agent")


def test_models_are_swapped_under_a_running_agent(watched):
    opsmend(watched, "train")
    agent = watched.start()
    try:
        wait_until(lambda: entity_models(watched).get("models") == 2, PATIENCE_S, watched.log)
        before, pid = entity_models(watched)["generation"], entity_models(watched)["pid"]
        opsmend(watched, "train")
        wait_until(lambda: entity_models(watched)["generation"] != before, PATIENCE_S, watched.log)
        assert (entity_models(watched)["models"], entity_models(watched)["pid"]) == (2, pid)
        assert opsmend(watched, "models", "list").count("yes") == 1
        assert "requests" in opsmend(watched, "models", "show", "web1")
    finally:
        agent.terminate()
        agent.wait(timeout=PATIENCE_S)


def test_a_model_that_was_tampered_with_is_refused_and_the_agent_goes_on(watched):
    opsmend(watched, "train")
    file = max((watched.folder / "state" / "models").glob("*/00000.skops"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    agent = watched.start()
    try:
        wait_until(lambda: entity_models(watched).get("models") == 1, PATIENCE_S, watched.log)
        wait_until(lambda: entity_models(watched)["refused"], PATIENCE_S, watched.log)
        (why,) = entity_models(watched)["refused"]
        assert "00000.skops is refused: it was changed since it was written" in why
        assert watched.log().count("model refused") == 1
    finally:
        agent.terminate()
        agent.wait(timeout=PATIENCE_S)


def opsmend(workshop: Workshop, *arguments: str) -> str:
    """Run the command beside the agent and return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli.main", *arguments, "-c", str(workshop.save_config())],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
