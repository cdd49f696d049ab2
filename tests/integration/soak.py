"""Logs and events at full speed while everything fails in turn: is each counted once, and memory bounded?

``make test-soak`` runs ten minutes; the test beside it one. 2,000 log lines and 500 events a second go
into a real search engine and a real Kafka broker; meanwhile the agent is killed, broker and engine are
killed and started again, and the line to both is cut. At the end the store is compared with what the two
servers have acknowledged.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import requests
import yaml
from confluent_kafka import Producer

from tests.servers.cut import Line
from tests.servers.kafka import Kafka
from tests.servers.process import free_port, wait_until
from tests.servers.search import OpenSearch

LINES_A_SECOND, EVENTS_A_SECOND = 2000, 500
RECOVER_S = 15.0
GROWTH = 1.05  # memory in the last quarter of an agent's life by that in the second: the rest is chance
WORDS = ("connected", "refused", "expired", "cached", "dropped", "queued")


@dataclass
class Outcome:
    """What was sent and acknowledged, what the store has, and how long the agent took to recover."""

    lines: int = 0
    counted_lines: int = 0
    events: int = 0
    stored_events: int = 0
    different_events: int = 0
    recovered_s: dict[str, float] = field(default_factory=dict)
    memory_mib: list[tuple[int, float]] = field(default_factory=list)
    behind_s: float = 0.0

    def exact(self) -> bool:
        """Return whether each line and each event is in the store once."""
        lines, events = self.lines == self.counted_lines, self.events == self.different_events
        return lines and events and self.stored_events == self.different_events

    def last_life_mib(self) -> dict[str, float]:
        """Return the most memory of the last agent, for each quarter of its life."""
        last = self.memory_mib[-1][0]
        life = [mib for pid, mib in self.memory_mib if pid == last]
        quarters = [max(part.tolist(), default=0.0) for part in np.array_split(life, 4)]
        return dict(zip(("first", "second", "third", "last"), quarters, strict=True))

    def bounded(self) -> bool:
        """Return whether the last agent needed no more in the last quarter of its life than before."""
        most = self.last_life_mib()
        return most["last"] <= GROWTH * most["second"]


class Soak:
    """The servers, the agent, and what is thrown at them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("kafka", "search", "agent"):
            (folder / name).mkdir()
        self.kafka_line, self.search_line = Line(), Line()
        self.kafka = Kafka(folder / "kafka", seen_at=self.kafka_line.port)
        self.search = OpenSearch(folder / "search")
        self.kafka_line.target, self.search_line.target = self.kafka.port, self.search.port
        self.port = free_port()
        self.agent: subprocess.Popen[bytes] | None = None
        self.outcome = Outcome()
        self.stop = threading.Event()
        self._write_files()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the servers and the agent until the block ends."""
        with self.kafka.running(), self.search.running():
            self.kafka.create("system-events", partitions=2)
            self._make_index()
            self.start_agent()
            try:
                yield
            finally:
                self.kill_agent()
                self.kafka_line.close()
                self.search_line.close()

    def start_agent(self) -> None:
        """Start the agent."""
        log = (self.folder / "agent.log").open("ab")
        config = self.folder / "agent/opsmend.yml"
        command = [sys.executable, "-m", "agent.cli.main", "run", "-c", str(config)]
        self.agent = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()

    def kill_agent(self) -> None:
        """End the agent as a power cut would."""
        if self.agent is not None:
            self.agent.send_signal(signal.SIGKILL)
            self.agent.wait()

    def send_lines(self) -> None:
        """Index lines at a steady rate until told to stop; each is known by its id, so none is in twice."""
        number, began = 0, time.monotonic()
        while not self.stop.is_set():
            due = int((time.monotonic() - began) * LINES_A_SECOND)
            batch = [self._line(number + n) for n in range(min(due - number, 4000))]
            if batch:
                self._index(batch)
                number += len(batch)
            time.sleep(0.1)
        self.outcome.lines = number

    def send_events(self) -> None:
        """Produce events at a steady rate until told to stop, and wait until the broker has them all."""
        settings = {"bootstrap.servers": self.kafka.bootstrap, "log_level": 2, "delivery.timeout.ms": 300_000}
        producer = Producer({**settings, "enable.idempotence": True, "linger.ms": 20})
        delivered = 0

        def note(error: object, message: object) -> None:
            nonlocal delivered
            delivered += error is None

        number, began = 0, time.monotonic()
        while not self.stop.is_set():
            due = int((time.monotonic() - began) * EVENTS_A_SECOND)
            for n in range(number, due):
                body = orjson.dumps({"kind": "tick", "n": n, "service": "cart", "host": f"web{n % 5}"})
                producer.produce("system-events", body, on_delivery=note)
            number = max(number, due)
            producer.poll(0.1)
        assert producer.flush(120) == 0
        assert delivered == number, f"{number - delivered} events were not delivered"
        self.outcome.events = number

    def watch_memory(self) -> None:
        """Note the agent's memory every second."""
        while not self.stop.wait(1):
            with contextlib.suppress(OSError, StopIteration):
                pid = self.agent.pid if self.agent else 0
                status = Path(f"/proc/{pid}/status").read_text()
                line = next(one for one in status.splitlines() if one.startswith("VmRSS"))
                self.outcome.memory_mib.append((pid, int(line.split()[1]) / 1024))

    def time_recovery(self, what: str, *sources: str) -> None:
        """Wait until sources are read again and note how long it took."""
        began = time.monotonic()
        wanted = sources or ("kafka", "search")
        before = self._records(wanted)
        wait_until(
            lambda: all(new > old for new, old in zip(self._records(wanted), before, strict=True)),
            60,
            lambda: (
                f"{what}: {dict(zip(wanted, self._records(wanted), strict=True))} after {before}; "
                + (self.folder / "agent.log").read_text()[-1500:]
            ),
        )
        self.outcome.recovered_s[what] = time.monotonic() - began

    def compare(self, timeout_s: float) -> Outcome:
        """Wait until the store has everything, or gets nothing more for so long; return what was found."""
        began = newer = time.monotonic()
        self.search.ask("POST", "/logs-soak/_refresh")
        assert self.search.ask("GET", "/logs-soak/_count")["count"] == self.outcome.lines
        outcome = self.outcome
        while time.monotonic() - newer < timeout_s:
            before = outcome.counted_lines, outcome.stored_events
            self._look()
            found = outcome.counted_lines, outcome.stored_events
            if found == (outcome.lines, outcome.events):
                break
            newer = time.monotonic() if found != before else newer
            time.sleep(0.5)
        outcome.behind_s = time.monotonic() - began
        time.sleep(5)  # nothing more may come
        self._look()
        return outcome

    def _look(self) -> None:
        with contextlib.closing(sqlite3.connect(self.folder / "agent/state/opsmend.db")) as store:
            ask = lambda query: store.execute(query).fetchone()[0] or 0  # noqa: E731
            self.outcome.counted_lines = ask("select sum(lines) from log_counts where kind = 'template'")
            self.outcome.stored_events = ask("select count(*) from events")
            different = "select count(distinct json_extract(labels, '$.n')) from events"
            self.outcome.different_events = ask(different)

    def _records(self, sources: tuple[str, ...]) -> list[float]:
        try:
            text = requests.get(f"http://127.0.0.1:{self.port}/metrics", timeout=2).text
        except requests.RequestException:
            return [-1.0 for _ in sources]
        found = dict.fromkeys(sources, 0.0)
        for line in text.splitlines():
            for source in sources:
                if line.startswith(f'opsmend_source_records_total{{source="{source}"}}'):
                    found[source] = float(line.split()[-1])
        return list(found.values())

    def _index(self, batch: list[tuple[str, bytes]]) -> None:
        lines = [part for id_, body in batch for part in (orjson.dumps({"create": {"_id": id_}}), body)]
        while True:
            with contextlib.suppress(requests.RequestException, ValueError):
                url = f"{self.search.url}/logs-soak/_bulk"
                headers = {"Content-Type": "application/x-ndjson"}
                answer = requests.post(url, data=b"\n".join([*lines, b""]), headers=headers, timeout=30)
                states = [item["create"]["status"] for item in answer.json()["items"]]
                if set(states) <= {201, 409}:  # 409: it was taken before its answer got lost
                    return
            time.sleep(0.2)

    def _line(self, number: int) -> tuple[str, bytes]:
        body = {
            "@timestamp": datetime.now(UTC).isoformat(),
            "message": f"client {number} {WORDS[number % 6]} after {number % 997} ms",
            "service": {"name": f"service{number % 20}"},
            "host": {"name": f"web{number % 5}"},
        }
        return str(number), orjson.dumps(body)

    def _make_index(self) -> None:
        types = {"@timestamp": {"type": "date"}, "message": {"type": "text"}}
        settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "1s"}
        self.search.ask("PUT", "/logs-soak", {"mappings": {"properties": types}, "settings": settings})

    def _write_files(self) -> None:
        rule = {
            "id": "expired",
            "fault": "trouble",
            "entity": "{host}",
            "confidence": 0.5,
            "when": {"log": "expired", "at_least": 10**6},
            "evidence": "e",
        }
        agent = self.folder / "agent"
        search = {"url": f"http://127.0.0.1:{self.search_line.port}", "every": "2s", "timeout": "10s"}
        contents = {
            "rules/signals/a.yml": {"signals": []},
            "rules/faults.yml": {"faults": [{"id": "trouble", "summary": "s"}]},
            "rules/diagnosis/a.yml": {"rules": [rule]},
            "hosts.yml": {"all": {"hosts": {"a": None}}},
            "opsmend.yml": {
                "agent": {"mode": "observe", "state_dir": "state", "runtime_dir": "run"},
                "paths": {"rules": "rules", "playbooks": "playbooks", "inventory": "hosts.yml"},
                "api": {"listen": f"127.0.0.1:{self.port}"},
                "collect": {
                    "poll": "1s",
                    "history": "5m",
                    "prometheus": {"url": f"http://127.0.0.1:{free_port()}"},
                    "search": search,
                    "kafka": {"brokers": f"127.0.0.1:{self.kafka_line.port}"},
                },
            },
        }
        (agent / "playbooks").mkdir()
        policy = (Path(__file__).parents[2] / "rules" / "policy.yml").read_text()
        (agent / "rules").mkdir()
        (agent / "rules/policy.yml").write_text(policy)
        for name, content in contents.items():
            (agent / name).parent.mkdir(parents=True, exist_ok=True)
            (agent / name).write_text(yaml.safe_dump(content))


def soak(folder: Path, seconds: float, cut_s: float) -> Outcome:
    """Run everything for so many seconds, with one disturbance after another.

    The agent is killed in the first third alone, so that its last life is long enough to judge its memory.
    """
    run = Soak(folder)
    with run.running():
        began = time.monotonic()
        work = (run.send_lines, run.send_events, run.watch_memory)
        threads = [threading.Thread(target=one, daemon=True) for one in work]
        for thread in threads:
            thread.start()
        run.time_recovery("start")
        while True:
            young = time.monotonic() - began < seconds / 3
            killed = [_kill_agent] if young else []
            for disturb in (*killed, _kill_broker, _kill_engine, lambda r: _cut(r, cut_s)):
                disturb(run)
                time.sleep(min(5.0, seconds / 40))
            if time.monotonic() - began > seconds * 0.8:
                break
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))
        run.stop.set()
        for thread in threads:
            thread.join(150)
        return run.compare(60)


def _kill_agent(run: Soak) -> None:
    run.kill_agent()
    run.start_agent()
    run.time_recovery("agent killed")


def _kill_broker(run: Soak) -> None:
    run.kafka.kill()
    time.sleep(2)
    run.kafka.start()
    run.time_recovery("broker killed", "kafka")


def _kill_engine(run: Soak) -> None:
    run.search.kill()
    time.sleep(2)
    run.search.start()
    run.time_recovery("engine killed", "search")


def _cut(run: Soak, seconds: float) -> None:
    with run.kafka_line.cut(), run.search_line.cut():
        time.sleep(seconds)
    run.time_recovery("line cut")


def main() -> None:
    """Run from the command line and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--cut", type=float, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="opsmend-soak-") as name:
        Path(name).chmod(0o755)
        outcome = soak(Path(name), arguments.seconds, arguments.cut)
        told = {
            **{key: value for key, value in vars(outcome).items() if key != "memory_mib"},
            "memory_mib": {"most": max(mib for _, mib in outcome.memory_mib), **outcome.last_life_mib()},
        }
        print(json.dumps(told, indent=2, default=str))
        (print((Path(name) / "agent.log").read_text()[-3000:]) if os.environ.get("LOG") else None)
        recovered = max(outcome.recovered_s.values()) < RECOVER_S
        sys.exit(0 if outcome.exact() and recovered and outcome.bounded() else 1)


if __name__ == "__main__":
    main()
