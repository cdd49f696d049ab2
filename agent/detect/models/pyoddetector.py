"""The class path of a detector of PyOD in, a member out; or a sentence on why it cannot be one."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Self

import numpy as np

from agent.detect.models.member import SEED, sampled
from agent.environment import where_extra_is
from agent.errors import ConfigError
from agent.records import FloatArray

PATH = re.compile(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$")
_MOST_ROWS = 3000
_LARGEST = 1e9


class NamedDetector:
    """Any detector with PyOD's interface, such as ``pyod.models.ecod.ECOD``."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._detector: Any = None

    def fit(self, rows: FloatArray) -> Self:
        """Learn. Raises ConfigError when there is no such detector, or what it needs is not installed."""
        kind = detector_class(self.path)
        try:
            self._detector = _made(kind).fit(sampled(rows, _MOST_ROWS))
        except ImportError as error:  # some need PyTorch only now
            raise ConfigError(_why_not(self.path, error)) from error
        return self

    def decision_function(self, rows: FloatArray) -> FloatArray:
        """Return the detector's scores, made finite."""
        scores = np.asarray(self._detector.decision_function(rows), np.float64).ravel()
        return np.nan_to_num(np.clip(scores, -_LARGEST, _LARGEST), nan=0.0)

    def state(self) -> dict[str, Any]:
        """Return the detector itself: what it holds decides whether it can be kept on the shelf."""
        return {"path": self.path, "detector": self._detector}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the model that ``state`` gave."""
        made = cls(str(state["path"]))
        made._detector = state["detector"]
        return made


def detector_class(path: str) -> type[Any]:
    """Import a detector's class. Raises ConfigError."""
    module_name, _, name = path.rpartition(".")
    if not PATH.match(path):
        raise ConfigError(f"detect.models.members: '{path}' is no class path such as pyod.models.ecod.ECOD")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(_why_not(path, error)) from error
    kind = getattr(module, name, None)
    from pyod.models.base import BaseDetector

    if not isinstance(kind, type) or not issubclass(kind, BaseDetector):
        raise ConfigError(f"detect.models.members: {path} is no detector of PyOD (no BaseDetector)")
    return kind


def _why_not(path: str, error: ImportError) -> str:
    if (error.name or "").partition(".")[0] == "torch" or ("torch" in str(error) and not find_spec("torch")):
        return (
            f"detect.models.members: {path} needs PyTorch, which is not installed here; install torch beside "
            f"opsmend, or take it out (autoencoder and lstm do without)"
        )
    if not find_spec("pyod"):
        return f"detect.models.members: {path} needs PyOD: {where_extra_is('pyod')}"
    return f"detect.models.members: {path} cannot be imported: {error}"


def _made(kind: type[Any]) -> Any:
    """Make a detector with its own defaults, and a seed where it takes one."""
    import inspect

    if "random_state" in inspect.signature(kind).parameters:
        return kind(random_state=SEED)
    return kind()
