"""Every command of ours in, what each says and ends with in one situation out, as lines of JSON.

``python -m tests.everycommand FOLDER SITUATION`` carries out all of them in the folder, each in a process
that is forked from one in which everything is imported, so that hundreds of them take a minute.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

import agent.cli
from agent.cli.main import app, main

# what must be given, by its name: nothing of it is there
GIVEN = {
    "incident_id": "1", "anomaly_id": "1", "token_id": "1", "training": "1", "remediation": "nothing",
    "name": "nothing", "fault": "disk_full", "host": "web1", "entity": "web1", "person": "ann",
    "alert": "HostDown", "comment": "why", "since": "2026-03-01T10:00", "until": "2026-03-01T11:00",
    "file": "out.file", "output": "out.csv", "source": "nowhere.yml", "playbook": "nowhere.yml",
    "folder": "nowhere", "metrics": "nowhere.csv",
}  # fmt: skip
# what makes a command end that would look at everything, or make something
MORE = {
    "rules test": ["nowhere.yml"],
    "playbooks test": ["nothing"],
    "playbooks prove": ["nothing"],
    "playbooks check": ["nothing"],
    "playbooks run": ["--check"],
    "incident feedback": ["--right"],
    "demo": ["--root", "nowhere"],
    "init": ["--folder", "made", "--prometheus", "http://127.0.0.1:9", "--yes"],
}
_SETTINGS = "agent: {{state_dir: {folder}/{state}, runtime_dir: {folder}/run}}\n" + (
    "collect: {{prometheus: {{url: 'http://127.0.0.1:9'}}}}\n"
)


def commands(command: Any = None, words: Sequence[str] = ()) -> Iterator[tuple[list[str], Any]]:
    """Yield every command that does something, with its words."""
    command = command or typer.main.get_command(app)
    if not hasattr(command, "commands"):
        yield list(words), command
        return
    for name, one in command.commands.items():
        yield from commands(one, [*words, name])


def line_of(words: Sequence[str], command: Any, settings: str = "") -> list[str]:
    """Return a command line with all that the command must be given."""
    line = list(words)
    for one in command.params:
        if one.required:
            value = GIVEN[one.name]
            line += [value] if one.param_type_name == "argument" else [one.opts[-1], value]
    line += MORE.get(" ".join(words), [])
    takes_settings = any("--config" in one.opts for one in command.params)
    return [*line, "--config", settings] if settings and takes_settings else line


def make(folder: Path) -> None:
    """Make the settings of all situations."""
    (folder / "wrong.yml").write_text("agent: {state_dirr: x}\n")
    for name in ("nothing", "garbage", "file"):
        (folder / f"{name}.yml").write_text(_SETTINGS.format(folder=folder, state=name))
    (folder / "garbage").mkdir(exist_ok=True)
    (folder / "garbage" / "opsmend.db").write_bytes(b"no database at all" * 100)
    (folder / "file").write_text("a state folder should be here\n")


def lines(situation: str) -> Iterator[list[str]]:
    """Yield the command lines of a situation."""
    for words, command in commands():
        match situation:
            case "no settings":
                yield line_of(words, command)
            case "unknown option":
                yield [*words, "--nonsense"]
            case "nobody reads":
                yield [*words, "--help"]
                yield line_of(words, command, "nothing.yml")
            case _:
                line = line_of(words, command, f"{situation}.yml")
                if "--config" in line:
                    yield line


def carry_out(folder: Path, line: Sequence[str], read: bool = True) -> dict[str, Any]:
    """Carry out one command; return what it said and ended with."""
    said = {name: folder / f"said.{name}" for name in ("out", "err")}
    child = os.fork()
    if child == 0:
        _as_started(said["out"] if read else None, said["err"], ["opsmend", *line])
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    texts = {name: file.read_text(errors="replace") for name, file in said.items() if file.exists()}
    return {"line": " ".join(line), "code": code, "out": "", **texts}


def _as_started(out: Path | None, err: Path, line: list[str]) -> None:
    """Become the command: standard streams anew, its words, and its end. It does not return."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if out is None:
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(writing, 1)
    os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    sys.argv = line
    code = 0
    try:
        main()
        sys.stdout.flush()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)


def _main() -> None:
    folder, situation = Path(sys.argv[1]), sys.argv[2]
    os.chdir(folder)
    make(folder)
    for module in pkgutil.iter_modules(agent.cli.__path__):
        importlib.import_module(f"agent.cli.{module.name}")
    for module in ("agent.web.standalone", "agent.wiring.agent", "agent.workshop.inspection"):
        importlib.import_module(module)
    for line in lines(situation):
        print(json.dumps(carry_out(folder, line, situation != "nobody reads")), flush=True)


if __name__ == "__main__":
    _main()
