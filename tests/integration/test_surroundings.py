"""What an agent is started in: a hostile folder, a careless umask, another charset, files of others."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.records import RunState
from tests.integration.workshop import settled
from tests.servers.process import wait_until

OPSMEND = Path(sys.executable).parent / "opsmend"
HOSTILE = "import os; open({trace!r}, 'a').write(__name__ + chr(10))\n"


@pytest.fixture
def hostile(tmp_path):
    """A folder with code of a stranger under the names of ours, of Ansible's and of Python's modules."""
    folder = tmp_path / "hostile"
    trace = tmp_path / "trace"
    for name in ("agent", "ansible", "ansible_runner", "yaml", "json", "sitecustomize", "usercustomize"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(HOSTILE.format(trace=str(trace)))
    (folder / "ansible.cfg").write_text("[defaults]\nlibrary = .\n")
    return folder, trace


def start(workshop, folder: Path, umask: int) -> subprocess.Popen[bytes]:
    """Start the agent as its command does, with an environment that is no text."""
    config = workshop.folder / "opsmend.yml"
    with (workshop.folder / "agent.log").open("ab") as log:
        return subprocess.Popen(
            [OPSMEND, "run", "-c", config],
            stdout=log,
            stderr=log,
            cwd=folder,
            umask=umask,
            env={**os.environb, b"CITY": "Zürich".encode("latin-1")},
        )


def open_to_others(*folders: Path) -> dict[str, str]:
    """Return whatever below folders others may do something with."""
    found = {}
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            mode = path.lstat().st_mode
            if mode & 0o077 and not stat.S_ISLNK(mode):
                found[str(path.relative_to(folder.parent))] = f"{stat.S_IMODE(mode):o}"
    return found


def test_a_run_in_bad_surroundings_works_and_leaves_nothing_to_others(workshop, hostile):
    folder, trace = hostile
    state, run = workshop.folder / "state", workshop.folder / "run"
    workshop.save_config()
    state.chmod(0o777)
    (state / "of-an-earlier-version.json").write_text("{}")
    agent = start(workshop, folder, umask=0)
    try:
        wait_until(lambda: "agent started" in workshop.log(), 60, workshop.log)
        workshop.break_host("web1")
        stores = workshop.stores()
        wait_until(settled(stores), 60, workshop.log)
        (incident,) = stores.incidents.list()
        (done,) = stores.runs.of_incident(incident.id)
        stores.close()
        assert done.state is RunState.SUCCEEDED, done
        assert open_to_others(state, run) == {"run": "750", "run/agent.sock": "660"}
        assert not trace.exists()
    finally:
        agent.terminate()
        agent.wait(30)
    # an inventory that a process which was ended has read goes with the next start
    kept = {one.name for one in run.rglob("*") if one.is_file() and "inventory" not in one.parts}
    assert kept == {"status.json"}


@pytest.mark.parametrize("name", ["opsmend.yml", "hosts.yml", "lib"])
@pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")
def test_what_others_may_write_ends_the_start_with_its_name(workshop, tmp_path, name):
    workshop.save_config()
    library = workshop.folder / "lib"
    library.mkdir()
    config = workshop.folder / "ansible.cfg"
    config.write_text(config.read_text() + f"library = {library}\n")
    os.chown(workshop.folder / name, 65534, 65534)
    agent = start(workshop, tmp_path, umask=0o022)
    assert agent.wait(60) == 78, workshop.log()
    assert f"{workshop.folder / name}: belongs to user nobody" in workshop.log()
