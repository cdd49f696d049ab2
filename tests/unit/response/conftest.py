import shutil

import pytest

from agent.store import Database
from tests.world import alive


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A store brought to the newest schema once; worlds get copies of it."""
    file = tmp_path_factory.mktemp("store") / "opsmend.db"
    made = Database(file)
    made.open()
    made.close()
    return file


@pytest.fixture
def make_world(tmp_path, empty_store):
    """Make a world; the agent of each is ended at the end."""
    opened = []

    def make(**options):
        store = tmp_path / f"{len(opened)}.db"
        shutil.copy(empty_store, store)
        context = alive(tmp_path / f"catalog{len(opened)}", store, **options)
        opened.append(context)
        return context.__enter__()

    yield make
    for context in reversed(opened):
        context.__exit__(None, None, None)


@pytest.fixture
def world(make_world):
    return make_world()
