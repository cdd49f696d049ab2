"""The hostile corpus: values that somebody may send to be evaluated, and the trap that shows if one was.

``tests/data/hostile/values.txt`` holds one value a line, as a Python string literal's inside; CANARY
stands for a file in the trap, and a value that is evaluated by anything on its way makes one. Add what
you find: the number of a line is not used anywhere.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from agent.remediate import Ended, Execution, Hosts, PlaybookRunner, Snapshots

FILE = Path(__file__).parent / "data" / "hostile" / "values.txt"


class Trap:
    """A folder that stays empty as long as nothing is evaluated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)

    def values(self) -> list[str]:
        """Return the corpus, aimed at this trap: each value has a file of its own."""
        return [
            value.replace("CANARY", str(self.folder / f"c{number}")) for number, value in enumerate(corpus())
        ]

    def parameters(self) -> dict[str, Any]:
        """Return the corpus as parameters of one playbook."""
        return {f"v{number}": value for number, value in enumerate(self.values())}

    def sprung(self) -> list[str]:
        """Return the values that were evaluated."""
        numbers = [int(file.name[1:].split(".")[0]) for file in self.folder.iterdir()]
        return [corpus()[number] for number in numbers]


def write_playbook(folder: Path, given: Mapping[str, Any], out: Path, python: str) -> Path:
    """Write a playbook that uses parameters as playbooks do, and leaves what arrived in ``out``.

    In files, arguments, quoted shell, facts, tests and loops.
    """
    whole = "{{ [" + ", ".join(given) + "] | to_json }}"
    printable = [name for name, value in given.items() if "\0" not in value]
    dump = "import json, sys; json.dump(sys.argv[2:], open(sys.argv[1], 'w'))"
    arguments = [python, "-c", dump, f"{out}/argv", *(f"{{{{ {one} }}}}" for one in printable)]
    shell = " ".join(f"{{{{ {one} | quote }}}}" for one in printable)
    module = "ansible.builtin."
    tasks = [
        {"name": "Copy", f"{module}copy": {"content": whole, "dest": f"{out}/copied", "mode": "0644"}},
        # without expand_argument_vars: false, Ansible itself makes /root of ~root and a path of $HOME
        {"name": "Pass", f"{module}command": {"argv": arguments, "expand_argument_vars": False}},
        {"name": "Print", f"{module}shell": f"printf '%s\\0' {shell} > {out}/printed"},
        {"name": "Keep", f"{module}set_fact": {"kept": "{{ v0 }}", "again": "{{ kept | default(v0) }}"}},
        {"name": "Show", f"{module}debug": {"msg": "{{ item }}"}, "loop": f"{{{{ [{', '.join(given)}] }}}}"},
        {"name": "Ask", f"{module}assert": {"that": ["v0 is string", "kept == v0"]}},
    ]
    file = folder / "playbook.yml"
    file.write_text(yaml.safe_dump([{"name": "P", "hosts": "all", "gather_facts": False, "tasks": tasks}]))
    return file


def carry_out(
    remediation: Path, host: str, given: Mapping[str, Any], runner: PlaybookRunner, snapshots: Snapshots
) -> Ended:
    """Run the playbook in a folder on a host."""
    execution = Execution(
        mark="hostile",
        step="go",
        snapshot=snapshots.open(snapshots.take(remediation)),
        playbook="playbook.yml",
        hosts=Hosts(targets=[host]),
        parameters=given,
        timeout=timedelta(minutes=3),
    )
    return runner.run(execution, lambda event: None, lambda: False)


def corpus() -> list[str]:
    """Return every value, with the ones too long to be written down."""
    lines = [line for line in FILE.read_text().splitlines() if line and not line.startswith("# ")]
    values = [codecs.decode(line, "unicode_escape").encode("latin-1").decode() for line in lines]
    return [*values, "", "A" * 8000, "{{ " * 2000, "[" * 3000, "\n" * 4000, "é" * 4000]
