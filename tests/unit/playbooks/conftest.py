"""Ansible modules of the stock roles, loaded as Ansible would: what they share is found in module_utils."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def module(root):
    """A function that loads a module of a role by both names."""
    import ansible.module_utils

    def load(role: str, name: str) -> ModuleType:
        folder = root / "playbooks" / "roles" / role
        for shared in (folder / "module_utils").glob("*.py"):
            full = f"ansible.module_utils.{shared.stem}"
            if full not in sys.modules:
                sys.modules[full] = _load(full, shared)
                setattr(ansible.module_utils, shared.stem, sys.modules[full])
        return _load(name, folder / "library" / f"{name}.py")

    return load
