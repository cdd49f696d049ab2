"""A host in, the fixed questions that it may be asked out; what it said in, an answer out.

A question is a fixed command that changes nothing; what varies in it, a unit or a path, must fit a narrow
pattern. How it gets to the host is Ansible's. An answer that permission cut short says so: what was not seen
is not known, and never in order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.cleantext import clean
from agent.collect.probeanswers import READERS
from agent.errors import ParameterError
from agent.records.probes import ProbeAnswer

_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9@:_.\\-]{0,127}\.(?:service|socket|timer|mount)")
_PATH = re.compile(r"/[\w./@-]{1,255}")
_CUT_SHORT = re.compile(r"permission denied|not permitted|not seeing messages|insufficient permission", re.I)
_FIRST_PROCESS = re.compile(r"^\s*1\s", re.M)
_UNIT_PROPERTIES = "LoadState,ActiveState,SubState,Result,ExecMainStatus,NRestarts,StateChangeTimestamp"


@dataclass(frozen=True, slots=True)
class Question:
    """A probe's name and the command that answers it."""

    probe: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command said on a host, as ``user``; ``code`` is None when it did not end in time."""

    text: str
    complaint: str
    code: int | None
    seconds: float
    user: str


def questions(unit: str = "", certificates: Sequence[str] = ()) -> list[Question]:
    """Return what to ask a host. Raises ParameterError for a unit or path that no host should see."""
    asked = [
        Question("space", ("df", "-P", "-k", "-x", "tmpfs", "-x", "devtmpfs", "-x", "overlay")),
        Question("inodes", ("df", "-P", "-i", "-x", "tmpfs", "-x", "devtmpfs", "-x", "overlay")),
        Question("processes", ("ps", "-eo", "pid,etimes,pcpu,pmem,comm", "--sort=-pcpu")),
        Question("ports", ("ss", "-Hltn")),
    ]
    if unit:
        if not _UNIT.fullmatch(unit):
            raise ParameterError(f"'{unit[:80]}' is no name of a unit")
        asked.append(
            Question("unit", ("systemctl", "show", "--no-pager", "-p", _UNIT_PROPERTIES, "--", unit))
        )
        # not quietly: it complains when the user may not see everything
        journal = ("journalctl", "--no-pager", "-o", "short-iso", "-n", "200", f"--unit={unit}")
        asked.append(Question("journal", journal))
    for path in certificates:
        if not _PATH.fullmatch(path) or ".." in path:
            raise ParameterError(f"'{path[:80]}' is no path of a certificate")
        command = ("openssl", "x509", "-noout", "-enddate", "-subject", "-in", path)
        asked.append(Question("certificate", command))
    return asked


def read_answer(host: str, question: Question, said: Said, now: datetime) -> ProbeAnswer:
    """Return what a host's words mean. What they leave open is an error or marked as partial."""
    text = clean(said.text, lines=True)
    complaint = clean(said.complaint, lines=True).strip()
    error = _error(said, complaint)
    facts, findings = READERS[question.probe](text, now) if text and not error else ({}, [])
    return ProbeAnswer(
        host=host,
        probe=question.probe,
        at=now,
        seconds=said.seconds,
        facts=facts,
        findings=tuple(findings),
        text=text,
        error=error,
        partial="" if error else _partial(question, said.user, text, complaint),
    )


def _error(said: Said, complaint: str) -> str:
    if said.code is None:
        return f"no answer within {said.seconds:.0f} s"
    if said.code == 0:
        return ""
    if _CUT_SHORT.search(complaint):
        return f"not known: {said.user} is not permitted to see it ({complaint[:200]})"
    return f"exit status {said.code}: {complaint[:200]}"


def _partial(question: Question, user: str, text: str, complaint: str) -> str:
    if _CUT_SHORT.search(complaint):
        return f"{user} does not see everything ({complaint[:200]})"
    if question.probe == "processes" and user != "root" and not _FIRST_PROCESS.search(text):
        return f"{user} does not see the processes of others"
    return ""
