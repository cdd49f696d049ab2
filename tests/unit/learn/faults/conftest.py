"""An empty shelf."""

import pytest

from agent.learn.faults.shelf import FaultShelf


@pytest.fixture
def shelf(tmp_path):
    return FaultShelf(tmp_path / "models" / "diagnosis")
