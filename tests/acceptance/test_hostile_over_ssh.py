"""The hostile corpus over ssh to a real host: data on the way there, data on the host."""

import base64
import json
import os
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config import load_settings
from agent.demo.cluster import agent_environment, write_agent_config
from agent.records import RunState
from agent.wiring import make_ansible
from tests.hostile import Trap, carry_out, write_playbook


@pytest.fixture
def trap(tmp_path):
    """A trap under the same name on both sides, so that both the agent and the host would spring it."""
    made = Trap(Path(f"/tmp/opsmend-trap-{os.getpid()}"))
    yield made
    for file in made.folder.iterdir():
        file.unlink()
    made.folder.rmdir()


def test_playbooks_get_them_as_data_on_a_real_host(cluster, root, tmp_path, trap, monkeypatch):
    made, url = cluster
    web1 = made.hosts["web1"]
    web1.run("mkdir", "-m", "777", str(trap.folder), "/tmp/hostile")
    settings = load_settings(write_agent_config(made, url, root), {})
    monkeypatch.setenv("OPSMEND_DEMO_DIR", agent_environment(made)["OPSMEND_DEMO_DIR"])
    given = trap.parameters()
    folder = tmp_path / "playbooks" / "hostile"
    folder.mkdir(parents=True)
    write_playbook(folder, given, Path("/tmp/hostile"), "python3")
    ansible = make_ansible(settings, SystemClock())
    ended = carry_out(folder, "web1", given, ansible.runner, ansible.snapshots)
    assert ended.state is RunState.SUCCEEDED, ended.output[-2000:]
    texts = (web1.run("base64", f"/tmp/hostile/{name}") for name in ("copied", "argv", "printed"))
    copied, passed, printed = (base64.b64decode(text).decode() for text in texts)
    assert json.loads(copied) == list(given.values())
    assert json.loads(passed) == printed.split("\0")[:-1] == [v for v in given.values() if "\0" not in v]
    assert trap.sprung() == []
    assert web1.run("ls", str(trap.folder)) == ""
    web1.run("rm", "-r", str(trap.folder), "/tmp/hostile")
