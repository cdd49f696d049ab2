"""The documentation against the product: commands that exist, run, and say what they are said to say."""

import re
import shlex
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import click
import pytest
from typer.main import get_command

from agent.cli.main import app
from agent.config.reference import options
from tests.servers.process import wait_until

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OPSMEND = Path(sys.executable).parent / "opsmend"
# what changes the machine, has a test of its own on hosts of its own, or never ends
ELSEWHERE = {"init", "run", "demo", "restore", "train", "probe", "reload"}
EXIT_CODES = {0, 1, 3, 4, 5, 6, 7, 78}


@cache
def written_commands():
    """Every opsmend command of a block or between backticks, with the page that has it."""
    found = {}
    for page in PAGES:
        text = page.read_text()
        blocks = "\n".join(re.findall(r"```(?:sh|console)?\n(.*?)```", text, re.DOTALL))
        lines = [part for line in blocks.splitlines() for part in re.split(r"\s+#|;|&&|\|", line)]
        inline = re.findall(
            r"`((?:sudo )?opsmend [a-z][^`\n]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        )
        for line in (*lines, *inline):
            words = line.strip().removeprefix("sudo ")
            if words.startswith("opsmend ") and "…" not in words:
                found.setdefault(words.split("|")[0].strip(), page.name)
    return found


def resolved(words):
    """Return the arguments as the command reads them. Raises click.UsageError where it would refuse them."""
    command, name, rest = get_command(app), "opsmend", words
    context = click.Context(command, info_name=name)
    while isinstance(command, click.Group):
        if rest[:1] == ["--help"] or not rest:
            return name
        name, command, rest = command.resolve_command(context, rest)
        context = click.Context(command, parent=context, info_name=name)
    if rest != ["--help"]:
        command.parse_args(context, list(rest))
    return name


def test_there_are_commands_to_look_at():
    assert len(written_commands()) > 40


@pytest.mark.parametrize("line", written_commands())
def test_every_command_in_the_docs_is_one(line):
    try:
        resolved(shlex.split(line)[1:])
    except click.UsageError as error:
        if not re.search(r"\b[A-Z]{3,}\b|\[|FOLDER", line):  # FILE, NAME and the like stand for something
            pytest.fail(f"{written_commands()[line]}: {line}: {error.format_message()}")


def test_what_people_type_runs_on_an_agent_at_work(workshop):
    """Each command once, beside an agent: documented exit codes only, and never a traceback."""
    config = workshop.save_config()
    process = workshop.start()
    try:
        wait_until(lambda: "agent started" in workshop.log(), 60, workshop.log)
        wrong = []
        for words in one_of_each():
            done = subprocess.run(
                [OPSMEND, *words, *(["--config", config] if takes_config(words) else [])],
                capture_output=True, text=True, check=False, timeout=120, cwd=workshop.folder,
            )  # fmt: skip
            if done.returncode not in EXIT_CODES or "Traceback" in done.stderr or "unforeseen" in done.stderr:
                wrong.append(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
        assert wrong == []
    finally:
        process.terminate()
        process.wait(timeout=30)


def one_of_each():
    """Return of each command that can be run here one line of the docs."""
    found = {}
    for line in written_commands():
        words = shlex.split(line)[1:]
        if words[0] in ELSEWHERE or {"--watch", "--help"} & set(words) or re.search(r"\b[A-Z]{4,}\b|/", line):
            continue
        with suppress(click.UsageError):
            found.setdefault(resolved(words), words)
    return found.values()


def takes_config(words):
    command, rest = get_command(app), list(words)
    while isinstance(command, click.Group) and rest:
        _, command, rest = command.resolve_command(click.Context(command), rest)
    return any("--config" in one.opts for one in command.params)


def test_every_page_that_is_linked_is_there():
    missing = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert missing == []


def test_every_setting_that_the_docs_name_is_one():
    known = {option.key for option in options()}
    sections = {key.split(".")[0] for key in known}
    named = {
        (page.name, key)
        for page in PAGES
        for key in re.findall(rf"`((?:{'|'.join(sections)})\.[a-z_.]+)`", page.read_text())
        if not key.endswith((".yml", ".db", ".md", ".py", ".service", ".sock"))
    }
    wrong = {
        (page, key)
        for page, key in named
        if not any(one == key or one.startswith(f"{key}.") for one in known)
    }
    assert wrong == set()


def test_every_message_that_is_explained_is_one_that_the_product_has():
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    sources = "\n".join(
        re.sub(r'"\s*\n\s*f?"', "", file.read_text()) for file in sorted((ROOT / "agent").rglob("*.py"))
    )
    sources = re.sub(r"\{[^{}]*\}", "…", sources).replace("[/]", "").replace("[red]", "")
    for message in re.findall(r"^\| `([^`]+)`", page, re.MULTILINE):
        parts = [part.strip() for part in message.split("…")]
        assert all(part in sources for part in parts if part), message
