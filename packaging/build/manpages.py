"""The command and the settings in, their manual pages out: opsmend(1), one page a command, opsmend.yml(5)."""

from __future__ import annotations

import gzip
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from agent import __version__
from agent.cli.main import EXIT_CODES, app
from agent.config.reference import options, section_of

_MARKS = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
_FILES = (
    ("/etc/opsmend/opsmend.yml", "the settings; see opsmend.yml(5)"),
    ("/etc/opsmend/rules, /etc/opsmend/playbooks", "what your site adds to the stock rules and remediations"),
    ("/etc/opsmend/inventory", "your Ansible inventory"),
    ("/usr/share/opsmend", "stock rules, playbooks and JSON schemas"),
    ("/var/lib/opsmend", "the store and the agent's home with its ssh key; only the agent reads it"),
    ("/run/opsmend/agent.sock", "the agent's socket; members of the group opsmend may ask and decide"),
)
_ENVIRONMENT = (
    ("OPSMEND_CONFIG", "the file of settings, where none is named"),
    ("OPSMEND_SECTION__KEY", "overrides section.key of the settings"),
)


def write_pages(folder: Path) -> None:
    """Write every page below ``folder``, compressed, the same in every build."""
    for name, text in pages():
        file = folder / f"man{name.rpartition('.')[2]}" / f"{name}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(text.encode(), mtime=0))


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every page."""
    root: Any = get_command(app)
    yield "opsmend.1", _overview(root)
    for name, command in root.commands.items():
        if not command.hidden:
            yield f"opsmend-{name}.1", _command_page(name, command)
    yield "opsmend.yml.5", _settings_page()


def _overview(root: Any) -> str:
    codes = EXIT_CODES.removeprefix("Exit codes: ").rstrip(".")
    summary = "finds faults, repairs them with Ansible, and proves the repair"
    body = [
        _section("SYNOPSIS"),
        ".B opsmend\n.I COMMAND\n[options]\n",
        _section("DESCRIPTION"),
        _text(
            "opsmend is one small agent per cluster: it watches Prometheus, finds what is wrong, says why, "
            "runs the known fix as an Ansible playbook, and proves on fresh metrics that it helped. "
            "When it is not sure, not allowed, or the fix does not help, it calls people."
        ),
        _section("COMMANDS"),
        *(
            _item(f"opsmend-{name}(1)", _first_sentence(command.help))
            for name, command in root.commands.items()
            if not command.hidden
        ),
        _section("EXIT STATUS"),
        *(_item(*one.split(" ", 1)) for one in codes.split(" · ")),
        _section("FILES"),
        *(_item(*one) for one in _FILES),
        _section("ENVIRONMENT"),
        *(_item(*one) for one in _ENVIRONMENT),
        _section("SEE ALSO"),
        _text("opsmend.yml(5), and how-tos in /usr/share/doc/opsmend."),
    ]
    return _page("OPSMEND", 1, "opsmend", summary, body)


def _command_page(name: str, command: Any) -> str:
    body = [_section("SYNOPSIS"), *_synopses(f"opsmend {name}", command)]
    body += [_section("DESCRIPTION"), _text(command.help or "")]
    if subcommands := getattr(command, "commands", {}):
        if command.invoke_without_command:  # it says something by itself
            body += [_section("OPTIONS"), *_parameters(command)]
        for inner, one in subcommands.items():
            body += [_section(f"opsmend {name} {inner}".upper()), _text(one.help or ""), *_parameters(one)]
    else:
        body += [_section("OPTIONS"), *_parameters(command)]
    body += [_section("SEE ALSO"), _text("opsmend(1), opsmend.yml(5)")]
    return _page(f"OPSMEND-{name.upper()}", 1, f"opsmend-{name}", _first_sentence(command.help), body)


def _synopses(path: str, command: Any) -> Iterator[str]:
    for name, one in getattr(command, "commands", {}).items():
        yield from _synopses(f"{path} {name}", one)
    if not getattr(command, "commands", {}) or command.invoke_without_command:
        arguments = " ".join(_metavar(one) for one in command.params if not _is_option(one))
        yield f".B {_escaped(path)}\n[options] {_escaped(arguments)}\n.br\n"


def _parameters(command: Any) -> Iterator[str]:
    for one in command.params:
        if getattr(one, "hidden", False) or one.name == "help":
            continue
        names = ", ".join(one.opts) if _is_option(one) else _metavar(one)
        value = f" {_metavar(one)}" if _is_option(one) and not one.is_flag else ""
        yield _item(f"{names}{value}", one.help or "")


def _settings_page() -> str:
    body = [
        _section("DESCRIPTION"),
        _text(
            "/etc/opsmend/opsmend.yml holds what differs from the defaults. Unknown keys are refused. "
            "Durations are written as 15s, 5m, 1h30m. opsmend check names every mistake with its line; "
            "opsmend config show prints what is in force and where it comes from."
        ),
    ]
    section = ""
    for option in options():
        if section_of(option) != section:
            section = section_of(option)
            body.append(_section(section.upper()))
        default = f" (default {option.default})" if option.default else ""
        body.append(_item(f"{option.key}: {option.kind}", f"{option.description}{default}"))
    body += [_section("SEE ALSO"), _text("opsmend(1), opsmend-check(1), opsmend-config(1)")]
    return _page("OPSMEND.YML", 5, "opsmend.yml", "settings of the agent", body)


def _page(title: str, section: int, name: str, summary: str, body: list[str]) -> str:
    head = f'.TH {_escaped(title)} {section} "" "opsmend {__version__}"\n'
    short = summary[:1].lower() + summary[1:].rstrip(".")
    return head + _section("NAME") + f"{_escaped(name)} \\- {_escaped(short)}\n" + "".join(body)


def _section(title: str) -> str:
    return f'.SH "{_escaped(title)}"\n'


def _item(tag: str, text: str) -> str:
    return f".TP\n.B {_escaped(tag)}\n{_text(text)}"


def _text(text: str) -> str:
    paragraphs = [" ".join(one.split()) for one in textwrap.dedent(text).split("\n\n")]
    return "\n.PP\n".join(_escaped(one) for one in paragraphs if one) + "\n"


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split()).split(". ")[0].rstrip(".")


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _is_option(parameter: Any) -> bool:
    return str(parameter.param_type_name) == "option"


def _escaped(text: str) -> str:
    """Return text that the formatter prints as it is: it reads backslashes, and dots that begin a line."""
    written = "".join(_MARKS.get(letter, letter) for letter in text)
    return f"\\&{written}" if written.startswith((".", "\\(aq")) else written
