"""What people have and is not over in, one message that says so out, and not the next one too soon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from agent.quantity import span_in_words
from agent.records import Incident, IncidentState
from agent.store import Stores

REMINDER = "reminder"
_SHOWN = 10
_LOOK_EVERY = timedelta(minutes=1)


class Reminders:
    """Reminds each target of all that it has, in one message, when it heard of none of it for long.

    ``targets`` are those that hear of what the agent gives to people; ``every`` how long is long, or None.
    """

    def __init__(
        self, stores: Stores, targets: Callable[[], Sequence[str]], every: Callable[[], timedelta | None]
    ) -> None:
        self._stores = stores
        self._targets = targets
        self._every = every
        self._looked_at: datetime | None = None

    def put_up(self, now: datetime) -> None:
        """Put reminders up that are due. Raises StoreError."""
        every = self._every()
        if every is None or (self._looked_at is not None and now - self._looked_at < _LOOK_EVERY):
            return
        self._looked_at = now
        if not self.open():
            return
        for target in self._targets():
            last = self._stores.notifications.last_to(target)
            if last is not None and now - last >= every:
                self._stores.notifications.add(None, REMINDER, target, now)

    def open(self) -> list[Incident]:
        """Return what is for people and nobody has taken, the oldest first."""
        active = self._stores.incidents.active()
        mine = [one for one in active if one.state is IncidentState.ESCALATED and not one.acknowledged_by]
        return sorted(mine, key=lambda one: one.opened_at)


def tell_reminder(
    incidents: Sequence[Incident], name: str, public_url: str | None, now: datetime
) -> tuple[str, str]:
    """Return title and body of a message about what people still have."""
    lines = []
    for one in incidents[:_SHOWN]:
        why = f": {one.reason.text}" if one.reason is not None else ""
        lines.append(f"{one.title}, for {span_in_words(now - one.opened_at)}{why}")
        lines.append(
            f"  {public_url}/incidents/{one.id}" if public_url else f"  opsmend incident show {one.id}"
        )
    if len(incidents) > _SHOWN:
        lines.append(f"and {len(incidents) - _SHOWN} more")
    lines += ["", "Take it, and it is not said again: opsmend incident acknowledge NUMBER"]
    count = "1 incident" if len(incidents) == 1 else f"{len(incidents)} incidents"
    return f"[{name}] nobody has taken {count} yet", "\n".join(lines)
