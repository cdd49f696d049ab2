"""A wheel and its locked requirements in, a relocated Python environment as it will lie under /opt out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from pathlib import Path

PYTHON = "python3.11"
SYSTEM_PYTHON = Path("/usr/bin") / PYTHON
HOME = Path("/opt/opsmend")
_LIBRARIES = Path("lib") / PYTHON / "site-packages"
# the commands of the environment that are used; each library brings more
_COMMANDS = re.compile(r"opsmend|ansible(-(config|doc|galaxy|inventory|playbook|vault))?")
_ISOLATED = {"opsmend": "-I"}  # what a person's PYTHON variables say must not reach the agent
_OUTSIDE_OF_PATH = "-Ps"
# what is only needed to build or test a library
_DROPPED_FOLDERS = {"tests", "test", "sample_data", "ansible_test", "include"}
_KEPT_FOLDERS = {"ansible/plugins/test", "jinja2/tests"}
_DROPPED_SUFFIXES = {".a", ".c", ".cpp", ".h", ".pxd", ".pxi", ".pyi", ".pyx", ".tp"}
_DROPPED_METADATA = {"RECORD", "REQUESTED", "direct_url.json"}  # they name the place of the build


def install(wheel: Path, lock: Path, tree: Path) -> Path:
    """Install a wheel below ``tree`` as it will lie below /; return the folder of libraries."""
    home = tree / HOME.relative_to("/")
    _run(SYSTEM_PYTHON, "-m", "venv", "--without-pip", "--symlinks", home)
    _install(str(wheel), lock, home)
    libraries = home / _LIBRARIES
    _prune(libraries)
    _strip(libraries)
    _write_commands(home, libraries)
    return libraries


def install_extra(wheel: Path, extra: str, lock: Path, tree: Path, below: Sequence[Path]) -> None:
    """Leave below ``tree`` what an extra adds to the trees that it depends on, the core's first."""
    home = tree / HOME.relative_to("/")
    shutil.copytree(below[0] / HOME.relative_to("/"), home, symlinks=True)
    _install(f"{wheel}[{extra}]", lock, home)
    libraries = home / _LIBRARIES
    shutil.rmtree(libraries / "agent")
    _write_commands(home, libraries)
    for other in below:
        subtract(tree, other)
    _prune(libraries)
    _strip(libraries)


def _install(wanted: str, lock: Path, home: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "-q")
    _run(*pip, "--disable-pip-version-check", "--no-compile", "--constraint", lock, wanted)


def compile_all(tree: Path) -> None:
    """Compile every module for the place where it will lie, the same in every build.

    The files belong to root, so the agent could not keep what it compiles; and a command whose modules
    are compiled anew takes seconds.
    """
    folders = [folder for folder in (tree / HOME.relative_to("/") / "lib").glob("*") if folder.is_dir()]
    options = ("--invalidation-mode", "unchecked-hash", "-s", tree, "-p", "/")
    subprocess.run(
        [SYSTEM_PYTHON, "-m", "compileall", "-q", *map(str, options), *map(str, folders)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.DEVNULL,  # templates that are no Python yet
        check=False,
    )


def subtract(tree: Path, core: Path) -> None:
    """Remove from ``tree`` what ``core`` has too, so that both can be installed side by side."""
    for path in sorted(tree.rglob("*"), reverse=True):
        other = core / path.relative_to(tree)
        if path.is_symlink() or path.is_file():
            if other.exists() or other.is_symlink():
                path.unlink()
        elif not any(path.iterdir()):
            path.rmdir()


def _prune(libraries: Path) -> None:
    for path in sorted(libraries.rglob("*")):
        inside = path.relative_to(libraries).as_posix()
        if not path.exists() or inside.startswith("agent/") or inside in _KEPT_FOLDERS:
            continue
        if path.is_dir():
            if path.name in _DROPPED_FOLDERS:
                shutil.rmtree(path)
        elif path.suffix in _DROPPED_SUFFIXES or path.name in _DROPPED_METADATA:
            path.unlink()


def _strip(libraries: Path) -> None:
    """Remove symbols that only a debugger reads."""
    for path in sorted(libraries.rglob("*.so*")):
        path.chmod(0o644)
        if not path.parent.name.endswith(".libs"):  # those would not load afterwards
            _run("strip", "--strip-unneeded", path)


def _write_commands(home: Path, libraries: Path) -> None:
    """Leave in ``bin`` the interpreter and our commands, made for the place where they will lie."""
    for path in (home / "bin").iterdir():
        if not path.name.startswith("python"):
            path.unlink()
    for name, module, function in _entry_points(libraries):
        if _COMMANDS.fullmatch(name):
            flags = _ISOLATED.get(name, _OUTSIDE_OF_PATH)
            text = f"#!{HOME}/bin/python3 {flags}\nimport sys\n\nfrom {module} import {function}\n"
            command = home / "bin" / name
            command.write_text(f"{text}\nsys.exit({function}())\n")
            command.chmod(0o755)
    for name in ("include", "share"):
        shutil.rmtree(home / name, ignore_errors=True)
    (home / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")


def _entry_points(libraries: Path) -> Iterator[tuple[str, str, str]]:
    for file in sorted(libraries.glob("*.dist-info/entry_points.txt")):
        parser = ConfigParser(delimiters=("=",), interpolation=None)
        parser.read(file)
        if parser.has_section("console_scripts"):
            for name, target in parser.items("console_scripts"):
                module, _, function = target.partition(":")
                yield name, module, function


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True)
