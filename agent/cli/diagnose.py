"""``opsmend diagnose``: one incident folder in, the report as JSON and, for people, in words out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.markup import escape

from agent.cli.output import console, print_json, write
from agent.collect.incidentfolder import read_incident_folder
from agent.config import Rulebook, load_rules
from agent.config.casefile import load_cases
from agent.config.stock import default_folders
from agent.decide import Remediation, load_catalog
from agent.diagnose import RuleVoter
from agent.diagnose.cause.rootcause import RootCauseAnalysis, analyse
from agent.diagnose.naming.classifier import train_classifier
from agent.diagnose.naming.conclusion import Conclusion, conclude
from agent.diagnose.naming.report import build_report
from agent.errors import ConfigError, Problem
from agent.instance import with_host
from agent.records import Frame, Series
from agent.records.cases import Hypothesis, PastCase
from agent.records.evidence import SeriesTable
from agent.records.plain import to_plain

_MOST_LINKS = 5_000  # of the graph that a report holds
_SHOWN = 3


def diagnose_folder(
    folder: Path,
    output: Path | None,
    *,
    entity: str | None,
    definitions: Path | None,
    html: Path | None,
    classifier: Path | None,
    json: bool,
    quiet: bool,
) -> None:
    """Diagnose one folder; write the report, and say for people what it says."""
    book, cases, catalog = load_knowledge(definitions)
    observed = read_incident_folder(folder, entity)
    analysis = analyse(observed)
    summaries = {id_: fault.summary for id_, fault in book.faults.items()}
    model = train_classifier(cases)
    if classifier is not None and model is not None:
        write(classifier, model.to_json().encode())
    conclusion = conclude(
        analysis,
        cases,
        model,
        ask_rules(book, observed.table),
        faults=summaries,
    )
    report = make_report(analysis, conclusion, catalog)
    if output is not None:
        write(output, orjson.dumps(report, default=to_plain, option=orjson.OPT_INDENT_2))
    if html is not None:
        from agent.cli.diagnosispage import render_page

        write(html, render_page(report).encode())
    if json:
        print_json(report)
    elif not quiet:
        print_report(report)


def load_knowledge(root: Path | None) -> tuple[Rulebook, list[PastCase], Mapping[str, Remediation]]:
    """Return rules, cases and remediations: of ``root``, else the stock and local ones."""
    if root is not None and not (root / "rules").is_dir():
        raise ConfigError([Problem(root, "has no folder 'rules'", hint="where rules and playbooks are")])
    folders = [root / "rules"] if root else list(default_folders("rules"))
    playbooks = [root / "playbooks"] if root else list(default_folders("playbooks"))
    book = load_rules(folders)
    catalog = load_catalog([one for one in playbooks if one.is_dir()], book.faults)
    return book, load_cases(folders, book.faults), catalog


def ask_rules(book: Rulebook, table: SeriesTable) -> dict[str, list[Hypothesis]]:
    """Return what the rules say of each entity, where columns are named as their signals are."""
    chosen = [row for row, name in enumerate(table.names) if name in book.signals]
    if not chosen or not len(table.times) or not table.clocked:
        return {}
    rows: dict[str, list[int]] = defaultdict(list)
    series: list[Series] = []
    for place, row in enumerate(chosen):
        labels = with_host({"instance": table.entities[row], **table.labels[row]})
        series.append(Series(table.names[row], table.entities[row], labels))
        rows[table.names[row]].append(place)
    import numpy as np

    frame = Frame(
        at=datetime.fromtimestamp(float(table.times[-1]), UTC),
        times=table.times,
        values=table.values[chosen],
        series=series,
        rows={name: np.array(own, dtype=np.intp) for name, own in rows.items()},
        answered=frozenset(rows),
    )
    hypotheses: dict[str, list[Hypothesis]] = defaultdict(list)
    for candidate in RuleVoter(book).vote(frame).candidates:
        names = {candidate.entity, *(s.labels.get("service", s.entity) for s in candidate.symptoms)}
        for voter, confidence in candidate.voters.items():
            hypothesis = Hypothesis(
                voter=voter, fault=candidate.fault, confidence=confidence, evidence=candidate.evidence
            )
            for name in names | set(candidate.labels.values()):
                hypotheses[name].append(hypothesis)
    return hypotheses


def make_report(
    analysis: RootCauseAnalysis, conclusion: Conclusion, catalog: Mapping[str, Remediation]
) -> dict[str, Any]:
    """Return the report as plain values; its keys are fixed."""
    report = build_report(analysis, conclusion, _MOST_LINKS)
    report["remediations"] = list(_remediations(conclusion, catalog))
    return report


def _remediations(conclusion: Conclusion, catalog: Mapping[str, Remediation]) -> Iterable[dict[str, Any]]:
    told: set[tuple[str, str]] = set()
    for finding in conclusion.findings:
        fitting = [one for one in catalog.values() if finding.fault in one.file.fixes]
        for one in sorted(fitting, key=lambda one: -one.file.priority):
            if (one.name, finding.entity) in told:
                continue
            told.add((one.name, finding.entity))
            yield {
                "remediation": one.name,
                "summary": one.file.summary,
                "fault": finding.fault,
                "entity": finding.entity,
                "risk": one.file.risk,
                "score": finding.confidence,
            }


def print_report(report: Mapping[str, Any]) -> None:
    """Print a report for people: one sentence first, then why, what else, and what to do."""
    console.print(f"[bold]{escape(report['summary'])}[/]\n")
    for place, one in enumerate(report["root_causes"][:_SHOWN]):
        title = "Root cause" if place == 0 else "Or"
        console.print(f"{title}: [bold]{escape(one['entity'])}[/], {one['score']:.0%}")
        for text in one["evidence"]:
            console.print(f"  because {escape(text)}", soft_wrap=True)
        for text in one["against"]:
            console.print(f"  [yellow]but {escape(text)}[/]", soft_wrap=True)
        if one["path"]:
            console.print(f"  [cyan]{escape(one['path'])}[/]", soft_wrap=True)
    _print_findings(report["diagnosis"][:_SHOWN])
    for one in report["similar_cases"][:_SHOWN]:
        console.print(f"Similar: {one['likeness']:.0%} {escape(one['case'])}, {escape(one['summary'])}")
    for one in report["remediations"][:_SHOWN]:
        console.print(
            f"Remediation: [bold]{one['remediation']}[/] on {escape(one['entity'])} "
            f"({one['risk']} risk): {escape(one['summary'])}"
        )
    if report["next_question"]:
        console.print(f"Next: {escape(report['next_question'])}")
    for note in report["notes"]:
        console.print(f"[dim]note: {escape(note)}[/]", soft_wrap=True)


def _print_findings(findings: Sequence[Mapping[str, Any]]) -> None:
    for place, one in enumerate(findings):
        console.print(
            f"{'Diagnosis' if place == 0 else 'Or'}: [bold]{one['fault']}[/] on {escape(one['entity'])}, "
            f"confidence {one['confidence']:.2f} ({escape(', '.join(one['voters']) or 'no voter')})"
        )
        for text in one["evidence"]:
            console.print(f"  because {escape(text)}", soft_wrap=True)
