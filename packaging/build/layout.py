"""A wheel and the checkout in, a tree as the package will lay it on the disk out."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import environment
from manpages import write_pages

ROOT = Path(__file__).resolve().parents[2]
_PACKAGING = ROOT / "packaging"
_LOCK = _PACKAGING / "locks" / "dev.txt"
_SHARE, _DOC = Path("usr/share/opsmend"), Path("usr/share/doc")
_OVERRIDES = Path("usr/share/lintian/overrides")
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/opsmend",
    "zsh": "usr/share/zsh/vendor-completions/_opsmend",
    "fish": "usr/share/fish/vendor_completions.d/opsmend.fish",
}


def lay_out_core(wheel: Path, tree: Path) -> None:
    """Lay out everything that the package ``opsmend`` installs."""
    libraries = environment.install(wheel, _LOCK, tree)
    _move_stock(libraries, tree)
    environment.compile_all(tree)
    _link(tree / "usr/bin/opsmend", environment.HOME / "bin" / "opsmend")
    for name, place in (
        ("systemd/opsmend.service", Path("usr/lib/systemd/system/opsmend.service")),
        ("systemd/sysusers.conf", Path("usr/lib/sysusers.d/opsmend.conf")),
        ("systemd/tmpfiles.conf", Path("usr/lib/tmpfiles.d/opsmend.conf")),
        ("config/opsmend.yml", _SHARE / "opsmend.yml"),
    ):
        _write(tree / place, (_PACKAGING / name).read_text())
    _write_papers("opsmend", tree)
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        _write(tree / _DOC / "opsmend" / page.name, page.read_text())
    write_pages(tree / "usr/share/man")
    for shell, where in _COMPLETIONS.items():
        _write(tree / where, _completion(shell))


def lay_out_extra(wheel: Path, extra: str, tree: Path, below: Sequence[Path]) -> None:
    """Lay out what an extra adds to the packages that it depends on."""
    environment.install_extra(wheel, extra, _LOCK, tree, below)
    environment.compile_all(tree)
    _write_papers(f"opsmend-{extra}", tree)


def _move_stock(libraries: Path, tree: Path) -> None:
    stock = libraries / "agent" / "stock"
    (tree / _SHARE.parent).mkdir(parents=True, exist_ok=True)
    shutil.move(stock, tree / _SHARE)
    _link(stock, Path("/") / _SHARE)
    _link(tree / _SHARE / "schemas", Path("/") / libraries.relative_to(tree) / "agent/config/schemas")


def _write_papers(package: str, tree: Path) -> None:
    """Write what Debian's policy asks of every package."""
    folder = tree / _DOC / package
    _write(folder / "copyright", (_PACKAGING / "copyright").read_text())
    (folder / "changelog.gz").write_bytes(gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0))
    overrides = (_PACKAGING / "lintian-overrides").read_text()
    _write(tree / _OVERRIDES / package, overrides.replace("opsmend:", f"{package}:"))


def _completion(shell: str) -> str:
    variables = {**os.environ, "_OPSMEND_COMPLETE": f"source_{shell}", "PYTHONPATH": str(ROOT)}
    command = Path(sys.executable).parent / "opsmend"
    return subprocess.run([command], env=variables, capture_output=True, text=True, check=True).stdout


def _write(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def _link(place: Path, target: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
