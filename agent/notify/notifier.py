"""Messages that wait in the store in, deliveries out, tried again until they succeed or it is hopeless."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from agent.charts import Chart
from agent.cleantext import describe_unforeseen
from agent.clock import Clock
from agent.config.notify import NotifyTarget
from agent.errors import NotFoundError, StoreError
from agent.log import Logger
from agent.metrics import NOTIFICATIONS
from agent.notify.anomalies import ANOMALY, tell_anomalies
from agent.notify.delivery import deliver, read_urls, reasons
from agent.notify.reminders import REMINDER, Reminders, tell_reminder
from agent.notify.story import Story, Storyteller
from agent.records import Anomaly
from agent.store import Notification, NotificationStore

log = Logger("notify")

_MOST_ATTEMPTS = 8
_FIRST_PAUSE = timedelta(seconds=15)


class Notifier:
    """Delivers what is due. One delivery at a time."""

    def __init__(
        self,
        notifications: NotificationStore,
        storyteller: Storyteller,
        targets: Callable[[], Mapping[str, NotifyTarget]],
        clock: Clock,
        anomalies: Callable[[], Sequence[Anomaly]] = tuple,
        draw: Callable[[Anomaly], Chart | None] = lambda anomaly: None,
        reminders: Reminders | None = None,
    ) -> None:
        self._notifications = notifications
        self._storyteller = storyteller
        self._targets = targets
        self._draw = draw
        self._reminders = reminders
        self._clock = clock
        self._anomalies = anomalies
        self.undelivered: dict[str, str] = {}  # targets that did not take the last message, and why

    def deliver(self) -> None:
        """Deliver every message that is due. Raises StoreError."""
        if self._reminders is not None:
            self._reminders.put_up(self._clock.now())
        for notification in self._notifications.due(self._clock.now()):
            if self._is_over(notification):
                self._notifications.settle(notification, "dropped", "what it was about is over")
                continue
            error, delivered = self._deliver_guarded(notification)
            self.undelivered.pop(notification.target, None)
            if error:
                self.undelivered[notification.target] = error
            if not error:
                self._notifications.settle(notification, "sent", delivered=delivered)
                log.info("people told", incident=notification.incident_id, target=notification.target)
            elif notification.attempts + 1 >= _MOST_ATTEMPTS:
                self._notifications.settle(notification, "failed", error, delivered=delivered)
                log.error("people could not be told", target=notification.target, why=error)
            else:
                pause = _FIRST_PAUSE * 2**notification.attempts
                due_at = self._clock.now() + pause
                self._notifications.settle(notification, "waiting", error, due_at, delivered)
                log.warning("message has to wait", target=notification.target, why=error)
            NOTIFICATIONS.labels("failed" if error else "sent").inc()

    def _is_over(self, notification: Notification) -> bool:
        """Return whether a message that is about all of a kind is about nothing by now."""
        if notification.kind == ANOMALY:
            return not self._anomalies()
        return notification.kind == REMINDER and not (self._reminders and self._reminders.open())

    def _deliver_guarded(self, notification: Notification) -> tuple[str, Sequence[str]]:
        """Send one message; what is wrong with it stops no other."""
        try:
            return self._deliver(notification)
        except StoreError:
            raise
        except Exception as error:
            log.error("unforeseen error", error, target=notification.target)
            return describe_unforeseen(error), notification.delivered

    def _deliver(self, notification: Notification) -> tuple[str, Sequence[str]]:
        """Send one message; return why it failed, or nothing, and the digests of the URLs that have it."""
        done = notification.delivered
        target = self._targets().get(notification.target)
        if target is None:
            return f"there is no target '{notification.target}' any more", done
        try:
            story = self._story(notification, target)
            urls = read_urls(target)
        except (NotFoundError, OSError) as error:
            return str(error), done
        except ValueError as error:
            return f"{error} (notify.targets.{notification.target}.url_file)", done
        outcomes = deliver(urls, story, without=done)
        return reasons(outcomes), [*done, *(one.digest for one in outcomes if not one.why)]

    def _story(self, notification: Notification, target: NotifyTarget) -> Story:
        now = self._clock.now()
        if notification.kind == REMINDER and self._reminders is not None:
            name, public_url = self._storyteller.name, self._storyteller.public_url
            title, body = tell_reminder(self._reminders.open(), name, public_url, now)
            return Story(title=title, body=body, thread=f"{name}-reminders")
        if notification.kind != ANOMALY:
            return self._storyteller.tell(notification, now, target.person, target.previews)
        anomalies = self._anomalies()
        title, body = tell_anomalies(anomalies, self._storyteller.name, now)
        surest = max(anomalies, key=lambda one: one.confidence)
        thread = f"{self._storyteller.name}-anomalies"
        return Story(
            title=title, body=body, chart=self._draw(surest) if surest.query else None, thread=thread
        )
