import pytest

from agent.store import Database


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "opsmend.db")
    made.open()
    yield made
    made.close()
