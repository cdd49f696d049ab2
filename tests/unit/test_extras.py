"""Every extra of the distribution has a package of its own."""

import runpy
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_extra_is_packaged():
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    packaged = runpy.run_path(str(ROOT / "packaging" / "build" / "archive.py"))["EXTRAS"]
    assert set(packaged) == set(named) - {"dev"}
