"""A run's mark in, its processes on the agent's own machine ended out."""

from __future__ import annotations

import runpy

from agent.remediate.environment import ANSIBLE_FOLDER

_MODULE = ANSIBLE_FOLDER / "ansible_collections" / "opsmend" / "agent" / "plugins" / "modules" / "reap.py"


def reap_here(mark: str) -> None:
    """End whatever carries a mark on the agent's own machine."""
    runpy.run_path(str(_MODULE))["end_marked"](mark)
