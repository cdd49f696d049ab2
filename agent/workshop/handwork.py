"""What people did about incidents in, drafts of remediations out: what they typed, and what they had run.

Lines that people paste are data. None is carried out, each stands in the draft as it was written, where
Ansible takes it for no template, and the draft fails before the first of them until somebody has read it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from agent.cleantext import clean
from agent.records import Run, RunRequest, Verdict
from agent.records.cases import PastIncident
from agent.records.feedback import FeedbackKind

MOST_LINES, LONGEST_LINE = 40, 500
_PROMPT = re.compile(r"^(?:\[?[\w.-]+@[\w.-]+[^$#&|;<>]{0,80}[$#]|\$)\s+")
_CONTINUED = re.compile(r"[ \t]*\\\n[ \t]*")
_HEAD = """\
---
# A draft from what {who} typed, as they said afterwards. opsmend has carried out none of it. Write each line
# as a task of a module that can be done twice, put parameters where a name of a host or file stands, and take
# away the first task then.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Lines that people typed: who said so, in which incidents, and how many lines were left out."""

    lines: tuple[str, ...]
    people: tuple[str, ...]
    incidents: tuple[int, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RanByHand:
    """A remediation that people asked for by name: how often it ran, and how often it helped for good."""

    remediation: str
    people: tuple[str, ...]
    runs: int
    helped: int


def what_was_typed(past: Iterable[PastIncident]) -> Typed | None:
    """Return the lines that most people say they typed, of as many the newest; None where nobody says any."""
    told: dict[tuple[str, ...], list[tuple[int, str, int]]] = defaultdict(list)
    for one in past:
        for said in one.said:
            if said.kind is FeedbackKind.BY_HAND:
                lines, left_out = commands_of(said.note)
                if lines:
                    told[lines].append((one.incident.id, said.author, left_out))
    if not told:
        return None
    lines, words = max(told.items(), key=lambda pair: (len(pair[1]), max(one[0] for one in pair[1])))
    return Typed(
        lines=lines,
        people=tuple(sorted({author for _, author, _ in words})),
        incidents=tuple(sorted({number for number, _, _ in words})),
        left_out=max(left_out for _, _, left_out in words),
    )


def commands_of(text: str) -> tuple[tuple[str, ...], int]:
    r"""Return the commands of a pasted text without prompts, and how many were left out.

    What begins with # may be a comment or follow the prompt of root: it stays, for whoever reads to tell.

    >>> commands_of("ann@web1:~$ sudo rm /x\n# why\nls \\\n -l")
    (('sudo rm /x', '# why', 'ls -l'), 0)
    """
    lines = _CONTINUED.sub(" ", text).splitlines()
    found = [_PROMPT.sub("", line.strip()).strip() for line in lines]
    found = [line for line in found if line]
    kept = [line for line in found if len(line) <= LONGEST_LINE][:MOST_LINES]
    return tuple(kept), len(found) - len(kept)


def playbook_of(typed: Typed) -> str:
    """Return the text of a playbook in which each line is a task, behind one that fails."""
    read_first = {
        "name": "Stop, since this is a draft",
        "ansible.builtin.fail": {"msg": "read every line of this draft, and take away this task then"},
    }
    tasks: list[dict[str, Any]] = [read_first]
    for number, line in enumerate(typed.lines, 1):
        shell = {"cmd": _Unsafe(line)}
        tasks.append({"name": f"Line {number}", "ansible.builtin.shell": shell, "changed_when": True})
    play = {"name": "Do what people did", "hosts": "all", "gather_facts": False, "tasks": tasks}
    who = clean(", ".join(typed.people), 200)
    return _HEAD.format(who=who) + yaml.dump(
        [play], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110
    )


def ran_by_hand(requests: Iterable[RunRequest], runs: Iterable[Run]) -> list[RanByHand]:
    """Return what people had run by name, what helped oftenest first."""
    known = {run.id: run for run in runs}
    asked = [(one, known[one.run_id]) for one in requests if one.run_id in known]
    done: Counter[str] = Counter(run.plan.remediation for _, run in asked)
    helped: Counter[str] = Counter(run.plan.remediation for _, run in asked if _helped(run))
    found = [
        RanByHand(
            remediation=name,
            people=tuple(sorted({one.person.name for one, run in asked if run.plan.remediation == name})),
            runs=count,
            helped=helped[name],
        )
        for name, count in done.items()
    ]
    return sorted(found, key=lambda one: (-one.helped, one.runs, one.remediation))


def _helped(run: Run) -> bool:
    return run.verdict is Verdict.RECOVERED and run.relapsed_at is None


class _Unsafe(str):
    """A text that Ansible must take as it stands."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes texts that are no templates under Ansible's tag for them."""


def _represent(dumper: yaml.SafeDumper, text: _Unsafe) -> yaml.Node:
    return dumper.represent_scalar("!unsafe", str(text), style='"')


_Dumper.add_representer(_Unsafe, _represent)


def notes_of(typed: Typed) -> Sequence[str]:
    """Return what people should know of the draft."""
    who = f"{', '.join(typed.people)} typed it in incidents {', '.join(map(str, typed.incidents))}"
    left = [f"{typed.left_out} lines were left out: too many, or too long"] if typed.left_out else []
    return [who, *left]
