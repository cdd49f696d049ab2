"""The image of a test host: real Debian under systemd, made from packages, kept until its recipe changes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from agent.errors import OpsmendError

RECIPE = Path(__file__).parent / "image"
PODMAN = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
_BASE_PACKAGES = "systemd,systemd-sysv,dbus,openssh-server,python3,sudo,iproute2,procps"
_SUITE = "bookworm"
_NAME = "localhost/opsmend-node"
_BASE_NAME = f"localhost/opsmend-base:{_SUITE}"
# what a package enables is disabled again: each host gets its role when it starts
_MORE = """FROM {plain}
RUN printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \\
    && find /etc/systemd/system -type l | sort > /tmp/before && apt-get update -q \\
    && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends {packages} \\
    && find /etc/systemd/system -type l | sort | comm -13 /tmp/before - | xargs -r rm \\
    && rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/* /tmp/before
"""

Tell = Callable[[str], None]


class DemoError(OpsmendError):
    """The demo cannot go on."""


def run(*command: str, given: str | None = None, timeout_s: float = 900) -> str:
    """Run a program and return what it printed. Raises DemoError with its last words."""
    try:
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            stdin=None if given is not None else subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise DemoError(f"{command[0]} is not installed; 'make demo' installs it") from error
    except subprocess.TimeoutExpired as error:
        raise DemoError(f"{' '.join(command[:4])}… did not end within {timeout_s:.0f} s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise DemoError(f"{' '.join(command[:6])}…: {said[-1] if said else done.returncode}")
    return done.stdout


def base_image(tell: Tell) -> str:
    """Return the name of the image of a bare host under systemd, building it where it is missing."""
    if not _exists(_BASE_NAME):
        _build_base(tell)
    return _BASE_NAME


def node_image(tell: Tell, packages: Iterable[str] = ()) -> str:
    """Return the name of the host image, with more packages where given, building it where it is missing."""
    wanted = " ".join(sorted(set(packages)))
    return _image_with(tell, wanted) if wanted else _plain_image(tell)


def _image_with(tell: Tell, packages: str) -> str:
    plain = _plain_image(tell)
    recipe = _MORE.format(plain=plain, packages=packages)
    name = f"{plain}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"
    if not _exists(name):
        tell(f"installing {packages} into an image of its own")
        run(*PODMAN, "build", "-q", "-t", name, "-", given=recipe)
    return name


def _plain_image(tell: Tell) -> str:
    name = f"{_NAME}:{_recipe_digest()}"
    if _exists(name):
        return name
    base_image(tell)
    tell("installing services and exporters into the host image (about half a minute)")
    build = [*PODMAN, "build", "-q", "-t", name, "--build-arg", f"BASE={_BASE_NAME}", str(RECIPE)]
    run(*build)
    return name


def remove_images() -> None:
    """Remove every image the demo ever made."""
    listed = run("podman", "images", "--format", "{{.Repository}}:{{.Tag}}").split()
    ours = [name for name in listed if name.startswith((_NAME + ":", _BASE_NAME))]
    if ours:
        run("podman", "rmi", "--force", *ours)


def _exists(name: str) -> bool:
    done = subprocess.run(["podman", "image", "exists", name], capture_output=True, check=False)
    return done.returncode == 0


def _recipe_digest() -> str:
    digest = hashlib.sha256()
    for file in sorted(RECIPE.rglob("*")):
        if file.is_file():
            digest.update(str(file.relative_to(RECIPE)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _build_base(tell: Tell) -> None:
    tell("building a Debian base image from packages (about a minute, once)")
    folder = Path(tempfile.mkdtemp(prefix="opsmend-base-"))
    archive = folder / "base.tar"
    try:
        tree = folder / "tree"
        run("debootstrap", "--variant=minbase", f"--include={_BASE_PACKAGES}", _SUITE, str(tree), _mirror())
        tell("importing it into podman")
        run("tar", "-C", str(tree), "-cf", str(archive), ".")
        run("podman", "import", "-q", str(archive), _BASE_NAME)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _mirror() -> str:
    """Return the package mirror as apt is set up here, so that a local mirror is used."""
    places = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for place in places:
        text = place.read_text() if place.is_file() and os.access(place, os.R_OK) else ""
        match = re.search(r"^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s*(https?://\S+)", text, re.MULTILINE)
        if match and "security" not in match[1]:
            return match[1]
    return "http://deb.debian.org/debian"
