"""``opsmend rules`` and ``opsmend playbooks``: the verbs of authors, each imported when it is used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import Config, Json

if TYPE_CHECKING:
    from agent.workshop.places import Places

rules = typer.Typer(help="Check and test signals, faults and diagnosis rules.", no_args_is_help=True)
playbooks = typer.Typer(help="List, write, check and test remediations.", no_args_is_help=True)

RuleFolders = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules",
        metavar="DIR",
        help="Rules; may be given several times, later ones add.",
        show_default=False,
    ),
]
PlaybookFolders = Annotated[
    list[Path] | None,
    typer.Option(
        "--playbooks", metavar="DIR", help="Remediations; may be given several times.", show_default=False
    ),
]
Prometheus = Annotated[
    str | None, typer.Option(metavar="URL", help="Also ask this Prometheus whether it takes the queries.")
]


def _places(
    config: Path | None, rule_folders: list[Path] | None, playbook_folders: list[Path] | None = None
) -> Places:
    from agent.workshop.places import find_places

    return find_places(config, rule_folders or (), playbook_folders or ())


def _values(given: list[str] | None, option: str) -> dict[str, str]:
    """Return what NAME=VALUE says of each name."""
    pairs = [one.partition("=") for one in given or ()]
    if any(not sign for _, sign, _ in pairs):
        raise typer.BadParameter("write NAME=VALUE", param_hint=option)
    return {name: value for name, _, value in pairs}


@rules.command("check")
def rules_check(
    rule_folders: RuleFolders = None,
    playbook_folders: PlaybookFolders = None,
    prometheus: Prometheus = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Check rules and their tests: every problem with file, line and key; and what leads nowhere.

    Without --rules and --config the folders rules and playbooks here are checked, as in a checkout.
    """
    from agent.cli.rules import check_rules

    check_rules(_places(config, rule_folders, playbook_folders), prometheus, json)


@rules.command("test")
def rules_test(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Only these; default all of rules/tests.")
    ] = None,
    rule_folders: RuleFolders = None,
    playbook_folders: PlaybookFolders = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Run the stories in rules/tests: samples over time, and the incidents the rules must make of them."""
    from agent.cli.rules import run_tests

    run_tests(_places(config, rule_folders, playbook_folders), files or (), json)


@rules.command("draft")
def rules_draft(
    alert: Annotated[str, typer.Option(help="Name of an alert that no rule uses; see opsmend status.")],
    fault: Annotated[
        str | None,
        typer.Option(help="A fault of the catalogue that it means; default one of its name, or a new one."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A rules folder to write to; default is to print.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Draft a rule, its story and its fault from an alert, with the labels it was last seen with."""
    from agent.cli.ruledraft import draft

    draft(config, alert, fault, output, json)


@rules.command("import")
def rules_import(
    source: Annotated[
        str,
        typer.Argument(metavar="FILE|URL", help="Alert rules as Prometheus reads them, or a PrometheusRule."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="A rules folder to write to; default is to say what."),
    ] = None,
    rule_folders: RuleFolders = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Draft signals, faults, rules and stories from alert rules, and say what could not be taken over."""
    from agent.cli.ruleimport import import_from

    import_from(_places(config, rule_folders), source, output, json)


Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="Remediations; default all.", show_default=False)
]
Jobs = Annotated[int, typer.Option(min=1, max=16, help="So many at the same time.")]


@playbooks.command("list")
def playbooks_list(
    rule_folders: RuleFolders = None,
    playbook_folders: PlaybookFolders = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """List remediations and the faults that they fix."""
    from agent.cli.playbooks import list_remediations

    list_remediations(_places(config, rule_folders, playbook_folders), json)


@playbooks.command("show")
def playbooks_show(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    rule_folders: RuleFolders = None,
    playbook_folders: PlaybookFolders = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show what a remediation takes, does, checks and undoes."""
    from agent.cli.playbooks import show_remediation

    show_remediation(_places(config, rule_folders, playbook_folders), name, json)


@playbooks.command("check")
def playbooks_check(
    names: Names = None,
    prometheus: Prometheus = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out ansible-lint and Ansible's own check.")
    ] = False,
    rule_folders: RuleFolders = None,
    playbook_folders: PlaybookFolders = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Check remediations without running them: metadata, parameters, queries, scenario, playbooks."""
    from agent.cli.playbooks import check_remediations

    places = _places(config, rule_folders, playbook_folders)
    check_remediations(places, names or (), prometheus, quick, json)


@playbooks.command("new")
def playbooks_new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="verb_object, such as trim_queue.")],
    summary: Annotated[str | None, typer.Option(help="What it does, in one sentence.")] = None,
    fault: Annotated[str | None, typer.Option(help="Name of the new fault that it fixes.")] = None,
    risk: Annotated[str | None, typer.Option(help="low, medium or high.")] = None,
    rule_folders: RuleFolders = None,
    playbook_folders: PlaybookFolders = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Write a small remediation that works, with fault, signal, rule, rule test and Molecule scenario.

    What no option says is asked for on a terminal.
    """
    from agent.cli.playbooks import new_remediation
    from agent.workshop.skeleton import RemediationDraft

    def ask(given: str | None, question: str, default: str) -> str:
        if given is not None or not sys.stdin.isatty():
            return given if given is not None else default
        return str(typer.prompt(question, default=default))

    draft = RemediationDraft(
        name=name,
        summary=ask(summary, "What does it do, in one sentence?", f"Ends what {name} is there to end"),
        fault=ask(fault, "Name of the new fault that it fixes?", f"{name}_needed"),
        risk=ask(risk, "Risk: low, medium or high?", "medium"),
    )
    new_remediation(_places(config, rule_folders, playbook_folders), draft, json)


@playbooks.command("adopt")
def playbooks_adopt(
    playbook: Annotated[Path, typer.Argument(metavar="PLAYBOOK.yml", help="A playbook that exists.")],
    fault: Annotated[str, typer.Option(help="The fault that it repairs.")],
    name: Annotated[str | None, typer.Option(help="Of the remediation; default that of the file.")] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A variable's value, or the label that gives it."),
    ] = None,
    rule_folders: RuleFolders = None,
    playbook_folders: PlaybookFolders = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Write a remediation around a playbook: its variables become parameters, its scenario a skeleton."""
    from agent.cli.playbooks import adopt_playbook
    from agent.workshop.adopt import Adoption

    wanted = Adoption(
        name=name or playbook.stem.replace("-", "_"),
        fault=fault,
        given=_values(given, "--set"),
    )
    adopt_playbook(_places(config, rule_folders, playbook_folders), playbook, wanted, json)


@playbooks.command("proposals")
def playbooks_proposals(
    proposal: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this one, with its patch.", show_default=False)
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE", help="Write a patch of it, or of all, for people to apply."),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Propose changes of remediations from what came of their runs, as patches: nothing is changed.

    Time limits from the measured p95, retries and the time between them, hosts one by one or several at a
    time. Only runs of the very files that stand there now count. What could be better without a proposal is
    listed with what is missing.
    """
    from agent.cli.playbookproposals import show_proposals

    show_proposals(config, proposal, file, json)


@playbooks.command("run")
def playbooks_run(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    host: Annotated[str, typer.Option(help="A host of the inventory.")],
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="As a diagnosis would give."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only show what would be done.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show what a remediation would do to a host now, by Ansible's check mode."""
    from agent.cli.playbooks import preview_remediation

    preview_remediation(config, name, host, _values(parameter, "--parameter"), check, json)


@playbooks.command("test")
def playbooks_test(
    names: Names = None,
    changed: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Only what differs from there, and --sample more.")
    ] = None,
    sample: Annotated[
        int, typer.Option(min=0, help="Others to test with --changed, different ones each day.")
    ] = 2,
    jobs: Jobs = 1,
    rule_folders: RuleFolders = None,
    playbook_folders: PlaybookFolders = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Run Molecule: break a real host, repair it, prove it, and see that nothing else was touched."""
    from agent.cli.scenarios import choose, test_scenarios

    places = _places(config, rule_folders, playbook_folders)
    test_scenarios(places, choose(places, names or (), changed, sample), jobs, json)


@playbooks.command("prove")
def playbooks_prove(
    names: Names = None,
    jobs: Jobs = 1,
    rule_folders: RuleFolders = None,
    playbook_folders: PlaybookFolders = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Go the whole way: a running agent meets the broken host through Prometheus, and heals it."""
    from agent.cli.scenarios import choose, prove_scenarios

    places = _places(config, rule_folders, playbook_folders)
    prove_scenarios(places, choose(places, names or (), None, 0), jobs, json)
