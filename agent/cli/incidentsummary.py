"""An incident in, one screen about it out: what is wrong, what was done, what is next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.text import Text

from agent.cleantext import clean
from agent.cli.output import ago, console
from agent.notify.summary import summarize
from agent.records import Approval, CheckResult, Incident, IncidentState, Run
from agent.records.investigations import Investigation

WIDTH, HEIGHT = 80, 24
_INDENT = 7  # what stands beside the first word of a paragraph
_LIKELY = 0.4  # a cause less likely than this is for those who ask for everything


def screen(
    incident: Incident,
    runs: Sequence[Run],
    approval: Approval | None,
    investigation: Investigation | None,
    now: datetime,
) -> list[str]:
    """Return the lines, none wider than WIDTH, at most HEIGHT; what is left out is in ``--all``."""
    told = summarize(incident, runs, approval, now)
    seen = "the symptoms last" if incident.symptomatic else "the symptoms are gone"
    state = incident.state.value.replace("_", " ")
    lines = [
        *_wrap("", f"Incident {incident.id}: {incident.title}", 2),
        *_wrap("", f"{state}, opened {ago(incident.opened_at, now)}, {seen}", 1),
        *_wrap("What", told.what, 3),
        *_symptoms(incident),
        *_wrap("Harm", incident.diagnosis.harm.text, 1),
        *_cause(incident, investigation),
        *_wrap("Done", told.done, 2),
        *_newest_run(runs),
        *_wrap("Next", told.asks, 3),
        *_commands(incident, approval),
    ]
    return [*lines[: HEIGHT - 1], f"History, evidence and numbers: opsmend incident show {incident.id} --all"]


def _wrap(word: str, text: str, most: int) -> list[str]:
    """Return a paragraph of at most so many lines, its first word in the margin.

    Widths are columns of a terminal: letters of Chinese take two, an accent of its own none.
    """
    if not text:
        return []
    width = WIDTH - _INDENT
    lines = [line.plain.rstrip() for line in Text(clean(text)).wrap(console, width)]
    if len(lines) > most:
        last = Text(f"{lines[most - 1]} {lines[most]}")
        last.truncate(width, overflow="ellipsis")
        lines = [*lines[: most - 1], last.plain]
    first = f"{word:<{_INDENT}}" if word else ""
    return [f"{first}{lines[0]}", *(" " * _INDENT + line for line in lines[1:])]


def _symptoms(incident: Incident) -> Iterator[str]:
    for symptom in incident.best.symptoms[:2] if incident.best else ():
        yield from _wrap(" ", f"{symptom.text}, since {symptom.since:%H:%M:%S} UTC", 1)


def _cause(incident: Incident, investigation: Investigation | None) -> Iterator[str]:
    if investigation is None or investigation.error or not investigation.report.get("root_causes"):
        return
    first = investigation.report["root_causes"][0]
    own = first["entity"] in (incident.entity, incident.host)
    if first["score"] >= _LIKELY or own:
        yield from _wrap("Cause", f"it comes from {first['entity']}, {first['score']:.0%} sure", 1)
        for text in first["evidence"][:2]:
            yield from _wrap(" ", f"because {text}", 2)
    for answer in investigation.probes:
        for finding in answer.findings[:2]:
            yield from _wrap(" ", f"{answer.host} says: {finding}", 2)


def _newest_run(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs[-1:]:
        text = f"run {run.id}: {run.state.value}, verdict {run.verdict.value.replace('_', ' ')}"
        yield from _wrap(" ", text + (f", {run.detail}" if run.detail else ""), 2)
        for check in run.checks[:2]:
            yield from _wrap(" ", f"check {check_line(check)}", 1)


def _commands(incident: Incident, approval: Approval | None) -> Iterator[str]:
    if incident.state is IncidentState.AWAITING_APPROVAL and approval is not None:
        yield f"       opsmend incident approve {incident.id}   or   deny {incident.id}"
    elif incident.state is IncidentState.ESCALATED and incident.acknowledged_by is None:
        yield f"       opsmend incident acknowledge {incident.id}   (then nobody further is called)"
    if incident.state is IncidentState.ESCALATED and incident.options:
        option = clean(incident.options[0].remediation)
        yield from _wrap(" ", f"opsmend incident run {incident.id} {option}", 1)
    elif incident.fault in (None, "unknown") and incident.host:
        yield from _wrap(" ", f"opsmend probe {incident.host}", 1)


def check_line(check: CheckResult) -> str:
    """Return what a check says, with its number before and after the run."""
    word = {True: "holds", False: "fails", None: "unknown"}[check.holds]
    numbers = f" ({check.numbers})" if check.numbers else ""
    return f"{word}: {check.text}{numbers}"
