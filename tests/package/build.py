"""Builds what the tests install: the packages of this checkout, and the core as it was before.

``python -m tests.package.build FOLDER`` leaves the packages in FOLDER, and in FOLDER/before the core of the
last commit whose store had an older schema, as version 0.0.9.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.package import ROOT

_MIGRATIONS = "agent/store/migrations/versions"
_BUILD = "packaging/build/package.py"


def main() -> None:
    """Build both."""
    folder = Path(sys.argv[1]).absolute()
    _build(ROOT, folder, "--extras", "charts", "deep", "kafka")
    before = _commit_before()
    source = folder / "source-before"
    source.mkdir(exist_ok=True)
    archive = subprocess.run(["git", "-C", ROOT, "archive", before], stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "-x", "-C", source], input=archive.stdout, check=True)
    seconds = _git("log", "-1", "--format=%ct", before)
    os.environ |= {"OPSMEND_PACKAGE_VERSION": "0.0.9", "SOURCE_DATE_EPOCH": seconds}
    _build(source, folder / "before", "--extras")


def _commit_before() -> str:
    """Return the newest commit without the newest migration, or what BEFORE names."""
    if named := os.environ.get("BEFORE"):
        return named
    newest = sorted(file.name for file in (ROOT / _MIGRATIONS).glob("[0-9]*.py"))[-1]
    added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", f"{_MIGRATIONS}/{newest}")
    return _git("rev-parse", f"{added or 'HEAD'}{'^' if added else ''}")


def _build(source: Path, output: Path, *options: str) -> None:
    command = [sys.executable, source / _BUILD, "--output", output, "--work", output / "work", *options]
    subprocess.run(command, check=True)


def _git(*command: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *command], capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
