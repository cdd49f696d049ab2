"""Each case from the field names a test that is there."""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
_ROW = re.compile(r"^\| (?P<case>.+) \| `(?P<file>[^`:]+)::(?P<name>[^`]+)` \|$", re.MULTILINE)
CASES = [match.groups() for match in _ROW.finditer((ROOT / "CONTRIBUTING.md").read_text())]


def names_in(file: Path) -> set[str]:
    """Return the tests of a file: functions of Python, stories of rules."""
    if file.suffix == ".yml":
        return {test["name"] for test in yaml.safe_load(file.read_text())["tests"]}
    nodes = ast.walk(ast.parse(file.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def test_there_are_cases():
    assert len(CASES) >= 40


@pytest.mark.parametrize(("case", "file", "name"), CASES)
def test_a_case_names_a_test_that_is_there(case, file, name):
    assert name in names_in(ROOT / file), case
