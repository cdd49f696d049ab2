"""A remediation in, what Molecule found in its scenario out; and which remediations a change concerns."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from agent.demo.hosts import remove
from agent.errors import OpsmendError
from agent.workshop.hosts import cluster_name
from agent.workshop.places import Places
from agent.workshop.roles import needed_roles, roles_of
from agent.workshop.scenario import load_scenario

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_STEP = re.compile(r"default ➜ (\w+): Executing")
_FATAL = re.compile(r"fatal: \[.*?\]|FAILED!|\[ERROR\]|ERROR ")
_TIMEOUT_S = 900
_TOLD = 12  # lines of what went wrong

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """How a scenario ended. ``failed_at`` is the step of the sequence, ``log`` holds all that was said."""

    remediation: str
    passed: bool
    seconds: float
    failed_at: str
    log: Path


def run_scenario(remediation: Path, places: Places, log: Path, tell: Tell) -> ScenarioResult:
    """Run Molecule's whole sequence for a remediation. Raises OpsmendError when it cannot be started."""
    shared = places.shared.resolve()
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "OPSMEND_MOLECULE": str(shared),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    command = ["molecule", "--base-config", str(shared / "config.yml"), "test"]
    begun = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            cwd=remediation,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise OpsmendError("Molecule is not installed; install opsmend[dev]") from error
    limit = threading.Timer(_TIMEOUT_S, _kill, [process])
    limit.start()
    try:
        failed_at = _follow(process, log, tell)
        passed = process.wait() == 0
    finally:
        limit.cancel()
        _kill(process)
        remove(cluster_name(load_scenario(remediation)))  # where Molecule was kept from it
    seconds = time.monotonic() - begun
    at = "" if passed else failed_at
    return ScenarioResult(remediation=remediation.name, passed=passed, seconds=seconds, failed_at=at, log=log)


def _follow(process: subprocess.Popen[str], log: Path, tell: Tell) -> str:
    """Write down what Molecule says until it ends; return the first step that failed, or the last one."""
    assert process.stdout is not None
    step, failed_at = "start", ""
    with log.open("w") as stream:
        for line in process.stdout:
            text = _COLOURS.sub("", line)
            stream.write(text)
            if match := _STEP.search(text):
                step = match[1]
                tell(step)
            if not failed_at and "Executed: Failed" in text:
                failed_at = step
    return failed_at or step


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def complaints(log: Path) -> list[str]:
    """Return the lines of a scenario's log that say what went wrong."""
    lines = [line.strip("│ \n") for line in log.read_text().splitlines()]
    place = next((n for n, line in enumerate(lines) if _FATAL.search(line)), max(0, len(lines) - _TOLD))
    return [line for line in lines[place : place + 3 * _TOLD] if line][:_TOLD]


def changed_since(base: str, catalog: Iterable[Path], places: Places) -> list[str]:
    """Return the remediations whose own files or roles differ from a commit. Raises OpsmendError."""
    top = Path(_git(places.playbooks[0], "rev-parse", "--show-toplevel").strip())
    names = _git(top, "diff", "--name-only", "--merge-base", base).splitlines()
    names += _git(top, "ls-files", "--others", "--exclude-standard").splitlines()
    changed = [(top / name).resolve() for name in names]
    found = []
    for folder in catalog:
        roles = needed_roles(roles_of(folder), places.roles)
        concerned = [folder.resolve(), *((one / role).resolve() for one in places.roles for role in roles)]
        if any(file.is_relative_to(place) for file in changed for place in concerned):
            found.append(folder.name)
    return found


def rotating_sample(names: Sequence[str], count: int, day: date) -> list[str]:
    """Return other names each day, so that in a while all have had their turn."""
    ordered = sorted(names)
    start = day.toordinal() * count % len(ordered) if ordered else 0
    return [ordered[(start + number) % len(ordered)] for number in range(min(count, len(ordered)))]


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OpsmendError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
