"""Real hosts for acceptance tests: built once, started for the session, removed also after a failure."""

import os
import shutil
from collections.abc import Iterator

import pytest

from agent.demo.cluster import agent_environment, start_agent, start_cluster, stop_agent, write_agent_config
from agent.demo.hosts import Cluster
from agent.demo.image import node_image
from agent.store import Stores, open_stores


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[tuple[Cluster, str]]:
    """The demo's cluster under a name of its own, and the URL of its Prometheus."""
    made = Cluster(f"opsmend-test-{os.getpid()}", tmp_path_factory.mktemp("cluster"), node_image(print))
    with made:
        yield made, start_cluster(made)


@pytest.fixture(scope="session")
def stores(cluster, root) -> Iterator[Stores]:
    """The store of an agent that watches the cluster with the stock rules and playbooks."""
    from agent.config import load_settings

    made, url = cluster
    own = made.folder / "definitions"  # whoever edits the checkout meanwhile changes no plan of this agent
    for name in ("rules", "playbooks", "inventories"):
        shutil.copytree(root / name, own / name)
    config = write_agent_config(made, url, own)
    agent = start_agent(made, config)
    opened = open_stores(load_settings(config, agent_environment(made)).database)
    yield opened
    opened.close()
    stop_agent(agent)
