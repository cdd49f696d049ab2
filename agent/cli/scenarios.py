"""``opsmend playbooks test|prove``: remediations against really broken hosts, with progress and a table."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from rich import box
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from agent.cli.output import console, errors, print_json
from agent.cli.playbooks import remediation_folders
from agent.demo.hosts import remove
from agent.demo.image import node_image
from agent.errors import OpsmendError
from agent.process import interruptible
from agent.workshop.hosts import cluster_name, site_name
from agent.workshop.molecule import ScenarioResult, changed_since, complaints, rotating_sample, run_scenario
from agent.workshop.places import Places
from agent.workshop.proof import Proof, prove
from agent.workshop.scenario import load_scenario

Result = TypeVar("Result")


class _Progress:
    """One line for each remediation, alive on a terminal, printed when it is done elsewhere."""

    def __init__(self, title: str, columns: Sequence[str], names: Sequence[str]) -> None:
        self._title, self._columns = title, columns
        self._rows: dict[str, Sequence[str]] = {name: ("",) * (len(columns) - 1) for name in names}
        self._lock = threading.Lock()

    def __rich__(self) -> Table:
        table = Table(title=self._title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD)
        for number, column in enumerate(self._columns):
            table.add_column(column, no_wrap=number == 0)
        with self._lock:
            for name, cells in self._rows.items():
                table.add_row(name, *cells)
        return table

    def now(self, name: str, text: str) -> None:
        """Say what is being done for a remediation."""
        first = next(iter(text.splitlines()), "")
        with self._lock:
            self._rows[name] = (f"[cyan]{escape(first)}[/]", *[""] * (len(self._columns) - 2))

    def done(self, name: str, cells: Sequence[str]) -> None:
        """Fill in the line of a remediation."""
        with self._lock:
            self._rows[name] = cells
        if not console.is_terminal:
            console.print(f"{name}: {' '.join(cell for cell in cells if cell)}", soft_wrap=True)


def choose(places: Places, names: Sequence[str], base: str | None, sample: int) -> list[Path]:
    """Return the remediations to test: those named, those changed since a commit and a few more, or all."""
    if names or base is None:
        return remediation_folders(places, names)
    everything = remediation_folders(places, ())
    changed = changed_since(base, everything, places)
    rest = [folder.name for folder in everything if folder.name not in changed]
    chosen = [*changed, *rotating_sample(rest, sample, datetime.now(UTC).date())]
    return remediation_folders(places, sorted(chosen)) if chosen else []


def test_scenarios(places: Places, folders: Sequence[Path], jobs: int, json: bool) -> None:
    """Run the Molecule scenarios of remediations and exit with 1 when one fails."""
    node_image(lambda text: console.print(text))  # before the first would be blamed for the time
    logs = Path(tempfile.mkdtemp(prefix="opsmend-molecule-"))

    def test(folder: Path, tell: Callable[[str], None]) -> ScenarioResult:
        return run_scenario(folder, places, logs / f"{folder.name}.log", tell)

    def cells(result: ScenarioResult) -> tuple[str, ...]:
        word = "[green]passed[/]" if result.passed else f"[red]failed[/] at {result.failed_at}"
        return word, f"{result.seconds:.0f} s"

    with _removed_when_interrupted(logs):
        results = _run_all(
            "Molecule scenarios", ("remediation", "result", "time"), folders, jobs, test, cells
        )
    bad = [result for result in results if not result.passed]
    if json:
        print_json(results)
    for result in [] if json else bad:
        console.print(f"[red]{result.remediation}[/] failed at {result.failed_at}; all of it in {result.log}")
        console.print(escape("\n".join(complaints(result.log))), soft_wrap=True)
    if bad:
        sys.exit(1)
    if not json:  # which names them
        shutil.rmtree(logs)


def prove_scenarios(places: Places, folders: Sequence[Path], jobs: int, json: bool) -> None:
    """Let a running agent meet the fault of each remediation and exit with 1 when it does not heal it."""
    node_image(lambda text: console.print(text))
    unmet = {folder: load_scenario(folder).target.unmet for folder in folders}
    for folder, why in unmet.items():
        if why:
            console.print(f"{folder.name}: by Molecule alone; {why}", soft_wrap=True)
    folders = [folder for folder in folders if not unmet[folder]]
    top = Path(tempfile.mkdtemp(prefix="opsmend-proof-"))

    def meet(folder: Path, tell: Callable[[str], None]) -> Proof:
        try:
            return prove(load_scenario(folder), places, top / folder.name, tell)
        except (OpsmendError, subprocess.SubprocessError) as error:
            return Proof(remediation=folder.name, wrong=[str(error)])

    columns = ("remediation", "fault", "found", "diagnosed as", "asked", "healed", "verified", "ended", "")
    title = "injected → found → diagnosed → healed → verified"
    with _removed_when_interrupted(top):
        results = _run_all(title, columns, folders, jobs, meet, _cells)
    if json:
        print_json(results)
    bad = [result for result in results if result.wrong]
    for result in [] if json else bad:
        console.print(
            f"[red]{result.remediation}[/]; its agent's log is {top / result.remediation / 'agent.log'}"
        )
        console.print(escape("\n".join(result.wrong)), soft_wrap=True)
    if bad:
        sys.exit(1)
    shutil.rmtree(top)


def _cells(proof: Proof) -> tuple[str, ...]:
    if proof.wrong and not console.is_terminal:  # whoever reads a log wants it now
        console.print(escape("\n".join(proof.wrong)), soft_wrap=True)
    sure = "" if proof.confidence is None else f" ({proof.confidence:.2f})"
    return (
        proof.fault,
        _seconds(proof.found),
        f"{proof.diagnosis}{sure}",
        "yes" if proof.asked else "",
        _seconds(proof.done),
        _seconds(proof.verified),
        proof.ended,
        "[red]wrong[/]" if proof.wrong else "[green]good[/]",
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _run_all(
    title: str,
    columns: Sequence[str],
    folders: Sequence[Path],
    jobs: int,
    work: Callable[[Path, Callable[[str], None]], Result],
    cells: Callable[[Result], Sequence[str]],
) -> list[Result]:
    """Do something for each remediation, a few at a time, and show how far each is."""
    progress = _Progress(title, columns, [folder.name for folder in folders])
    begun: set[Path] = set()
    interrupted = threading.Event()

    def one(folder: Path) -> Result:
        def tell(text: str) -> None:
            if interrupted.is_set():
                raise KeyboardInterrupt
            progress.now(folder.name, text)

        tell("starting")
        begun.add(folder)
        result = work(folder, tell)
        if interrupted.is_set():
            raise KeyboardInterrupt  # it only says that its hosts were gone
        progress.done(folder.name, cells(result))
        return result

    shown = Live(progress, console=console, refresh_per_second=2) if console.is_terminal else nullcontext()
    # leaving the pool waits for its threads, each of which removes what it made
    with interruptible(), ThreadPoolExecutor(jobs) as pool:
        try:
            with shown:
                results = list(pool.map(one, folders))
        except BaseException:
            interrupted.set()
            # what runs on them ends at once, and who waits for them waits no longer
            for folder in begun:
                _remove_hosts(folder)
            raise
    if not console.is_terminal:
        console.print(progress)
    return results


def _remove_hosts(folder: Path) -> None:
    scenario = load_scenario(folder)
    for cluster in (cluster_name(scenario), site_name(scenario)):
        remove(cluster)


@contextmanager
def _removed_when_interrupted(folder: Path) -> Iterator[None]:
    """Exit with 130 when somebody ends this, and leave nothing of it."""
    try:
        yield
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        errors.print("interrupted; the hosts are removed")
        sys.exit(130)
