"""Trouble of the agent itself in, told to people without the store: by whichever way is left.

A store that is full keeps no message, and a target that is out of order delivers none. So these messages go
straight to the targets that people named for escalations, then to any other, and to the Alertmanager where
one is configured. A dead agent says nothing: for that there is the alert on its metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from agent.collect.http import Reply
from agent.config.notify import NotifyTarget
from agent.errors import SourceError
from agent.log import Logger
from agent.notify.delivery import deliver, read_urls, reasons
from agent.notify.story import Story

log = Logger("notify")

ALERT_NAME = "OpsmendTrouble"
_ALERT_LIVES = timedelta(minutes=30)  # it ends by itself when it is not sent again


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTrouble:
    """Something that the agent cannot do, and since when; ``over`` once it can again."""

    what: str
    why: str
    since: datetime
    over: bool = False


class AlertClient(Protocol):
    """What sends a request to an Alertmanager."""

    def send(self, method: str, path: str, *, json: Any = None) -> Reply:
        """Send it and return the answer. Raises SourceUnreachable or SourceRefused."""


class OwnTroubleMessages:
    """Tells people of the agent's own trouble."""

    def __init__(
        self,
        name: str,
        targets: Callable[[], Mapping[str, NotifyTarget]],
        first: Callable[[], Sequence[str]],
        undelivered: Callable[[], Collection[str]],
        alertmanager: AlertClient | None = None,
    ) -> None:
        self._name = name
        self._targets = targets
        self._first = first
        self._undelivered = undelivered
        self._alertmanager = alertmanager

    @property
    def possible(self) -> bool:
        """Return whether there is any way at all."""
        return bool(self._targets()) or self._alertmanager is not None

    def tell(self, trouble: OwnTrouble, now: datetime) -> bool:
        """Tell of it by every way that may work; return whether anybody was reached."""
        reached = self._send_alert(trouble, now)
        title = f"[{self._name}] {'well again' if trouble.over else 'I am in trouble'}: {trouble.what}"
        body = f"{trouble.why}\nSince {trouble.since:%Y-%m-%d %H:%M:%S} UTC. See: opsmend status"
        for group in self._ways():
            told = [name for name in group if not self._deliver(name, title, body)]
            if told:
                log.info("people told of own trouble", what=trouble.what, targets=", ".join(told))
                return True
        return reached

    def _ways(self) -> list[list[str]]:
        """Return targets in groups: if one of a group takes the message the next need not."""
        targets, failing = self._targets(), set(self._undelivered())
        first = [name for name in self._first() if name in targets]
        others = [name for name in targets if name not in first]
        well = [[name for name in group if name not in failing] for group in (first, others)]
        return [group for group in (*well, [name for name in targets if name in failing]) if group]

    def _deliver(self, name: str, title: str, body: str) -> str:
        try:
            outcomes = deliver(read_urls(self._targets()[name]), Story(title=title, body=body))
        except (OSError, ValueError, KeyError) as error:
            return str(error) or type(error).__name__
        # one that took it is enough: whoever has it must not get it again
        return "" if any(not one.why for one in outcomes) else reasons(outcomes)

    def _send_alert(self, trouble: OwnTrouble, now: datetime) -> bool:
        if self._alertmanager is None:
            return False
        alert = {
            "labels": {"alertname": ALERT_NAME, "opsmend": self._name, "what": trouble.what},
            "annotations": {"summary": f"{self._name}: {trouble.what}", "description": trouble.why},
            "startsAt": trouble.since,
            "endsAt": now if trouble.over else now + _ALERT_LIVES,
        }
        try:
            return self._alertmanager.send("POST", "/api/v2/alerts", json=[alert]).status == 200
        except SourceError as error:
            log.warning("own trouble could not be sent to the Alertmanager", why=str(error))
            return False
