"""Whatever a person can do wrong on the command line is a line and a documented exit code, no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPSMEND = Path(sys.executable).parent / "opsmend"
DOCUMENTED = {1, 2, 3, 4, 5, 6, 7, 78}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("mistakes")
    agent = f"agent: {{state_dir: {made}/state, runtime_dir: {made}/run}}\n"
    (made / "good.yml").write_text(f"{agent}paths: {{inventory: nowhere/hosts}}\n")
    (made / "binary.yml").write_bytes(b"agent: \x00\xff")
    (made / "list.yml").write_text("- a\n")
    (made / "state").mkdir()
    (made / "state" / "opsmend.db").write_bytes(b"no database at all" * 100)
    (made / "broken.csv").write_text("timestamp,a\n1,x\n")
    return made


@pytest.mark.parametrize(
    "line",
    [
        "status -c .",
        "status -c binary.yml",
        "check -c list.yml",
        "status -c nowhere/opsmend.yml",
        "incidents -c good.yml",
        "incident 99999999999999999999 -c good.yml",
        "incidents --state nonsense -c good.yml",
        "report --since never -c good.yml",
        "reload -c good.yml",
        "config show no.such.key -c good.yml",
        "models show -c good.yml",
        "detect broken.csv -o nowhere/scores.csv",
        "diagnose nowhere",
        "logs templates good.yml -o /dev/full",
        "playbooks show nothing",
        "rules test nowhere.yml",
    ],
)
def test_a_mistake_is_told_and_has_a_code(folder, line):
    done = subprocess.run(
        [OPSMEND, *line.split()], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in DOCUMENTED, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "unforeseen" not in done.stderr
    assert (done.stdout + done.stderr).strip()


@pytest.mark.parametrize(
    ("line", "code", "telling"),
    [
        ("backup copy -c good.yml", 7, "state/opsmend.db is no store of opsmend"),
        ("notify test -c good.yml", 3, "there is no target under notify.targets"),
        ("probe web1 -c good.yml", 1, "nowhere/hosts (paths.inventory) does not exist"),
        ("rules import nowhere.yml", 78, "nowhere.yml: cannot be read: No such file or directory"),
        ("demo --root nowhere", 1, "nowhere has no folder rules"),
        ("report --since never -c good.yml", 2, "--since"),
        ("incidents --since never -c good.yml", 2, "--since"),
        ("incidents --state nonsense -c good.yml", 2, "--state"),
        ("pause --for never -c good.yml", 2, "--for"),
        ("tokens new ann --for never -c good.yml", 2, "--for"),
        ("incident feedback 1 -c good.yml", 2, "--it-was"),
        ("anomaly missed web1 --from never --to now -c good.yml", 2, "--from"),
    ],
)
def test_it_is_told_what_and_where_and_by_the_code_of_its_kind(folder, line, code, telling):
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        [OPSMEND, *line.split()], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, telling in done.stderr) == (code, True), done.stdout + done.stderr


def test_a_full_disk_under_the_output_is_told(folder):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [OPSMEND, "config", "show", "-c", "good.yml"],
            cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(folder):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [OPSMEND, "config", "show", "-c", "good.yml"],
        cwd=folder, stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Return what every command says and ends with in a situation."""

    def in_situation(situation):
        folder = tmp_path_factory.mktemp("every")
        environment = {name: value for name, value in os.environ.items() if name != "OPSMEND_CONFIG"}
        environment |= {"HOME": str(folder), "COLUMNS": "80", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tests.everycommand", folder, situation],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(found) > 40
        return found

    return in_situation


def odd(one, codes):
    """Return whether a command ended as none may, or without a word."""
    text = one["out"] + one["err"]
    broken = any(word in text for word in ("Traceback", "unforeseen", "Exception ignored"))
    return broken or one["code"] not in codes or (one["code"] != 0 and not text.strip())


@pytest.mark.parametrize(
    ("situation", "code", "telling"),
    [
        (
            "missing",
            78,
            "does not exist (give --config FILE, set OPSMEND_CONFIG, or let 'opsmend init' write it)",
        ),
        ("wrong", 78, "wrong.yml:1: agent.state_dirr: unknown key 'state_dirr' (did you mean 'state_dir'?)"),
        ("nothing", 7, "does not exist; has the agent been started?"),
        ("file", 7, "is no folder: agent.state_dir in opsmend.yml must name one"),
        ("garbage", 7, "/garbage/opsmend.db"),
    ],
)
def test_every_command_says_what_is_wrong_and_the_way_out(said, situation, code, telling):
    found = said(situation)
    assert [one for one in found if odd(one, DOCUMENTED | {0})] == []
    meant = [one for one in found if one["code"] == code]
    assert [one for one in meant if telling not in one["err"] + one["out"]] == []
    assert len(meant) > 25


def test_every_command_says_so_where_nothing_is_set_up(said):
    found = said("no settings")
    assert [one for one in found if odd(one, DOCUMENTED | {0})] == []


def test_every_command_refuses_an_option_that_it_has_not_and_names_itself(said):
    found = said("unknown option")
    assert [
        one for one in found if odd(one, {2}) or f"opsmend {one['line'].split()[0]}" not in one["err"]
    ] == []
    assert max(len(line) for one in found for line in one["err"].splitlines()) <= 80


def test_no_command_complains_when_nobody_reads_on(said):
    found = said("nobody reads")
    assert [one for one in found if "Traceback" in one["err"] or "Broken pipe" in one["err"]] == []
    assert [one for one in found if one["line"].endswith("--help") and one["err"]] == []
