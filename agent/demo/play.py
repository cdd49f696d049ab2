"""The demo: build the cluster, start the agent, break hosts one after another, watch, and judge."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from agent.config import load_settings
from agent.demo.cluster import (
    BALANCER,
    NAME,
    WEB,
    agent_environment,
    start_agent,
    start_cluster,
    stop_agent,
    write_agent_config,
)
from agent.demo.faults import FAULTS, DemoFault
from agent.demo.hosts import Cluster, Host, remove
from agent.demo.image import DemoError, node_image, remove_images
from agent.demo.snapshot import differences, take
from agent.demo.view import Board, Row
from agent.process import interruptible
from agent.records import Incident, IncidentState, Run, Verdict
from agent.store import Stores, open_stores

PID_FILE = "agent.pid"
_FAULT_TIMEOUT_S = 120
_LOOK_EVERY_S = 0.2
_NEXT = """
Next:
  make demo KEEP=1     the same, left running to look around in: opsmend incident 1
  make deb             the package for a host of yours, then opsmend init
  make help            what else there is"""


def play(root: Path, folder: Path, keep: bool, console: Console) -> bool:
    """Run the whole demo; return whether every fault was healed and verified and nothing else touched."""
    missing = [name for name in ("rules", "playbooks", "inventories/demo") if not (root / name).is_dir()]
    if missing:
        raise DemoError(
            f"{root} has no folder {missing[0]}: the demo is played in a checkout of opsmend; "
            "go there, or name it with --root"
        )
    if os.geteuid() != 0:
        raise DemoError("the demo makes hosts with podman and needs root: sudo make demo")
    with interruptible():
        remove(NAME)
        shutil.rmtree(folder, ignore_errors=True)
        image = node_image(lambda what: console.print(f"[dim]{escape(what)}[/]"))
        cluster = Cluster(NAME, folder, image)
        try:
            good = _play(cluster, root, console, keep)
        except BaseException:
            cluster.remove()
            raise
        if not keep:
            cluster.remove()
        return good


def clean(folder: Path) -> None:
    """Remove every trace of the demo: agent, hosts, images, files."""
    pid_file = folder / PID_FILE
    if pid_file.exists():
        with suppress(ProcessLookupError, ValueError):
            _stop_our_own(int(pid_file.read_text()))
    remove(NAME)
    remove_images()
    shutil.rmtree(folder, ignore_errors=True)


def _stop_our_own(pid: int) -> None:
    """Stop the agent that an earlier demo left running, if the process is still that agent."""
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists() and b"agent.cli.main" in command.read_bytes():
        os.kill(pid, signal.SIGTERM)


def _play(cluster: Cluster, root: Path, console: Console, keep: bool) -> bool:
    console.print("[dim]starting web1 and web2 behind lb, and a Prometheus that scrapes them[/]")
    url = start_cluster(cluster)
    config = write_agent_config(cluster, url, root)
    os.environ.update(agent_environment(cluster))
    console.print("[dim]starting the agent[/]")
    agent = start_agent(cluster, config)
    try:
        good = _break_everything(cluster, config, console)
    except BaseException:
        stop_agent(agent)
        raise
    if keep:
        (cluster.folder / PID_FILE).write_text(str(agent.pid))
        _explain(cluster, url, config, console)
    else:
        stop_agent(agent)
        console.print(_NEXT, soft_wrap=True, markup=False)
    return good


def _break_everything(cluster: Cluster, config: Path, console: Console) -> bool:
    stores = open_stores(load_settings(config).database)
    hosts = [cluster.hosts[name] for name in (*WEB, BALANCER)]
    before = take(hosts)
    board = Board()
    with Live(board, console=console, refresh_per_second=8):
        for fault in FAULTS:
            _break_and_watch(fault, cluster.hosts[fault.host], stores, board)
        board.now = "comparing units and files of all hosts with how they were before"
        allowed = {
            host.name: [path for fault in FAULTS if fault.host == host.name for path in fault.may_change]
            for host in hosts
        }
        touched = differences(before, take(hosts), allowed)
        board.now = ""
    stores.close()
    return _judge(board, touched, console)


def _break_and_watch(fault: DemoFault, host: Host, stores: Stores, board: Board) -> None:
    row = Row(fault.title, host.name)
    board.rows.append(row)
    known = {incident.id for incident in stores.incidents.list(limit=1000)}
    board.now = f"breaking {host.name}: {fault.title}"
    fault.inject(host)
    begin = time.monotonic()
    injected_at = datetime.now(UTC)
    deadline = begin + _FAULT_TIMEOUT_S
    while time.monotonic() < deadline:
        if row.healed is None and fault.healed(host):
            row.healed = time.monotonic() - begin
        incident = _newest(stores, known, host)
        if incident is not None:
            _fill(row, incident, stores.runs.of_incident(incident.id), injected_at)
            board.now = f"incident {incident.id}: {incident.state.value.replace('_', ' ')}"
            if incident.state.settled:
                break
        time.sleep(_LOOK_EVERY_S)
    row.wrong = _complaint(fault, row, incident)


def _newest(stores: Stores, known: set[int], host: Host) -> Incident | None:
    mine = [
        incident
        for incident in stores.incidents.list(limit=20)
        if incident.id not in known and incident.host == host.name
    ]
    return mine[-1] if mine else None


def _fill(row: Row, incident: Incident, runs: list[Run], injected_at: datetime) -> None:
    row.found = max(0.0, (incident.opened_at - injected_at).total_seconds())
    if incident.best is not None:
        row.diagnosis = incident.best.fault
        row.confidence = incident.best.confidence
    if runs:
        row.remediation = runs[-1].plan.remediation
        row.verdict = "" if runs[-1].verdict is Verdict.PENDING else runs[-1].verdict.value
        if runs[-1].verdict is Verdict.RECOVERED and runs[-1].verified_at is not None:
            row.verified = (runs[-1].verified_at - injected_at).total_seconds()
    elif incident.state.settled:
        row.verdict = incident.state.value


def _complaint(fault: DemoFault, row: Row, incident: Incident | None) -> str:
    if incident is None:
        return "the agent did not find it"
    if row.diagnosis != fault.fault:
        return f"it is {fault.fault}, the agent says {row.diagnosis or 'nothing'}"
    if incident.state is not IncidentState.RECOVERED:
        why = incident.reason.text if incident.reason else ""
        return f"the incident ended {incident.state.value}: {why} {incident.detail}".rstrip()
    if row.healed is None:
        return "the agent says recovered, the host is not"
    return ""


def _judge(board: Board, touched: list[str], console: Console) -> bool:
    for row in board.rows:
        if row.wrong:
            console.print(f"[red]{escape(row.fault)} on {row.host}:[/] {escape(row.wrong)}")
    for line in touched:
        console.print(f"[red]touched:[/] {escape(line)}")
    healed = sum(1 for row in board.rows if not row.wrong)
    word = "nothing else was touched" if not touched else f"{len(touched)} other things were touched"
    good = healed == len(FAULTS) and not touched
    colour = "green" if good else "red"
    console.print(f"[{colour}]{healed} of {len(FAULTS)} faults healed and verified; {word}[/]")
    return good


def _explain(cluster: Cluster, url: str, config: Path, console: Console) -> None:
    console.print(
        f"\nThe cluster and the agent keep running. Look around:\n"
        f"  export OPSMEND_CONFIG={config.resolve()} OPSMEND_DEMO_DIR={cluster.folder.resolve()}\n"
        f"  opsmend status; opsmend incidents --all; opsmend incident 1\n"
        f"  tail -f {cluster.folder / 'agent.log'}\n"
        f"  ssh -F {cluster.ssh_config} web1 systemctl stop nginx   # and watch\n"
        f"  Prometheus: {url}\n"
        f"  make demo-clean removes every trace",
        soft_wrap=True,
        markup=False,
    )
