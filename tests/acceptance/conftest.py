"""Real hosts for acceptance tests: built once, started for the session, removed also after a failure."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

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
    with watching(*cluster, root) as (opened, _):
        yield opened


@contextmanager
def watching(
    made: Cluster, url: str, root: Path, poll: str = "1s", scale: float = 0.05, **sections: Any
) -> Iterator[tuple[Stores, Path]]:
    """Run an agent with the stock rules and playbooks; give its store and its settings.

    ``sections`` are more of its settings.
    """
    from agent.config import load_settings

    own = made.folder / "definitions"  # whoever edits the checkout meanwhile changes no plan of this agent
    for name in ("rules", "playbooks", "inventories"):
        shutil.copytree(root / name, own / name)
    config = write_agent_config(made, url, own, poll, scale)
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), **sections}))
    agent = start_agent(made, config)
    try:
        opened = open_stores(load_settings(config, agent_environment(made)).database)
        yield opened, config
        opened.close()
    finally:
        stop_agent(agent)
