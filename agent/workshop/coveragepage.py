"""What others' lists know in, and the rules and remediations of this checkout; docs/coverage.md out.

``make coverage`` writes it. Each kind of trouble of a list has the rules that find it, or says why none does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import Field, model_validator

from agent.config import load_rules
from agent.config.conditions import SignalCondition, leaves
from agent.config.exporterfile import Exporter, exporter_of, load_exporters
from agent.config.promql import metric_names
from agent.config.rulefiles import Rule, Rulebook
from agent.config.scalars import Identifier, Text
from agent.config.yamlfile import Document, Strict, read_yaml, validate
from agent.decide import Remediation, load_catalog
from agent.errors import ConfigError, Problem
from agent.workshop.ruletests import RuleTestReport, rule_test_files, run_rule_tests
from agent.workshop.scenario import load_scenario

SOURCE, PAGE = Path("docs/coverage.yml"), Path("docs/coverage.md")
_BY_AGENT = "the agent itself"  # what it works out from which targets answer

_HEAD = """# What is covered

What the usual lists of alerts know, and what opsmend makes of each kind: {covered} of {kinds} have a rule
({share:.0%}). A rule needs its exporter and is silent without it; `opsmend check` says which are missing and
what that hides. "People, with diagnostics" means that nothing is run for the fault: people are called, with
what was found out. Each rule has stories in `rules/tests` in which it must match and in which it must not;
what a remediation does is tested by Molecule on broken hosts and by a running agent (`make test-acceptance`);
where no agent can meet the fault on hosts that are minutes old, the row says why.

Left to people although a machine could do it, because hosts in unprivileged containers cannot be broken so,
and a repair that was never seen to work is none: a full connection table (its limit is the kernel's, and
read-only there), containers that restart on and on (none starts inside another), mounts that hang (there is
no device that could), reboots, and jobs that a timer missed while it was active.

Beside the lists: mails that wait in Postfix while none leaves (`mail_queue_stuck_by_age`, repaired by
`flush_mail_queue`), and RabbitMQ's alarm for want of disk space (`rabbitmq_disk_by_alarm`), which is treated
where a full disk causes it.

Made from `docs/coverage.yml`, rules and remediations by `make coverage`.
"""


class Kind(Strict):
    """One kind of trouble that a list knows."""

    kind: Text
    rules: list[Identifier] = Field(default_factory=list)
    why: Text | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Kind:
        if bool(self.rules) == bool(self.why):
            raise ValueError("needs 'rules' that find it, or 'why' none does")
        return self


class KindList(Strict):
    """The kinds of one list."""

    name: Text
    kinds: list[Kind] = Field(min_length=1)


class CoverageFile(Strict):
    """``docs/coverage.yml``."""

    lists: list[KindList]


def coverage_text(root: Path) -> str:
    """Return the page for a checkout. Raises ConfigError for a rule that does not exist or has no stories."""
    document = read_yaml(root / SOURCE)
    content = validate(CoverageFile, document)
    book = load_rules([root / "rules"])
    report = run_rule_tests(book, rule_test_files([root / "rules"]))
    problems = list(_problems(document, content, book, report))
    if problems:
        raise ConfigError(problems)
    kinds = [kind for one in content.lists for kind in one.kinds]
    covered = sum(bool(kind.rules) for kind in kinds)
    rows = _Rows(book, load_exporters([root / "rules"]), load_catalog([root / "playbooks"], book.faults))
    parts = [_HEAD.format(covered=covered, kinds=len(kinds), share=covered / len(kinds))]
    for one in content.lists:
        parts += [f"\n## {one.name}\n\n", "| kind | needs | rules → fault | repair | tested by |\n"]
        parts += ["|---|---|---|---|---|\n", *(rows.row(kind) for kind in one.kinds)]
    return "".join(parts)


def _problems(
    document: Document, content: CoverageFile, book: Rulebook, report: RuleTestReport
) -> Iterator[Problem]:
    for place, one in enumerate(content.lists):
        for index, kind in enumerate(one.kinds):
            for rule in kind.rules:
                where = ("lists", place, "kinds", index, "rules")
                if rule not in book.rules:
                    yield document.problem(where, f"there is no rule '{rule}'")
                elif rule in report.untested or rule in report.never_silent:
                    yield document.problem(where, f"rule '{rule}' has no story in which it must (not) match")


class _Rows:
    def __init__(
        self, book: Rulebook, exporters: Mapping[str, Exporter], catalog: Mapping[str, Remediation]
    ) -> None:
        self._book = book
        self._exporters = exporters
        self._catalog = catalog

    def row(self, kind: Kind) -> str:
        name = kind.kind.replace("|", "\\|")
        if kind.why:
            return f"| {name} | | none: {kind.why} | | |\n"
        rules = [self._book.rules[id_] for id_ in kind.rules]
        needs = ", ".join(dict.fromkeys(one for rule in rules for one in self._needs(rule)))
        found = "<br>".join(f"`{rule.id}` → {rule.fault}" for rule in rules)
        fixers = list(dict.fromkeys(name for rule in rules for name in self._fixers(rule.fault)))
        repair = ", ".join(f"`{one}`" for one in fixers) or "people, with diagnostics"
        tested = "; ".join(["stories", *dict.fromkeys(map(self._tested, fixers))])
        return f"| {name} | {needs} | {found} | {repair} | {tested} |\n"

    def _tested(self, fixer: str) -> str:
        unmet = load_scenario(self._catalog[fixer].folder).target.unmet
        return f"Molecule ({unmet})" if unmet else "Molecule and the running agent"

    def _needs(self, rule: Rule) -> Iterator[str]:
        for leaf in leaves(rule.when):
            if isinstance(leaf, SignalCondition):
                signal = self._book.signals.get(leaf.signal)
                for metric in metric_names(signal.query) if signal else ():
                    yield exporter_of(metric, self._exporters) or "Prometheus"
                if signal is None:
                    yield _BY_AGENT

    def _fixers(self, fault: str) -> list[str]:
        if self._book.faults[fault].for_people:
            return []
        return [name for name, one in sorted(self._catalog.items()) if fault in one.file.fixes]


def main() -> None:
    """Write the page of the checkout that this is; with ``--check`` fail when it is not current."""
    root = Path()
    text = coverage_text(root)
    if "--check" not in sys.argv:
        (root / PAGE).write_text(text)
    elif (root / PAGE).read_text() != text:
        sys.exit(f"{PAGE} is not current: run make coverage")


if __name__ == "__main__":
    main()
