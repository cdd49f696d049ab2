"""The body of an Alertmanager webhook in, alerts out, or a refusal that says what is wrong with it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from agent.errors import AnswerError
from agent.instance import with_host
from agent.records import Alert

_MOST_ALERTS = 10_000
_LONGEST_VALUE = 16 * 1024

Value = Annotated[str, Field(max_length=_LONGEST_VALUE)]
Labels = Annotated[dict[Annotated[str, Field(max_length=256)], Value], Field(max_length=256)]


def _moment(value: Any) -> Any:
    # Go writes nanoseconds, and year 1 for "not yet"
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        try:
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except OverflowError:
            raise ValueError("is no time") from None
    raise ValueError("is no time")


Moment = Annotated[datetime, BeforeValidator(_moment)]


class _WebhookAlert(BaseModel):
    status: Literal["firing", "resolved"]
    labels: Labels
    annotations: Labels = Field(default_factory=dict)
    startsAt: Moment  # noqa: N815 - the protocol's name
    endsAt: Moment | None = None  # noqa: N815
    fingerprint: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-zA-Z]*$")] = ""


class _Webhook(BaseModel):
    version: Literal["4"]
    alerts: list[_WebhookAlert] = Field(max_length=_MOST_ALERTS)


def parse_webhook(body: bytes, now: datetime) -> list[Alert]:
    """Return the alerts of a version 4 webhook body. Raises AnswerError for anything else."""
    try:
        webhook = _Webhook.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise AnswerError(f"the body is no JSON: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise AnswerError(f"the body is no Alertmanager webhook: {place}: {first['msg']}") from error
    return [_to_alert(alert, now) for alert in webhook.alerts]


def _to_alert(alert: _WebhookAlert, now: datetime) -> Alert:
    labels = with_host(alert.labels)
    resolved = alert.status == "resolved"
    return Alert(
        fingerprint=alert.fingerprint or _fingerprint(alert.labels),
        name=labels.get("alertname", ""),
        labels=labels,
        annotations=alert.annotations,
        starts_at=alert.startsAt,
        received_at=now,
        resolved_at=(alert.endsAt or now) if resolved else None,
    )


def _fingerprint(labels: dict[str, str]) -> str:
    content = orjson.dumps(labels, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()[:16]
