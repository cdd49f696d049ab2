"""What all tests share: no settings from outside, and a count per layer at the end."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# how fast examples come says how busy the machine is
settings.register_profile("opsmend", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("opsmend")

LAYERS = ("unit", "integration", "acceptance")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OPSMEND_", "ANSIBLE_")):
            monkeypatch.delenv(name)


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 12, tzinfo=UTC)) -> None:
        self.time = start

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def move(self, **span: float) -> datetime:
        self.time += timedelta(**span)
        return self.time


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout, with the stock rules and playbooks."""
    return Path(__file__).resolve().parents[1]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests ran in which layer."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", []):
        if report.when == "call":
            parts = report.nodeid.split("/")
            counts[parts[1] if len(parts) > 1 else "other"] += 1
    told = ", ".join(f"{counts[layer]} {layer}" for layer in LAYERS if counts[layer])
    terminalreporter.write_line(f"tests by layer: {told or 'none'}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run cheap layers first; side by side what takes longest first, so that nobody waits at the end."""
    order = {layer: place for place, layer in enumerate(LAYERS)}
    items.sort(
        key=lambda item: order.get(_layer(item.nodeid), len(LAYERS)),
        reverse=hasattr(config, "workerinput"),
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep together what shares servers: the tests of a file, and all those that need test hosts."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return "hosts" if _layer(nodeid) == "acceptance" else str(super()._split_scope(nodeid))

    config.option.loadscopereorder = False
    return Scheduling(config, log)


def _layer(nodeid: str) -> str:
    return Path(nodeid).parts[1]
