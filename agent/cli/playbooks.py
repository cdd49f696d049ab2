"""``opsmend playbooks list|show|check|new|run``: remediations, for those who write and read them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.markup import escape

from agent.check.identity import look_as_the_agent
from agent.check.site import with_folder
from agent.cli.output import console, print_json, print_table
from agent.cli.rules import ask_prometheus, show_problems
from agent.clock import SystemClock
from agent.config import Settings, find_config_file, load_rules, load_settings
from agent.config.remediationfile import AnomaliesCheck, Step, playbooks_of
from agent.decide import Remediation, load_catalog
from agent.decide.catalog import METADATA, load_remediation
from agent.decide.parameters import bind_parameters
from agent.decide.targets import resolve_hosts
from agent.errors import ConfigError, NotFoundError, Problem, RefusedError, SourceUnreachable
from agent.quantity import span_in_words
from agent.reasons import Reason
from agent.records import ParameterValue
from agent.remediate import Execution, Hosts, PlaybookRunner, Snapshot
from agent.remediate.steps import slug
from agent.wiring import make_ansible
from agent.workshop.adopt import Adoption, adopt
from agent.workshop.inspection import check_queries, inspect_files, inspect_with_ansible
from agent.workshop.places import Places
from agent.workshop.skeleton import RemediationDraft, write_skeleton


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPreview:
    """What one step would do, as Ansible's check mode tells it."""

    step: str
    state: str
    changes: bool
    output: str


def list_remediations(places: Places, json: bool) -> None:
    """List all remediations with what they fix."""
    catalog = load_catalog(places.playbooks, load_rules(places.rules).faults)
    if json:
        print_json([_described(one) for one in catalog.values()])
        return
    rows = [
        (one.name, ", ".join(one.file.fixes), one.file.risk, one.file.summary) for one in catalog.values()
    ]
    print_table("remediations", ("name", "fixes", "risk", "what it does"), sorted(rows))


def show_remediation(places: Places, name: str, json: bool) -> None:
    """Show one remediation: what it takes, does, checks, undoes, and how often it may run."""
    remediation = _find(places, name)
    if json:
        print_json(_described(remediation))
        return
    file = remediation.file
    console.print(f"[bold]{name}[/]  {escape(file.summary)}")
    console.print(f"fixes     {', '.join(file.fixes)}")
    console.print(f"risk      {file.risk}, idempotent: {'yes' if file.idempotent else 'no'}")
    console.print(f"target    {escape(file.target)}, at most {file.limits.hosts} at once")
    for key, parameter in file.parameters.items():
        origin = f"from label {parameter.from_}" if parameter.from_ else f"default {parameter.default}"
        console.print(f"parameter {key} ({parameter.type}, {escape(origin)})  {escape(parameter.summary)}")
    for step in file.steps:
        console.print(
            f"step      {escape(step.name)}: {step.playbook}, at most {span_in_words(step.timeout)}"
        )
    for check in file.verify.checks:
        words = "symptoms gone" if isinstance(check, AnomaliesCheck) else f"{check.query} {check.describe()}"
        console.print(f"check     {escape(words)}", soft_wrap=True)
    undo = file.rollback
    told = f"none: {undo.none}" if undo.none else f"{undo.playbook}, when {', '.join(undo.on)}"
    console.print(f"rollback  {escape(told)}")
    console.print(
        f"limits    {span_in_words(file.limits.cooldown)} between two runs, {file.limits.per_day} a day"
    )
    console.print(f"folder    {escape(str(remediation.folder))}")


def check_remediations(
    places: Places, names: Sequence[str], prometheus: str | None, quick: bool, json: bool
) -> None:
    """Check remediations, all or some; every problem with file, line and key."""
    book = load_rules(places.rules)
    folders = remediation_folders(places, names)
    problems: list[Problem] = []
    for folder in folders:
        with console.status(f"checking {folder.name}…"):
            found = inspect_files(folder, book, places)
            if not found and not quick:
                found = inspect_with_ansible(folder, places)
            if not found and prometheus:
                queries = check_queries(load_remediation(folder, book.faults))
                found = ask_prometheus(prometheus, queries)
        problems += found
        if not json:
            show_problems(found, ())
            if not found:
                console.print(f"[green]good[/]   {folder.name}")
    if json:
        print_json({"checked": [folder.name for folder in folders], "problems": problems})
    if problems:
        sys.exit(ConfigError.exit_code)


def new_remediation(places: Places, draft: RemediationDraft, json: bool) -> None:
    """Write a small working remediation with all that belongs to it, into the author's own folders."""
    rules, playbooks = places.rules_for_drafts, places.playbooks_for_drafts
    files = write_skeleton(draft, rules, playbooks, load_rules(places.rules).faults)
    if json:
        print_json({"files": files})
        return
    for file in files:
        console.print(f"[green]wrote[/]  {escape(str(file))}")
    console.print("It works as it is. Change it, and after each change:")
    commands = ("rules test", *(f"playbooks {verb} {draft.name}" for verb in ("check", "test", "prove")))
    for command in commands:
        console.print(f"  [bold]opsmend {command}[/]")


def adopt_playbook(places: Places, playbook: Path, wanted: Adoption, json: bool) -> None:
    """Write a remediation around a playbook into the author's own folder, and say what is left to do."""
    files, notes = adopt(playbook, wanted, load_rules(places.rules), places.playbooks_for_drafts)
    if json:
        print_json({"files": files, "notes": notes})
        return
    for file in files:
        console.print(f"[green]wrote[/]  {escape(str(file))}")
    show_problems((), notes)
    console.print(f"then  [bold]opsmend playbooks check {wanted.name}[/]")


def preview_remediation(
    config: Path | None, name: str, host: str, given: Mapping[str, str], check: bool, json: bool
) -> None:
    """Run a remediation's steps against one host in Ansible's check mode and show what they would do.

    As the agent does, whose key and known hosts are what counts.
    """
    if not check:
        raise RefusedError(
            "only the agent runs remediations: it asks policy and guards, locks the host and verifies; "
            "give --check for a preview, or use opsmend incident run"
        )
    file = find_config_file(config).absolute()
    with TemporaryDirectory(prefix="opsmend-preview-") as folder:
        another = look_as_the_agent(file, Path(folder))
        previews = _preview(with_folder(load_settings(file), Path(folder)), name, host, given)
    if json:
        print_json(previews)
    else:
        for one in previews:
            word = "would change the host" if one.changes else "would change nothing"
            console.print(f"[bold]{escape(one.step)}[/]: {one.state}, {word}")
            console.print(escape(one.output.strip()), soft_wrap=True)
    if any(one.state != "succeeded" for one in previews):
        if another:
            raise SourceUnreachable(f"this was tried with your key, not {another}'s: use sudo")
        sys.exit(1)


def _preview(settings: Settings, name: str, host: str, given: Mapping[str, str]) -> list[StepPreview]:
    remediation = _find(Places(rules=settings.paths.rules, playbooks=settings.paths.playbooks), name)
    ansible = make_ansible(settings, SystemClock())
    labels = _as_labels(remediation, given)
    found = resolve_hosts(
        "{host}",
        remediation.file.companions,
        {**labels, "host": host},
        ansible.inventory.hosts(),
        remediation.file.limits.hosts,
    )
    parameters = bind_parameters(remediation.file.parameters, labels)
    hosts = Hosts(
        targets=[one.name for one in found.targets],
        companions=[one.name for one in found.companions],
        identities=found.identities,
    )
    snapshot = ansible.snapshots.open(ansible.snapshots.take(remediation.folder))
    return [
        _preview_step(ansible.runner, snapshot, step, hosts, parameters, remediation)
        for step in remediation.file.steps
    ]


def _preview_step(
    runner: PlaybookRunner,
    snapshot: Snapshot,
    step: Step,
    hosts: Hosts,
    parameters: Mapping[str, ParameterValue],
    remediation: Remediation,
) -> StepPreview:
    execution = Execution(
        mark=f"preview-{os.getpid()}-{slug(step.name)}",
        step=step.name,
        snapshot=snapshot,
        playbook=step.playbook,
        hosts=hosts,
        parameters=parameters,
        timeout=step.timeout + timedelta(seconds=30),
        check=True,
        playbooks=playbooks_of(remediation.file),
    )
    with console.status(f"{step.name}, in check mode…"):
        ended = runner.run(execution, lambda event: None, lambda: False)
    output = ended.output if ended.reason is not Reason.PLAY_REFUSED else ended.detail
    return StepPreview(step=step.name, state=ended.state, changes=bool(ended.changed), output=output)


def remediation_folders(places: Places, names: Sequence[str]) -> list[Path]:
    """Return the folders of remediations, all or those named, as they are in force."""
    folders: dict[str, Path] = {}
    for root in places.playbooks:
        folders |= {file.parent.name: file.parent for file in root.glob(f"*/{METADATA}")}
    for name in names:
        if name not in folders:
            raise NotFoundError(
                f"there is no remediation '{name}' in {', '.join(map(str, places.playbooks))}"
            )
    return [folders[name] for name in names or sorted(folders)]


def _find(places: Places, name: str) -> Remediation:
    (folder,) = remediation_folders(places, [name])
    return load_remediation(folder, load_rules(places.rules).faults)


def _as_labels(remediation: Remediation, given: Mapping[str, str]) -> Mapping[str, str]:
    """Return values by parameter as the labels that a diagnosis would have. Raises NotFoundError."""
    labels = {}
    for name, value in given.items():
        parameter = remediation.file.parameters.get(name)
        if parameter is None or parameter.from_ is None:
            known = ", ".join(key for key, one in remediation.file.parameters.items() if one.from_)
            raise NotFoundError(
                f"{remediation.name} takes no parameter '{name}' from a diagnosis; known: {known}"
            )
        labels[parameter.from_] = value
    return labels


def _described(remediation: Remediation) -> dict[str, object]:
    described = remediation.file.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"name": remediation.name, "folder": str(remediation.folder), **described}
