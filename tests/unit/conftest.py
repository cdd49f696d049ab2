import shutil

import pytest

from agent.store import Database, open_stores


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A database brought to the newest schema once; tests get copies of it."""
    file = tmp_path_factory.mktemp("store") / "opsmend.db"
    made = Database(file)
    made.open()
    made.close()
    return file


@pytest.fixture
def database(tmp_path, empty_database):
    shutil.copy(empty_database, tmp_path / "opsmend.db")
    made = Database(tmp_path / "opsmend.db")
    made.open()
    yield made
    made.close()


@pytest.fixture
def stores(tmp_path, empty_database):
    shutil.copy(empty_database, tmp_path / "opsmend.db")
    opened = open_stores(tmp_path / "opsmend.db")
    yield opened
    opened.close()
