"""Servers from Maven Central, fetched once into the cache and run from there: nothing is installed.

``python -m tests.servers.maven kafka opensearch …`` fetches what the tests will ask for. What is fetched
is named after its recipe's content, so that a changed recipe is fetched anew.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers.debian import CACHE

RECIPES = Path(__file__).with_name("recipes")
_MAVEN = ["mvn", "-B", "-ntp", "-q"]


def fetched(name: str) -> Path:
    """Return the folder of a server, fetching it where it is missing: ``lib`` has its jars."""
    recipe = RECIPES / name
    content = b"".join(file.read_bytes() for file in sorted(recipe.rglob("*")) if file.is_file())
    folder = CACHE / f"{name}-{hashlib.sha256(content).hexdigest()[:10]}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=f".{name}-") as work:
        # into place only when it is whole; Elasticsearch, which is not run as root, must read it
        made = Path(work) / "made"
        shutil.copytree(recipe, made)
        made.chmod(0o755)
        (_fetch_distribution if name == "elasticsearch" else _fetch_jars)(made)
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():  # somebody else was faster
                raise
    return folder


def _fetch_jars(folder: Path) -> None:
    _run(folder, *_MAVEN, "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib")
    sources = [file.name for file in folder.glob("*.java")]
    if sources:
        _run(folder, "javac", "-proc:none", "-cp", "lib/*", "-d", "classes", *sources)
        _run(folder, "jar", "cf", "lib/tests.jar", "-C", "classes", ".")


def _fetch_distribution(folder: Path) -> None:
    # the markers lie inside, or a second run would unpack nothing
    unpack = ("-DincludeTypes=zip", "-DoutputDirectory=dist", "-DmarkersDirectory=dist/.markers")
    _run(folder, *_MAVEN, "dependency:unpack-dependencies", *unpack)
    (home,) = (folder / "dist").glob("elasticsearch-*")
    home.rename(folder / "home")
    _run(folder, "javac", "-proc:none", "-cp", "home/lib/*", "-d", "classes", "rest-root/RestRoot.java")
    plugin = folder / "home" / "plugins" / "rest-root"
    plugin.mkdir(parents=True)
    _run(folder, "jar", "cf", str(plugin / "rest-root.jar"), "-C", "classes", ".")
    shutil.copy(folder / "rest-root" / "plugin-descriptor.properties", plugin)


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:5])} failed: {(done.stdout + done.stderr)[-2000:]}")


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        print(f"{wanted}: {fetched(wanted)}")
