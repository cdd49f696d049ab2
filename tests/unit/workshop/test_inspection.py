"""What is found wrong in a remediation without running it."""

import shutil
from pathlib import Path

import pytest

from agent.config import load_rules
from agent.workshop.inspection import check_queries, inspect_files
from agent.workshop.places import Places

DATA = Path(__file__).parents[2] / "data" / "remediation"
BAD = sorted(DATA.glob("*.yml"))


@pytest.fixture(scope="module")
def stock(root):
    return load_rules([root / "rules"]), Places(rules=[root / "rules"], playbooks=[root / "playbooks"])


def copy(root: Path, folder: Path, name: str = "restart_service") -> Path:
    return Path(shutil.copytree(root / "playbooks" / name, folder / name))


def inspect(folder: Path, stock) -> list[str]:
    return [str(one).replace(f"{folder}/", "") for one in inspect_files(folder, *stock)]


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_one_mistake_gives_one_problem_with_file_line_and_key(file, root, tmp_path, stock):
    folder = copy(root, tmp_path)
    shutil.copy(file, folder / "remediation.yml")
    (found,) = inspect(folder, stock)
    assert found.startswith(file.read_text().splitlines()[0].removeprefix("# "))


def test_every_stock_remediation_is_good(root, stock):
    folders = [file.parent for file in sorted((root / "playbooks").glob("*/remediation.yml"))]
    assert [line for folder in folders for line in inspect(folder, stock)] == []
    assert len(folders) >= 18


def test_a_fault_that_no_rule_finds_is_named(root, tmp_path, stock):
    book, places = stock
    places = Places(rules=[], playbooks=places.playbooks)  # without the cases
    rules = {id_: rule for id_, rule in book.rules.items() if rule.fault != "service_down"}
    (found,) = inspect_files(copy(root, tmp_path), type(book)(book.signals, book.faults, rules), places)
    assert "no rule and no case finds 'service_down'" in found.message


def test_a_playbook_that_names_no_role_there_is_is_named(root, tmp_path, stock):
    folder = copy(root, tmp_path)
    playbook = folder / "playbook.yml"
    playbook.write_text(playbook.read_text().replace("role: service", "role: servise"))
    assert "playbook.yml: there is no role 'servise'" in inspect(folder, stock)


def test_a_scenario_that_gives_no_parameter_is_named(root, tmp_path, stock):
    folder = copy(root, tmp_path)
    converge = folder / "molecule" / "default" / "converge.yml"
    converge.write_text(converge.read_text().replace("service_unit", "service_unti"))
    (found,) = inspect(folder, stock)
    assert (
        found == "molecule/default/converge.yml:4: [0].vars: gives no 'service_unit', which a diagnosis would"
    )


def test_a_missing_scenario_file_is_named(root, tmp_path, stock):
    folder = copy(root, tmp_path)
    (folder / "molecule" / "default" / "verify.yml").unlink()
    assert inspect(folder, stock) == [
        "molecule/default/verify.yml: is missing (opsmend playbooks new shows what belongs there)"
    ]


def test_queries_are_handed_to_a_prometheus_with_their_placeholders_filled(root, stock):
    from agent.decide.catalog import load_remediation

    remediation = load_remediation(root / "playbooks" / "restart_service", stock[0].faults)
    query, *_ = check_queries(remediation).values()
    assert query == 'node_systemd_unit_state{instance="x",name="x",state="active"}'
