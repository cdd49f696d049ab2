"""Every error the product raises on purpose.

OpsmendError
├── ConfigError            a file or setting is wrong; carries one problem per line
├── NotFoundError          no such incident, remediation, host
├── ConflictError          somebody else was first (compare-and-swap lost)
│   └── PausedError        the agent was paused meanwhile
├── RefusedError           not permitted, or not in this state
├── SourceError            a source of metrics, logs, events did not answer as it should
│   ├── SourceUnreachable      transient: refused, timed out, 5xx, 429
│   ├── SourceRefused          permanent: 401, 403, 404, a bad certificate
│   ├── QueryError             permanent: the source says that the query is wrong
│   └── AnswerError            transient: the answer is truncated or of another shape
│       └── AnswerTooLarge         more than we want to hold at once
├── TargetError            an entity resolves to no host, or to too many
├── ParameterError         a value does not fit the type of a remediation's parameter
├── RunError               a run could not be carried out
├── ModelError             a model cannot be trained, kept or used
├── StateError             what detection has kept cannot be used: it is learned anew
└── StoreError             the store could not read or write
    └── StoreUnavailable       transient: disk full, locked, gone

The docstring of a class is its default message. Exceptions neither log nor exit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class OpsmendError(Exception):
    """Something went wrong."""

    exit_code = 1
    transient = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in one file: where it is, what it is, and the way out."""

    file: Path | str
    message: str
    line: int | None = None
    key: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else f"{self.file}"
        key = f" {self.key}:" if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}:{key} {self.message}{hint}"


class ConfigError(OpsmendError):
    """The configuration cannot be used."""

    exit_code = 78  # EX_CONFIG, so that systemd can be told not to restart

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = [Problem(file="configuration", message=problems)]
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@contextmanager
def gathering(problems: list[Problem]) -> Iterator[None]:
    """Add what is wrong inside to problems, and go on after it: people mend all of them at once."""
    try:
        yield
    except ConfigError as error:
        problems += error.problems


class NotFoundError(OpsmendError):
    """There is nothing of that name."""

    exit_code = 3


class ConflictError(OpsmendError):
    """Somebody else was first."""

    exit_code = 4


class PausedError(ConflictError):
    """The agent was paused meanwhile."""


class RefusedError(OpsmendError):
    """That is not allowed now."""

    exit_code = 5


class SourceError(OpsmendError):
    """A source did not answer as it should."""

    exit_code = 6


class SourceUnreachable(SourceError):
    """The source does not answer."""

    transient = True


class SourceRefused(SourceError):
    """The source refuses us."""


class QueryError(SourceError):
    """The source says that the query is wrong."""


class AnswerError(SourceError):
    """The answer is not what the protocol promises."""

    transient = True


class AnswerTooLarge(AnswerError):
    """The answer is larger than what is taken in at once."""


class TargetError(OpsmendError):
    """The target does not resolve to hosts of the inventory."""


class ParameterError(OpsmendError):
    """A value does not fit its parameter."""


class RunError(OpsmendError):
    """The run could not be carried out."""


class ModelError(OpsmendError):
    """The model cannot be used."""


class StateError(OpsmendError):
    """What was kept cannot be used."""


class StoreError(OpsmendError):
    """The store could not read or write."""

    exit_code = 7


class StoreUnavailable(StoreError):
    """The store cannot be used now."""

    transient = True
