"""What was found out about an incident in, lines for people out: where it comes from, what hosts said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.markup import escape

from agent.cli.output import ago, console
from agent.records.investigations import Investigation
from agent.records.probes import ProbeAnswer

_SHOWN = 3
_LIKELY = 0.1  # a suspect less likely than this is told to nobody who is called at night
_ALIKE = 0.5  # a case less alike than this says nothing here
_MOST_FINDINGS = 6


def print_investigation(investigation: Investigation) -> None:
    """Print the newest investigation about an incident."""
    report = investigation.report
    if investigation.error:
        console.print(f"Looked into {ago(investigation.at)}: [yellow]{escape(investigation.error)}[/]\n")
        return
    console.print(f"Looked into {ago(investigation.at)}: [bold]{escape(str(report['summary']))}[/]")
    for line in cause_lines(report["root_causes"]):
        console.print(line, soft_wrap=True)
    for line in probe_lines(investigation.probes):
        console.print(line, soft_wrap=True)
    for one in [one for one in report["similar_cases"] if one["likeness"] >= _ALIKE][:_SHOWN]:
        helped = f"; {', '.join(one['helped'])} helped" if one["helped"] else ""
        told = escape(f"{one['case']}, {one['summary']}{helped}")
        console.print(f"  similar, {one['likeness']:.0%}: {told}", soft_wrap=True)
    if report["next_question"]:
        console.print(f"  next: {escape(report['next_question'])}", soft_wrap=True)
    for note in report["notes"]:
        console.print(f"  [dim]note: {escape(note)}[/]", soft_wrap=True)
    console.print()


def cause_lines(causes: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Yield where it may come from, the likeliest with everything for and against it."""
    for place, one in enumerate(causes[:_SHOWN]):
        if place and one["score"] < _LIKELY:
            return
        title = "it comes from" if place == 0 else "or from"
        yield f"  {title} [bold]{escape(one['entity'])}[/], {one['score']:.0%}"
        for text in one["evidence"]:
            yield f"    because {escape(text)}"
        for text in one["against"]:
            yield f"    [yellow]but {escape(text)}[/]"
        if one["path"]:
            yield f"    [cyan]{escape(one['path'])}[/]"


def probe_lines(answers: Sequence[ProbeAnswer]) -> Iterable[str]:
    """Yield what hosts say is out of order, and what they could not answer."""
    told = 0
    for answer in answers:
        for finding in answer.findings:
            told += 1
            if told <= _MOST_FINDINGS:
                yield f"  {escape(answer.host)} says: {escape(finding)}"
    if told > _MOST_FINDINGS:
        yield f"  [dim]and {told - _MOST_FINDINGS} more; --json has all[/]"
    asked = len({answer.host for answer in answers})
    if asked and not told and not any(answer.error or answer.partial for answer in answers):
        hosts = ", ".join(dict.fromkeys(answer.host for answer in answers))
        yield f"  [dim]{escape(hosts)} was asked and finds nothing out of order with itself[/]"
    for answer in answers:
        why = answer.error or answer.partial
        if why:
            yield f"  [dim]{escape(answer.host)}, {answer.probe}: {escape(why)}[/]"
