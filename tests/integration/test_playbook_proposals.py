"""What came of runs becomes patches of remediations, which nobody but a person applies."""

import json
import os
import re
import subprocess

import pytest
import yaml

from agent.cli.main import app
from agent.errors import ConflictError
from agent.records import RunState
from tests.plainsite import Site

WELL, HUNG, FAILED = RunState.SUCCEEDED, RunState.TIMED_OUT, RunState.FAILED


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.fixture
def proposals(site, capsys):
    def ask(*arguments):
        app(["playbooks", "proposals", *map(str, arguments), "-c", str(site.config)], standalone_mode=False)
        return capsys.readouterr().out

    return ask


def hanging(quick=20, hung=3, said="waits for 'lock'\n+++ b/evil\n{{ 7*7 }} ${HOME} [red]x"):
    """Steps of runs, most of which take four seconds; in some the first hangs until its limit."""
    return [[("go", 4.0, WELL, ""), ("look: again", 1.0, WELL, "")]] * quick + [
        [("go", 600.0, HUNG, said)]
    ] * hung


def test_a_limit_far_above_what_a_step_takes_becomes_a_patch_that_people_apply(site, proposals, tmp_path):
    site.runs(hanging(), healed=False)
    before = site.remediation.read_text()
    (one,) = json.loads(proposals("--json"))["proposals"]
    assert (one["remediation"], one["runs"]) == ("mend", 23)
    assert "20 attempts took 4s (p50), 4s (p95)" in one["why"]
    changed = "-    timeout: 10m   # nobody knows why\n+    timeout: 30s   # nobody knows why\n"
    assert changed in one["diff"]
    patch = site.own / "p.patch"  # where it changes nothing of what is proposed
    told = proposals("--write", patch)
    assert site.remediation.read_text() == before  # nothing is written but the patch
    assert one["id"] in proposals()
    with pytest.raises(ConflictError, match="exists already"):
        proposals("--write", patch)
    nowhere = {"GIT_CEILING_DIRECTORIES": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run(["git", "apply", "--check", patch], check=True, cwd=site.own, env=nowhere)
    command = next(line.strip() for line in told.splitlines() if "patch -d" in line)
    subprocess.run(["sh", "-c", command], check=True, capture_output=True, cwd=tmp_path)
    assert site.remediation.read_text() == before.replace("10m ", "30s ")
    assert not list(tmp_path.rglob("x"))
    # what people have changed has to show first what it does
    assert "none of its 23 runs is of the files as they are now" in proposals()


def test_several_changes_of_one_file_are_one_patch(site, proposals, tmp_path):
    failing = [
        [("go", 4.0, WELL, ""), ("look: again", 5.0, FAILED, "busy"), ("look: again", 5.0, WELL, "")]
    ] * 6
    lost = [[("go", 4.0, WELL, ""), ("look: again", 5.0, FAILED, "busy")]] * 3
    site.runs(hanging() + failing + lost, healed=False)
    found = json.loads(proposals("--json"))["proposals"]
    assert [one["what"].partition(":")[0] for one in found] == ["step 'go'", "step 'look"]
    shown = proposals(found[1]["id"])
    assert '+  - {name: "look: again", playbook: playbook.yml, retries: 1}' in shown
    assert "-    timeout: 10m" not in shown
    patch = tmp_path / "p.patch"
    proposals("--write", patch)
    assert patch.read_text().count("--- a/mend/remediation.yml") == 1
    assert patch.read_text().count("\n+ ") == 2


def test_a_stock_remediation_is_overridden_in_the_folder_of_the_site(site, proposals, root, tmp_path):
    site.folders([root / "rules", site.folder / "rules"], [root / "playbooks", site.own])
    (step,) = yaml.safe_load((root / "playbooks/restart_service/remediation.yml").read_text())["steps"][:1]
    tried = [[(step["name"], 1.0, WELL, "")]] * 20 + [[(step["name"], 500.0, HUNG, "")]] * 3
    site.runs(tried, healed=False, name="restart_service", folder=root / "playbooks" / "restart_service")
    patch = tmp_path / "p.patch"
    told = proposals("--write", patch)
    commands = [line.strip() for line in told.splitlines() if line.strip().startswith(("cp -R", "patch -d"))]
    assert len(commands) == 2
    subprocess.run(["sh", "-ec", "\n".join(commands)], check=True, capture_output=True)
    changed = (site.own / "restart_service" / "remediation.yml").read_text()
    assert changed != (root / "playbooks/restart_service/remediation.yml").read_text()
    assert "timeout: 30s" in changed


def test_a_file_that_is_a_link_is_not_patched_and_it_is_said_what_to_do(site, proposals, tmp_path):
    elsewhere = tmp_path / "git" / "remediation.yml"
    elsewhere.parent.mkdir()
    site.remediation.rename(elsewhere)
    site.remediation.symlink_to(elsewhere)
    site.runs(hanging(), healed=False)
    found = json.loads(proposals("--json"))
    assert found["proposals"] == []
    (why,) = {one["why"] for one in found["not_proposed"] if "symbolic link" in one["why"]}
    assert f"{site.remediation} is a symbolic link to {elsewhere}, and patch follows none" in why
    (command,) = re.findall(r"\((cp .*?)\), or", why)
    subprocess.run(["sh", "-c", command], check=True)
    assert not site.remediation.is_symlink()
    assert len(json.loads(proposals("--json"))["proposals"]) == 1
