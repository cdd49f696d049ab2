"""``opsmend rules import``: alert rules as Prometheus reads them in, files of a draft out."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from rich.markup import escape

from agent.cli.output import console, print_json
from agent.cli.rules import show_problems
from agent.collect.http import HttpClient
from agent.config import load_rules
from agent.config.sources import HttpSection
from agent.errors import ConfigError, Problem, SourceRefused
from agent.workshop.drafting import keep, try_out
from agent.workshop.places import Places
from agent.workshop.ruleimport import Import, import_rules, read_rules

_LARGEST = 5_000_000  # bytes; the largest rendered mixins are a tenth of it


def import_from(places: Places, source: str, output: Path | None, json: bool) -> None:
    """Write a draft of every alert of a file or page; print what came over where no folder is given."""
    found = import_rules(source, read_rules(_text(source), source), load_rules(places.rules))
    if found.draft.files:
        try_out(found.draft, places.rules)
        if output is not None:
            keep(found.draft, output)
    if json:
        files = {str(name): text for name, text in found.draft.files.items()}
        print_json(
            {
                "by_expression": found.by_expression,
                "by_alert": found.by_alert,
                "partly": found.partly,
                "left_out": found.left_out,
                "files": files,
                "notes": found.draft.notes,
            }
        )
        return
    _show(found, source, output)


def _show(found: Import, source: str, output: Path | None) -> None:
    told_of = (
        ("alert", "taken as the alert itself, since ", found.by_alert),
        ("partly", "", found.partly),
        ("left", "", found.left_out),
    )
    for word, before, remarks in told_of:
        for one in remarks:
            place = f"{source}:{one.line}" if one.line else source
            text = escape(f"{place}: {one.name}: {before}{one.why}")
            console.print(f"[yellow]{word}[/]{' ' * (7 - len(word))}{text}", soft_wrap=True)
    for file in found.draft.files:
        console.print(f"[bold]{'wrote' if output else 'would write'}[/]  {escape(str(file))}", soft_wrap=True)
    show_problems((), found.draft.notes)
    told = len(found.by_expression) + len(found.by_alert)
    console.print(
        f"{told} alerts came over, {len(found.by_expression)} of them by what they compare; "
        f"{len(found.left_out)} rules did not"
    )
    if output is None and told:
        console.print("--output FOLDER writes the draft, such as --output /etc/opsmend/rules")


def _text(source: str) -> str:
    if not source.startswith(("http://", "https://")):
        try:
            return Path(source).read_text()
        except OSError as error:
            raise ConfigError([Problem(source, f"cannot be read: {error.strerror}")]) from error
        except UnicodeDecodeError as error:
            raise ConfigError([Problem(source, f"cannot be read: {error}")]) from error
    parts = urlsplit(source)
    try:
        section = HttpSection(url=f"{parts.scheme}://{parts.netloc}")
    except ValueError as error:
        raise ConfigError(
            [Problem(source, "is no address of a page; it must not hold a password")]
        ) from error
    client = HttpClient("rules", "rules", section, largest=_LARGEST)
    try:
        reply = client.send("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
    finally:
        client.close()
    if reply.status != HTTPStatus.OK:
        raise SourceRefused(f"{source} answers {reply.status} {reply.reason}")
    return reply.body.decode(errors="replace")
