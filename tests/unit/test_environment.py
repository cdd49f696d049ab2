"""What processes of ours are started with, and what they are not."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import agent
from agent.environment import clean_environment, own_python

SOURCES = sorted(Path(agent.__file__).parent.rglob("*.py"))
HIJACKS = ["PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV"]
HIJACKS += ["BASH_FUNC_ls%%", "PERL5LIB", "NODE_OPTIONS", "GIT_SSH_COMMAND", "SSH_ASKPASS", "NOTIFY_SOCKET"]


@pytest.mark.parametrize("name", HIJACKS)
def test_what_would_make_another_program_of_one_is_left_behind(name):
    assert clean_environment({name: "x", "HOME": "/root"}) == {"HOME": "/root"}


def test_what_is_no_text_is_left_behind():
    latin = os.fsdecode("Zürich".encode("latin-1"))
    assert clean_environment({"CITY": latin, latin: "x", "TOWN": "Zürich"}) == {"TOWN": "Zürich"}


def test_settings_go_only_to_who_reads_them():
    given = {"OPSMEND_COLLECT__PROMETHEUS__URL": "u", "CREDENTIALS_DIRECTORY": "/c", "WATCHDOG_USEC": "1"}
    assert clean_environment(given) == {}
    assert clean_environment(given, with_settings=True).keys() == given.keys() - {"WATCHDOG_USEC"}


def test_a_module_of_ours_takes_no_code_from_the_folder_it_is_started_in(tmp_path):
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "__init__.py").write_text("raise SystemExit('theirs')")
    command = own_python("agent.cli.main", "--help")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "theirs" not in done.stderr
    assert done.returncode == 0


def path_of(_):
    return sys.path


STARTS_A_POOL = """
import json, sys
sys.path.append({root!r})
from multiprocessing import get_context
from tests.unit.test_environment import path_of
if __name__ == "__main__":
    with get_context("spawn").Pool(1) as pool:
        print(json.dumps(pool.map(path_of, [0])[0]))
"""


def test_nor_do_the_processes_that_it_starts_to_train(tmp_path):
    root = str(Path(__file__).parents[2])
    (tmp_path / "run.py").write_text(STARTS_A_POOL.format(root=root))
    command = [sys.executable, "-P", tmp_path / "run.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert not {"", str(tmp_path)} & set(json.loads(done.stdout)), done.stderr


def test_python_is_started_in_one_way_everywhere():
    """A start that forgets -P or hands on the environment would run a stranger's code."""
    forgetting = []
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.List) and ast.unparse(node).startswith("[sys.executable, '-m'"):
                forgetting.append(f"{file.name}:{node.lineno}")
    assert forgetting == []
