"""Folders that hold secrets for a while: the owner's alone, and gone when nobody needs them any more."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path


class Scratch:
    """A new folder below ``parent``, removed with its last reference, or when the process ends in order."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # by its process's number the next life of the agent knows what a killed one has left
        self.path = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=parent))
        self.path.chmod(0o700)
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def remove_orphans(parent: Path) -> None:
    """Remove the folders below ``parent`` that belong to a process which is gone."""
    with suppress(OSError):
        for folder in list(parent.iterdir()):
            pid = folder.name.partition("-")[0]
            if not pid.isdigit() or not _lives(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return pid != os.getpid()  # we have only begun: what has our number is of an earlier process
