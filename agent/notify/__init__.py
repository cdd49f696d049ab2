"""People are called: messages that were put up are composed and delivered, anomalies announced."""

from agent.notify.alertmanager import AnomalyAlerts
from agent.notify.anomalies import AnomalyDigest
from agent.notify.notifier import Notifier
from agent.notify.own_trouble import OwnTroubleMessages
from agent.notify.reminders import Reminders
from agent.notify.story import Storyteller

__all__ = ["AnomalyAlerts", "AnomalyDigest", "Notifier", "OwnTroubleMessages", "Reminders", "Storyteller"]
