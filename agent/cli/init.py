"""``opsmend init``: a few questions, a look at what is there, and the files of a first installation."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.markup import escape

from agent.cli.output import console
from agent.config.stock import stock_folder
from agent.setup.installation import PREPARATION_FILE, Installation
from agent.setup.keys import SshFolder, files_of_people, known_to, scan
from agent.setup.survey import Survey, survey
from agent.setup.written import Answers

_MOST_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the command line says. What it leaves open is asked, or taken as usual with ``ask`` false."""

    prometheus: str | None
    inventory: Path | None
    login: str | None
    folder: Path
    ask: bool
    force: bool
    exporters: bool | None
    trust_host_keys: bool | None
    token_file: Path | None
    ca_file: Path | None
    vault_password_file: Path | None
    notify_file: Path | None


def set_up(told: Told) -> Installation:
    """Ask, look and write; return what was installed, which remains to be checked."""
    installation = Installation.at(told.folder.absolute())
    installation.refuse_to_replace(stock_folder() / "opsmend.yml", told.force)
    answers = _answers(told, installation)
    installation.refuse_what_the_agent_cannot_read(answers)
    with console.status("looking at Prometheus and the inventory…"):
        found = survey(answers, installation.places)
    _tell(found, answers)
    exporters = _choose(
        told.exporters, "Let the preparation of hosts install the exporters too?", told.ask, False
    )
    public_key = installation.make_key()
    if installation.is_usual:
        _learn_host_keys(SshFolder(installation.user), found, told)
    for file in installation.write(answers, found, public_key, (), exporters):
        console.print(f"wrote {escape(str(file))}", soft_wrap=True)
    _explain(installation, answers, public_key)
    return installation


def _answers(told: Told, installation: Installation) -> Answers:
    prometheus = told.prometheus or _ask("URL of Prometheus", "http://127.0.0.1:9090", told.ask)
    inventory = told.inventory
    if inventory is None and told.ask:
        said = _ask(
            "Your Ansible inventory, a file or folder (empty: make one of what Prometheus has)", "", True
        )
        inventory = Path(said) if said else None
    login = told.login
    if login is None and installation.is_usual:
        usual = "" if inventory is not None else "opsmend"
        login = _ask("User to log in as on the hosts (empty: as the inventory says)", usual, told.ask) or None
    return Answers(
        prometheus=prometheus.rstrip("/"),
        inventory=inventory and inventory.absolute(),
        login=login,
        token_file=told.token_file and told.token_file.absolute(),
        ca_file=told.ca_file and told.ca_file.absolute(),
        vault_password_file=told.vault_password_file and told.vault_password_file.absolute(),
        notify_file=told.notify_file and told.notify_file.absolute(),
    )


def _tell(found: Survey, answers: Answers) -> None:
    for line in found.lines:
        console.print(f"{escape(line.what)}: {escape(line.text)}", soft_wrap=True)
    naming = found.naming
    where = f"{len(found.hosts)} hosts in {answers.inventory}" if answers.inventory else "no inventory"
    console.print(f"{escape(where)}; Prometheus has samples of {len(found.scraped.hosts)}", soft_wrap=True)
    if answers.inventory is None:
        console.print(f"  I make an inventory of {_named(list(naming.called))}")
    if naming.suffixes:
        console.print(f"  their names differ by {_named(naming.suffixes)}: I add opsmend_host_suffixes")
    if answers.inventory is not None and naming.unseen:
        console.print(f"  [yellow]Prometheus has nothing of[/] {_named(naming.unseen)}", soft_wrap=True)
    if answers.inventory is not None and naming.strangers:
        console.print(f"  [yellow]not in the inventory:[/] {_named(naming.strangers)}", soft_wrap=True)
    _tell_faults(found)


def _tell_faults(found: Survey) -> None:
    """Say which faults will be seen and where, and which not and why."""
    seen = found.seen()
    known = [name for name, called in found.naming.called.items() if called]
    everywhere = [fault for fault, hosts in seen.items() if known and len(hosts) == len(known)]
    console.print(f"It will see on every host: {', '.join(everywhere) or 'nothing'}", soft_wrap=True)
    further: dict[tuple[str, ...], list[str]] = {}
    for fault, hosts in seen.items():
        if hosts and fault not in everywhere:
            further.setdefault(tuple(hosts), []).append(fault)
    for some, faults in further.items():
        console.print(f"  on {_named(some)} also {', '.join(faults)}", soft_wrap=True)
    for exporter, faults in found.blind_without().items():
        console.print(
            f"[yellow]blind for[/] {', '.join(faults)}: {exporter} works nowhere (how to get it: see below)",
            soft_wrap=True,
        )
    console.print("Logs, events and alerts are sources of their own: docs/sources.md\n")


def _learn_host_keys(folder: SshFolder, found: Survey, told: Told) -> None:
    """Let the agent know the hosts' keys: those that people here know already, others only when trusted."""
    ours = known_to(files_of_people(), folder.unknown(found.hosts.values()))
    folder.note(ours)
    if ours:
        console.print(f"host keys taken over from your known_hosts: {len({key.host for key in ours})}")
    strange = folder.unknown(found.hosts.values())
    if not strange:
        return
    shown = scan(strange)
    for key in shown:
        console.print(f"  {escape(key.host)} shows {key.fingerprint}", soft_wrap=True)
    if shown and _choose(told.trust_host_keys, "Are these their keys?", told.ask, False):
        folder.note(shown)
        strange = folder.unknown(found.hosts.values())
    if strange:
        names = _named([host.name for host in strange])
        console.print(
            f"[yellow]host keys not known:[/] {names}. Log in once as the agent does, and compare:\n"
            f"  sudo -u {folder.user.pw_name} ssh HOST",
            soft_wrap=True,
        )


def _explain(installation: Installation, answers: Answers, public_key: str | None) -> None:
    places = installation.places
    if public_key is not None:
        inventories = " ".join(f"-i {one}" for one in (answers.inventory, places.inventory) if one)
        playbook = places.folder / PREPARATION_FILE
        console.print(
            f"\nThe agent's key: {escape(public_key)}\n"
            "Let it in by your own means, or by this playbook, by which it can become root; read it first:\n"
            f"  /opt/opsmend/bin/ansible-playbook {inventories} -e ansible_user=YOU {playbook}\n",
            soft_wrap=True,
        )


def next_steps(installation: Installation) -> None:
    """Say what to do once everything is good."""
    if installation.is_usual:
        start = "systemctl enable --now opsmend"
        look = "opsmend status; opsmend incidents --watch"
    else:
        start = f"opsmend run --config {installation.places.config}"
        look = f"opsmend status --config {installation.places.config}"
    console.print(
        "\nNext, once nothing above is wrong. It only watches (mode: observe), and says what it would do:\n"
        f"  {start}\n  {look}",
        soft_wrap=True,
    )


def _ask(question: str, usual: str, ask: bool) -> str:
    if not ask:
        return usual
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"there is nobody to ask '{question}': give the options, or --yes")
    return str(typer.prompt(question, default=usual, show_default=bool(usual))).strip()


def _choose(told: bool | None, question: str, ask: bool, usual: bool) -> bool:
    if told is not None or not ask:
        return usual if told is None else told
    return typer.confirm(question, default=usual)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return escape(shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more")
