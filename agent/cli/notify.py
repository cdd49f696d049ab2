"""``opsmend notify test``: a message to every URL of a target, and how each of them took it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agent.check.identity import look_as_the_agent
from agent.check.lines import Level
from agent.check.notifications import check_target
from agent.cli.check import print_lines
from agent.cli.output import console, print_json
from agent.config import find_config_file, load_settings
from agent.errors import NotFoundError, SourceError


def test_targets(config: Path | None, targets: Sequence[str], json: bool) -> None:
    """Send a test message and exit with 6 when somebody did not take it."""
    file = find_config_file(config).absolute()
    with tempfile.TemporaryDirectory(prefix="opsmend-notify-") as folder, console.status("sending…"):
        look_as_the_agent(file, Path(folder))
        settings = load_settings(file)
        wanted = targets or list(settings.notify.targets)
        unknown = [name for name in wanted if name not in settings.notify.targets]
        if not wanted:
            raise NotFoundError(
                "there is no target under notify.targets in opsmend.yml: nobody is told anything"
            )
        if unknown:
            known = ", ".join(sorted(settings.notify.targets)) or "none"
            raise NotFoundError(f"no target '{', '.join(unknown)}' under notify.targets; known: {known}")
        lines = [line for name in wanted for line in check_target(settings, name, send=True)]
    if json:
        print_json(lines)
    else:
        print_lines(lines)
    if any(line.level is Level.WRONG for line in lines):
        sys.exit(SourceError.exit_code)
