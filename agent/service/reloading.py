"""Changed files in, the agent going by them out; and the truth about what of them is not in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from agent import metrics
from agent.config import Settings, check_settings, load_settings
from agent.config.effective import LIVE, changed_keys, is_under, overlay
from agent.errors import ConfigError
from agent.log import Logger, set_up
from agent.web.access.tokensfile import FileTokens, load_tokens
from agent.wiring import Agent, load_definitions

log = Logger("service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What came of the newest reload. ``number`` counts them, ``problems`` is empty when it was done."""

    number: int = 0
    at: datetime | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What the file of settings says and the agent does not go by: keys by what brings them into force."""

    reload: Sequence[str] = ()
    restart: Sequence[str] = ()
    problem: str = ""


@dataclass
class Reloader:
    """Reloads what can change while the agent works. A mistake keeps everything as it is.

    ``use_tokens`` takes the provisioned tokens; ``done`` is called after a reload that was done.
    """

    agent: Agent
    config: Path
    use_tokens: Callable[[FileTokens], None]
    done: Callable[[], None]
    newest: Reload = field(default_factory=Reload)
    pending: Pending = field(default_factory=Pending)
    _seen: tuple[int, ...] = ()

    def reload(self) -> None:
        """Load everything anew, and go by it or by nothing of it."""
        try:
            self._load()
        except ConfigError as error:
            for problem in error.problems:
                log.error("reload refused, the old configuration stays", problem=str(problem))
            metrics.RELOADS.labels("refused").inc()
            self._note(tuple(str(problem) for problem in error.problems))
        except Exception as error:
            self._note((f"unforeseen error, see the log: {error!r}",))
            raise
        else:
            metrics.RELOADS.labels("done").inc()
            self._note(())
            self.done()
        self.look(again=True)

    def look(self, again: bool = False) -> None:
        """Compare the file with what is in force, when it changed since the last look."""
        try:
            status = self.config.stat()
            seen: tuple[int, ...] = (status.st_mtime_ns, status.st_ino, status.st_size)
        except OSError:
            seen = ()
        if seen == self._seen and not again:
            return
        self._seen = seen
        try:
            changed = changed_keys(self.agent.settings, load_settings(self.config))
        except ConfigError as error:
            self.pending = Pending(problem=str(error.problems[0]))
            return
        self.pending = Pending(
            reload=[key for key in changed if is_under(key, LIVE)],
            restart=[key for key in changed if not is_under(key, LIVE)],
        )

    def status(self) -> Mapping[str, Any]:
        """Return the newest reload and what is pending."""
        return {"newest": self.newest, "pending": self.pending}

    def _load(self) -> None:
        wanted = load_settings(self.config)
        problems = list(check_settings(wanted, self.config))
        if problems:
            raise ConfigError(problems)
        settings: Settings = overlay(self.agent.settings, wanted, LIVE)
        definitions = load_definitions(settings)
        tokens = load_tokens(settings.api.tokens_file)
        self.agent.reload(settings, definitions)
        self.use_tokens(tokens)
        set_up(settings.agent.log_level, settings.agent.log_format)

    def _note(self, problems: tuple[str, ...]) -> None:
        at = self.agent.clock.now()
        self.newest = Reload(number=self.newest.number + 1, at=at, problems=problems)
