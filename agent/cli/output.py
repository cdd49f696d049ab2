"""How the command talks: tables and sentences for people, JSON for programs, one line for an error."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import orjson
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from agent.cleantext import clean
from agent.errors import OpsmendError
from agent.quantity import span_in_words
from agent.records.plain import to_plain
from agent.wholefile import replacing

_NOT_PLAIN = re.compile(r"[^\n -~]")
# what goes into a pipe is for grep: no line is folded there
_WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200


class CleanConsole(Console):
    """Prints what is given to it, and nothing that a terminal would obey.

    What a label, a log line or a playbook's output holds is shown, never carried out, whatever it is part of.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string with its markup as text that may be shown: so cleaned its width is known."""
        return super().render_str(clean(text, lines=True), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Yield what is written: everything comes by here, in pieces."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else piece._replace(text=clean(piece.text, lines=True))


console = CleanConsole(highlight=False, width=_WIDTH)
errors = CleanConsole(stderr=True, highlight=False, width=_WIDTH)

STATE_STYLES = {
    "recovered": "green",
    "cleared": "green",
    "succeeded": "green",
    "remediating": "cyan",
    "verifying": "cyan",
    "running": "cyan",
    "awaiting_approval": "yellow",
    "held": "yellow",
    "unknown": "yellow",
    "escalated": "red",
    "failed": "red",
    "timed_out": "red",
    "not_recovered": "red",
    "worse": "red",
}


def write(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all. Raises OpsmendError."""
    with writing(path) as stream:
        stream.write(content.decode())


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """Yield a stream whose text becomes a file as a whole, or not at all. Raises OpsmendError.

    What is no ordinary file, such as /dev/stdout or a pipe, is written to and never replaced.
    """
    ordinary = not path.is_symlink() and (path.is_file() or not path.exists())
    try:
        with replacing(path, 0o666) if ordinary else path.open("wb") as raw:
            stream = TextIOWrapper(raw, encoding="utf-8", newline="")
            yield stream
            stream.flush()
    except OSError as error:
        raise OpsmendError(f"{path} cannot be written: {error.strerror or error}") from error


def csv_cell(text: str) -> str:
    """Quote a cell where CSV needs it."""
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def print_json(value: Any) -> None:
    """Write a value as JSON to standard output."""
    text = orjson.dumps(value, default=to_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)
    # what terminals obey and JSON may hold as it is; programs read it as the same text
    shown = _NOT_PLAIN.sub(_escaped, text.decode())
    sys.stdout.buffer.write(shown.encode() + b"\n")
    sys.stdout.buffer.flush()


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table; strings are shown as they are, not as markup."""
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Markup) else escape(str(cell)) for cell in row))
    console.print(table)


def styled(state: Enum | str) -> Markup:
    """Return a state in its colour."""
    word = str(state.value if isinstance(state, Enum) else state)
    style = STATE_STYLES.get(word)
    shown = escape(word.replace("_", " "))
    return Markup(f"[{style}]{shown}[/]" if style else shown)


class Markup(str):
    """Text that is rich markup already."""

    __slots__ = ()


def ago(then: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago something was: ``3 min 20 s ago``."""
    if then is None:
        return "never"
    return f"{span_in_words((now or datetime.now(UTC)) - then)} ago"
