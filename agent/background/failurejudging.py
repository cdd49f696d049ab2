"""Words about failures, the faults there were and when somebody looked in, what became of each word out.

A time in which nobody looked, because the agent was down or the source did not answer, proves nothing: what
was said for it is not observed, unless a fault was seen before it began.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from agent.learn.failures.moments import Occurrence
from agent.records.failures import LOOK_LASTS, FailureForecast, FailureKey, FailureLook, FailureState

_LATE = timedelta(minutes=15)  # until an incident has a name


def judge_without_a_look(
    spoken: Sequence[FailureForecast],
    occurrences: Sequence[Occurrence],
    last: FailureLook | None,
    now: datetime,
) -> dict[int, FailureState]:
    """Return what became of words without asking the source: a fault came, or nobody looked."""
    looked_at = last.at if last is not None else max((one.said.at for one in spoken), default=now)
    until = looked_at if now - looked_at > LOOK_LASTS else now
    judged = {one.id: FailureState.CAME for one in spoken if _came(one, occurrences, until)}
    if until < now:
        missed = (one.id for one in spoken if one.id not in judged and _end(one) > until)
        judged |= dict.fromkeys(missed, FailureState.NOT_OBSERVED)
    return judged


def judge_by_a_look(
    spoken: Sequence[FailureForecast],
    seen: Collection[str],
    unknown: Collection[FailureKey],
    last: FailureLook | None,
    now: datetime,
) -> dict[int, FailureState]:
    """Return what became of words before which no fault came: their time is over, or their host was lost.

    It is lost when nothing was known of it at two looks in turn.
    """
    lost = set(unknown) & last.unknown if last is not None else set()
    judged: dict[int, FailureState] = {}
    for one in spoken:
        key = one.said.key
        if key in lost or now > _end(one) + _LATE:
            away = FailureState.NOT_OBSERVED if one.said.host in seen else FailureState.GONE
            known = one.said.host in seen and key not in unknown
            judged[one.id] = FailureState.STAYED_AWAY if known else away
    return judged


def now_of(spoken: Sequence[FailureForecast], said: Mapping[FailureKey, float]) -> list[tuple[int, float]]:
    """Return what is said of each now; where nothing is, it is as likely as at any time."""
    return [(one.id, said.get(one.said.key, one.said.base)) for one in spoken]


def _came(one: FailureForecast, occurrences: Sequence[Occurrence], until: datetime) -> bool:
    begin, end = one.said.at.timestamp(), min(_end(one), until).timestamp()
    return any(fault.host == one.said.host and begin < fault.begin <= end for fault in occurrences)


def _end(one: FailureForecast) -> datetime:
    return one.said.at + one.said.horizon
