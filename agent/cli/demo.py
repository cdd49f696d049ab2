"""``opsmend demo``."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.cli.output import console, errors


def run_demo(root: Path, folder: Path, keep: bool, clean: bool) -> None:
    """Play the demo, or remove it."""
    from agent.demo.play import clean as remove_all
    from agent.demo.play import play

    if clean:
        remove_all(folder)
        console.print("every trace of the demo is removed")
        return
    try:
        good = play(root, folder, keep, console)
    except KeyboardInterrupt:
        errors.print("interrupted; the demo's hosts are removed")
        sys.exit(130)
    if not good:
        sys.exit(1)
