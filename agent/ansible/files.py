"""Files that a run would carry out in, the same out where they were approved, else a refusal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader

from agent.ansible import commands
from agent.ansible.connections import Refused
from agent.ansible.job import Job

_CODE = frozenset({"tasks", "handlers", "templates", "vars", "defaults", "meta"})


def confined_loader(job: Job) -> type[DataLoader]:
    """Return a loader that takes plays, tasks, variables and templates of the run's own folders only."""
    roots = [Path(root).resolve() for root in job.roots]

    class ConfinedLoader(DataLoader):  # type: ignore[misc]
        def load_from_file(self, file_name: str, *args: Any, **options: Any) -> Any:
            _check(self.path_dwim(file_name), roots)
            return super().load_from_file(file_name, *args, **options)

        def path_dwim_relative_stack(
            self, paths: list[str], dirname: str, source: str, is_role: bool = False
        ) -> str:
            found: str = super().path_dwim_relative_stack(paths, dirname, source, is_role)
            if dirname in _CODE or (dirname == "files" and commands.runs_a_script()):
                _check(found, roots)
            return found

    return ConfinedLoader


def _check(path: str, roots: Iterable[Path]) -> None:
    real = Path(os.path.realpath(path))
    if real.exists() and not any(real.is_relative_to(root) for root in roots):
        raise Refused(
            f"opsmend refuses {path}: it is no part of what was approved. What a remediation carries out "
            "lies in its own folder or beside it (roles, tasks, templates, files)."
        )
