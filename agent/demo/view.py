"""The demo's live table: each fault on its way from injection to proof."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich import box
from rich.console import Group
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


@dataclass
class Row:
    """What is known of one fault. Times are seconds after its injection."""

    fault: str
    host: str
    found: float | None = None
    diagnosis: str = ""
    confidence: float | None = None
    remediation: str = ""
    healed: float | None = None
    verified: float | None = None
    verdict: str = ""
    wrong: str = ""


@dataclass
class Board:
    """All faults, and one line on what happens now."""

    rows: list[Row] = field(default_factory=list)
    now: str = ""

    def __rich__(self) -> Group:
        table = self.table()
        return Group(table, Spinner("dots", Text(f" {self.now}"))) if self.now else Group(table)

    def table(self) -> Table:
        """Return the table as it stands."""
        table = Table(title="opsmend demo", title_justify="left", header_style="bold", box=box.SIMPLE_HEAD)
        for column in ("fault", "host"):
            table.add_column(column)
        table.add_column("found\nafter", justify="right")
        table.add_column("diagnosed as\nremediation", no_wrap=True)
        table.add_column("sure")
        table.add_column("healed\nafter", justify="right")
        table.add_column("verified\nafter", justify="right")
        for row in self.rows:
            sure = "" if row.confidence is None else f"{row.confidence:.2f}"
            verdict = row.verdict if row.wrong or row.verdict not in ("", "recovered") else ""
            style = "red" if row.wrong else "green" if row.verified is not None else ""
            table.add_row(
                escape(row.fault),
                row.host,
                _seconds(row.found),
                f"{row.diagnosis}\n{row.remediation}",
                sure,
                _seconds(row.healed),
                verdict or _seconds(row.verified),
                style=style,
            )
        return table


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
