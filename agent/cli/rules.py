"""``opsmend rules check|test``: whether rules are written well, and whether they do what their tests say."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from agent.cli.output import console, print_json
from agent.collect import PrometheusSource
from agent.config import Rulebook, load_cases, load_rules
from agent.config.ruletestfile import RuleTestFile
from agent.config.scalars import parse_duration
from agent.config.yamlfile import read_yaml, validate
from agent.decide import load_catalog
from agent.errors import ConfigError, OpsmendError, Problem, gathering
from agent.workshop.orphans import orphans
from agent.workshop.places import Places
from agent.workshop.ruletests import rule_test_files, run_rule_tests

_TIMEOUT = "10s"


def check_rules(places: Places, prometheus: str | None, json: bool) -> None:
    """Check every rule file and every rule test file; with a Prometheus also what it says to the queries."""
    problems: list[Problem] = []
    notes: list[str] = []
    book: Rulebook | None = None
    with gathering(problems):
        book = load_rules(places.rules)
        notes += orphans(
            book, load_catalog(places.playbooks, book.faults), load_cases(places.rules, book.faults)
        )
    for file in rule_test_files(places.rules):
        with gathering(problems):
            validate(RuleTestFile, read_yaml(file))
    if book is not None and prometheus:
        problems += ask_prometheus(
            prometheus, {f"signal {id_}": one.query for id_, one in book.signals.items()}
        )
    if json:
        print_json({"problems": problems, "notes": notes})
    else:
        show_problems(problems, notes)
        if book is not None:
            counted = f"{len(book.signals)} signals, {len(book.faults)} faults, {len(book.rules)} rules"
            console.print(f"[green]good[/]   {counted}")
    if problems:
        sys.exit(ConfigError.exit_code)


def run_tests(places: Places, files: Sequence[Path], json: bool) -> None:
    """Run the tests of rules, all or those of some files."""
    book = load_rules(places.rules)
    report = run_rule_tests(book, files or rule_test_files(places.rules))
    untested = [] if files else report.untested
    if json:
        print_json({"tests": report.tests, "problems": report.problems, "untested": untested})
    else:
        show_problems(report.problems, [f"no test makes rule {rule} match" for rule in untested])
        passed = "[red]failed[/]" if report.problems else "[green]passed[/]"
        console.print(
            f"{passed}  {report.tests} tests, {len(book.rules) - len(report.untested)} rules seen to match"
        )
    if report.problems:
        sys.exit(1)


def ask_prometheus(url: str, queries: dict[str, str]) -> list[Problem]:
    """Return what a Prometheus has against queries. Raises SourceError when it does not answer at all."""
    source = PrometheusSource(url, parse_duration(_TIMEOUT))
    problems = []
    try:
        source.now()
        for name, query in queries.items():
            try:
                source.query(query)
            except OpsmendError as error:
                problems.append(Problem(url, str(error), key=name))
    finally:
        source.close()
    return problems


def show_problems(problems: Sequence[Problem], notes: Sequence[str]) -> None:
    """Print what is wrong and what is worth knowing."""
    for problem in problems:
        console.print(f"[red]wrong[/]  {escape(str(problem))}", soft_wrap=True)
    for note in notes:
        console.print(f"[yellow]note[/]   {escape(note)}", soft_wrap=True)
