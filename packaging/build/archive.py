"""A tree as it will lie on the disk in, one package file out, put together by nfpm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

_ROOT = Path(__file__).resolve().parents[2]
FORMATS = ("deb", "rpm")
EXTRAS = {
    "charts": "a picture of the metrics in messages (matplotlib)",
    "dask": "the search for a model that names faults spread over a Dask cluster",
    "deep": "the recurrent model of whole entities (JAX)",
    "kafka": "events from Kafka",
    "mcp": "the agent as a server of the Model Context Protocol",
    "pyod": "any detector of PyOD by its class path",
}
# PyOD draws too: what both would bring is in the first
BELOW = {"pyod": ("charts",)}
_SYSTEM_LIBRARIES = {"deb": ["libc6 (>= 2.28)", "libstdc++6"], "rpm": ["glibc >= 2.28", "libstdc++"]}
_DEPENDS = {
    "deb": ["python3", "python3.11", "openssh-client", "systemd", "passwd", *_SYSTEM_LIBRARIES["deb"]],
    "rpm": ["python3.11", "openssh-clients", "systemd", *_SYSTEM_LIBRARIES["rpm"]],
}
_HOOKS = {
    "deb": {"preinstall": "preinst", "postinstall": "postinst", "preremove": "prerm", "postremove": "postrm"},
    "rpm": {"preinstall": "pre", "postinstall": "post", "preremove": "preun", "postremove": "postun"},
}
_DESCRIPTION = """finds faults in a cluster, repairs them with Ansible, and proves the repair
One small agent per cluster watches Prometheus, finds what is wrong,
says why, runs the known fix as an Ansible playbook, and proves on fresh
metrics that it helped. It brings its own Python environment under
/opt/opsmend, made for Python 3.11."""


def pack(tree: Path, package: dict[str, Any], kind: str, output: Path) -> None:
    """Put a tree into one package file, everything in it as old as the commit."""
    environment = dated()
    seconds = int(environment["SOURCE_DATE_EPOCH"])
    for path in (tree, *tree.rglob("*")):
        os.utime(path, (seconds, seconds), follow_symlinks=False)
    config = {
        "arch": "amd64",
        "platform": "linux",
        "version": version(),
        "version_schema": "none",
        "section": "admin",
        "priority": "optional",
        "maintainer": "opsmend developers <opsmend@opsmend.invalid>",
        "license": "Apache-2.0",
        "mtime": _date(),
        "contents": [{"src": f"{tree}/", "dst": "/", "type": "tree"}],
        "umask": 0o022,
        **package,
    }
    file = tree.with_suffix(f".{kind}.yaml")
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    nfpm = str(Path(sys.executable).with_name("nfpm"))
    command = [nfpm, "package", "--config", str(file), "--packager", kind, "--target", str(output)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def core_package(work: Path, kind: str) -> dict[str, Any]:
    """Return what nfpm must know of the core."""
    scripts = work / "scripts" / kind
    scripts.mkdir(parents=True, exist_ok=True)
    for file in sorted((_ROOT / "packaging" / "scripts" / kind).iterdir()):
        (scripts / file.name).write_text(file.read_text().replace("@SCHEMA@", schema()))
    package: dict[str, Any] = {
        "name": "opsmend",
        "description": _DESCRIPTION,
        "depends": _DEPENDS[kind],
        "recommends": ["opsmend-charts"],
        "scripts": {hook: str(scripts / name) for hook, name in _HOOKS[kind].items()},
    }
    if kind == "rpm":
        package["rpm"] = {"scripts": {"posttrans": str(scripts / "posttrans")}}
    return package


def extra_package(extra: str, kind: str) -> dict[str, Any]:
    """Return what nfpm must know of an extra; it fits exactly one version of what it adds to."""
    exactly = f"(= {version()})" if kind == "deb" else f"= {version()}"
    names = ["opsmend", *(f"opsmend-{name}" for name in BELOW.get(extra, ()))]
    return {
        "name": f"opsmend-{extra}",
        "description": f"opsmend: {EXTRAS[extra]}\nAdds to the Python environment of opsmend.",
        "depends": [*(f"{name} {exactly}" for name in names), *_SYSTEM_LIBRARIES[kind]],
    }


def version() -> str:
    """Return the version of what is built, or the one that the environment names."""
    text = (_ROOT / "agent" / "__init__.py").read_text()
    return os.environ.get("OPSMEND_PACKAGE_VERSION") or text.split('__version__ = "')[1].split('"')[0]


def schema() -> str:
    """Return the newest schema of the store that this version knows."""
    return (_ROOT / "agent" / "store" / "engine.py").read_text().split('HEAD = "')[1].split('"')[0]


def dated() -> dict[str, str]:
    """Return an environment that makes tools write the time of the commit, not of the build."""
    command = ["date", "+%s", f"--date={_date()}"]
    seconds = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return {**os.environ, "SOURCE_DATE_EPOCH": seconds}


def _date() -> str:
    command = ["git", "-C", str(_ROOT), "log", "-1", "--format=%cI"]
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        command = ["date", "--utc", "--iso-8601=seconds", f"--date=@{given}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
