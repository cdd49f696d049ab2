"""The checkout in, packages for Debian and RPM systems out: the core, and one package for each extra.

``python packaging/build/package.py`` writes them to ``dist``, beside sdist and wheel. Two builds of one
commit are equal byte for byte.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

# what is asked for its pages and completions is this checkout, whatever is installed beside the builder
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import environment
from archive import BELOW, EXTRAS, FORMATS, core_package, dated, extra_package, pack
from layout import ROOT, lay_out_core, lay_out_extra


def main() -> None:
    """Build what was asked for."""
    told = _arguments()
    if not environment.SYSTEM_PYTHON.exists():
        sys.exit(f"{environment.SYSTEM_PYTHON} is not there: the package is made for the Python of Debian 12")
    os.umask(0o022)
    shutil.rmtree(told.work, ignore_errors=True)
    told.output.mkdir(parents=True, exist_ok=True)
    wheel = build_distributions(told.output)
    trees = {"": told.work / "opsmend", **{name: told.work / f"opsmend-{name}" for name in EXTRAS}}
    lay_out_core(wheel, trees[""])
    for kind in told.formats:
        pack(trees[""], core_package(told.work, kind), kind, told.output)
    for extra in told.extras:
        lay_out_extra(wheel, extra, trees[extra], [trees[name] for name in ("", *BELOW.get(extra, ()))])
        for kind in told.formats:
            pack(trees[extra], extra_package(extra, kind), kind, told.output)


def build_distributions(output: Path) -> Path:
    """Build sdist and wheel; return the wheel."""
    for old in output.glob("opsmend-*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=dated())
    (wheel,) = output.glob("opsmend-*.whl")
    return wheel


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build the packages of opsmend.")
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "package")
    parser.add_argument("--formats", nargs="+", default=["deb"], choices=FORMATS)
    # in this order, because one may build on what another brings
    parser.add_argument("--extras", nargs="*", default=list(EXTRAS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
