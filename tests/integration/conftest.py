from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.wiring import Agent
from tests.integration.workshop import Workshop
from tests.servers.prometheus import Prometheus, running_prometheus


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A real Prometheus for the whole session."""
    with running_prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        yield server


@pytest.fixture
def workshop(tmp_path: Path, prometheus: Prometheus) -> Iterator[Workshop]:
    """An agent's files and world, with all hosts seen healthy."""
    made = Workshop(tmp_path, prometheus)
    prometheus.expose({})
    yield made
    made.kill_agents()
    prometheus.exporter.live = dict


@pytest.fixture
def close_agents() -> Iterator[list[Agent]]:
    """Agents put in here are stopped at the end."""
    agents: list[Agent] = []
    yield agents
    for agent in agents:
        agent.responder.stop()
        agent.previews.stop()
        agent.investigator.stop()
        agent.workers.stop(agent.settings.remediate.grace)
        agent.scorer.stop()
        agent.source.close()
        agent.stores.close()


@pytest.fixture
def make_agent(workshop: Workshop, close_agents: list[Agent]):
    """Put together an agent that is driven by hand."""

    def make() -> Agent:
        agent = workshop.build()
        close_agents.append(agent)
        return agent

    return make
