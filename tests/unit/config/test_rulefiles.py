"""Signals, faults and rules as one checked book."""

from pathlib import Path

import pytest

from agent.config import load_rules
from agent.errors import ConfigError

DATA = Path(__file__).parents[2] / "data" / "rules"
BAD = sorted(folder for folder in DATA.glob("*") if folder.is_dir())


def book(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        file = folder / f"{name.replace('__', '/')}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


SIGNALS = "signals:\n  - {id: up, summary: s, query: up, role: availability}\n"
FAULTS = "faults:\n  - {id: down, summary: s}\n"
RULES = (
    "rules:\n  - id: r\n    fault: down\n    entity: '{host}'\n    confidence: 0.9\n"
    "    when: {signal: up, below: 1}\n    evidence: '{host} is down'\n"
)


def test_the_stock_rules_are_good(root):
    loaded = load_rules([root / "rules"])
    assert {"service_down", "disk_full"} <= loaded.faults.keys()


def test_a_local_folder_adds_and_replaces_by_id(tmp_path):
    stock = book(tmp_path / "stock", signals__a=SIGNALS, faults=FAULTS, diagnosis__a=RULES)
    local = book(
        tmp_path / "local",
        signals__b="signals:\n  - {id: up, summary: ours, query: up == 1, role: errors}\n"
        "  - {id: more, summary: s, query: up, role: errors}\n",
    )
    loaded = load_rules([stock, local])
    assert set(loaded.signals) == {"up", "more"}
    assert loaded.signals["up"].summary == "ours"


def test_the_same_id_twice_in_one_folder_names_both_places(tmp_path):
    folder = book(tmp_path, signals__a=SIGNALS, signals__b=SIGNALS)
    with pytest.raises(ConfigError, match=r"b\.yml:2: .*signal 'up' stands already in .*a\.yml:2"):
        load_rules([folder])


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ConfigError, match="nowhere: is no folder"):
        load_rules([tmp_path / "nowhere"])


@pytest.mark.parametrize("folder", BAD, ids=lambda folder: folder.name)
def test_each_bad_rule_folder_gives_the_error_it_promises(folder):
    """``expected.txt`` says what the error must contain, file and line first."""
    with pytest.raises(ConfigError) as caught:
        load_rules([folder])
    for wanted in (folder / "expected.txt").read_text().splitlines():
        assert wanted in str(caught.value).replace(f"{folder}/", "")
