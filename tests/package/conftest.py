"""The packages as they were built, and a site to install them on: once for each story."""

import os
import shutil
from pathlib import Path

import pytest

from tests.package.site import running_site


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder that make test-package has built packages into, the build before in ``before``."""
    folder = os.environ.get("PACKAGES", "")
    if not folder:
        pytest.fail("PACKAGES names no folder of packages: make test-package builds them")
    return Path(folder)


@pytest.fixture(scope="module")
def site(packages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    files = folder / "packages"
    for place in ("", "before"):
        (files / place).mkdir()
        for file in (packages / place).glob("*.deb"):
            shutil.copy(file, files / place)
    with running_site(f"opsmend-package-{os.getpid()}", folder, files) as made:
        yield made
