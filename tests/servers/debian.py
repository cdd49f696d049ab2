"""Servers from Debian packages, unpacked into the cache and run from there: nothing is installed.

``python -m tests.servers.debian prometheus …`` fetches what the tests will ask for.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "servers"


def unpacked(package: str) -> Path:
    """Return the folder a package is unpacked in, fetching it where it is missing."""
    folder = CACHE / package
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=f".{package}-") as name:
        work = Path(name)
        # apt drops its rights for the download and must be able to write here
        work.chmod(0o777)
        _download(package, work)
        (archive,) = work.glob("*.deb")
        tree = work / "tree"
        subprocess.run(["dpkg-deb", "-x", str(archive), str(tree)], check=True)
        shutil.move(str(tree), folder)
    return folder


def _download(package: str, work: Path) -> None:
    command = ["apt-get", "download", "-q", package]
    if subprocess.run(command, cwd=work, capture_output=True, check=False).returncode != 0:
        subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True)
        subprocess.run(command, cwd=work, check=True, capture_output=True)


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        print(f"{wanted}: {unpacked(wanted)}")
