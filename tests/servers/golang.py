"""The newest Prometheus, built from the Go module proxy into the cache; it takes some minutes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers.debian import CACHE

_MODULE = "github.com/prometheus/prometheus"
_VERSION = "v0.316.0"  # of the module: Prometheus 3.16
_TOOLS = f'package tools\n\nimport _ "{_MODULE}/cmd/prometheus"\n'


def newest_prometheus() -> Path:
    """Return its program, building it where it is missing."""
    program = CACHE / f"prometheus-{_VERSION}" / "prometheus"
    if program.exists():
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".prometheus-") as name:
        work = Path(name)
        (work / "go.mod").write_text("module example.invalid/prometheus\n\ngo 1.25\n")
        (work / "tools.go").write_text(_TOOLS)
        _go(work, "get", f"{_MODULE}/cmd/prometheus@{_VERSION}")
        _go(work, "build", "-o", "prometheus", f"{_MODULE}/cmd/prometheus")
        (work / "prometheus").rename(program)
    return program


def _go(work: Path, *arguments: str) -> None:
    subprocess.run(["go", *arguments], cwd=work, check=True, capture_output=True)


if __name__ == "__main__":
    sys.stdout.write(f"{newest_prometheus()}\n")
